"""The output formats of `predict`: a table for people, JSON lines or CSV for programs."""

import dataclasses
import json

from flowers_keras import files
from flowers_keras.photos import folders

BAR = 24  # characters of a probability of 1

EIGHTHS = " ▏▎▍▌▋▊▉█"  # of a character, from the left


def table(answer, class_names, top, heat_map=None):
    """The photo, then one line per class: name, probability, bar.

    Args:
      answer: answering.Answer.
      class_names: in the order of the probabilities.
      top: classes shown, the most probable first.
      heat_map: path of the picture that explains the answer, or None.

    Returns:
      Text, with a line feed at its end.
    """
    lines = [folders.printable(answer.photo)]
    if answer.error:
        lines.append(f"  cannot be read: {folders.printable(answer.error)}")
    else:
        names = [folders.printable(name) for name in class_names]
        width = max(map(len, names))
        for k in ranked(answer.probabilities, top):
            share = float(answer.probabilities[k])
            lines.append(f"  {names[k]:{width}}  {share:6.1%}  {bar(share)}".rstrip())
        if (novelty := answer.novelty) and novelty.unlike:
            lines.append(
                f"  unlike anything it was trained on (score {novelty.score:.3f}; of photos like those 1 in "
                f"{1 / novelty.false_alarms:.0f} is called so)"
            )
    if heat_map:
        lines.append(f"  see {folders.printable(heat_map)}")
    return "\n".join(lines) + "\n"


def json_line(answer, class_names, top, heat_map=None):
    """{"photo", "class", "probability", "probabilities": {class: probability}}, or {"photo", "error"}.

    With "novelty", the fields of novelty.Novelty, if the model can tell.
    """
    row = {"photo": str(answer.photo)}
    if answer.error:
        row["error"] = answer.error
    else:
        shown = ranked(answer.probabilities, top)
        row["class"] = class_names[shown[0]]
        row["probability"] = float(answer.probabilities[shown[0]])
        row["probabilities"] = {class_names[k]: float(answer.probabilities[k]) for k in shown}
        if answer.novelty:
            row["novelty"] = dataclasses.asdict(answer.novelty)
    if heat_map:
        row["heat_map"] = str(heat_map)
    return json.dumps(row) + "\n"


def csv_header(class_names):
    r"""The header for the lines of `csv_line`.

    Example:
      >>> csv_header(["photo", "rose"])
      'photo,class,probability,error,heat_map,novelty,unlike,probability:photo,probability:rose\n'
    """
    columns = (f"probability:{name}" for name in class_names)  # a class may have the name of a column
    return files.csv_line(
        ["photo", "class", "probability", "error", "heat_map", "novelty", "unlike", *columns]
    )


def csv_line(answer, class_names, top, heat_map=None):
    """A line with the columns of `csv_header`.

    Cells of classes that are not among the top are empty; so are `novelty` (the score) and `unlike` if the
    model cannot tell.
    """
    if answer.error:
        return files.csv_line(
            [answer.photo, "", "", answer.error, heat_map or "", *[""] * (2 + len(class_names))]
        )
    shown = ranked(answer.probabilities, top)
    cells = [float(p) if k in shown else "" for k, p in enumerate(answer.probabilities)]
    novelty = [answer.novelty.score, answer.novelty.unlike] if answer.novelty else ["", ""]
    return files.csv_line(
        [answer.photo, class_names[shown[0]], cells[shown[0]], "", heat_map or "", *novelty, *cells]
    )


FORMATS = {"table": table, "json": json_line, "csv": csv_line}


def ranked(probabilities, top):
    """The classes' numbers, the most probable first, `top` of them (None: all).

    Example:
      >>> ranked([0.2, 0.7, 0.1], 2)
      [1, 0]
    """
    return sorted(range(len(probabilities)), key=lambda k: -probabilities[k])[:top]


def bar(share):
    """A bar of `share` times `BAR` characters, to an eighth of one.

    Example:
      >>> bar(0.25)
      '██████'
    """
    whole, rest = divmod(round(share * BAR * 8), 8)
    return EIGHTHS[8] * whole + EIGHTHS[rest].strip()
