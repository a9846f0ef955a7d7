"""The door to a trained classifier: class and probability for each photo.

python -m flowers_keras.predict --model=runs/x/model.keras PHOTO_OR_FOLDER ...
"""

import glob
import itertools
import os
import pathlib
import re
import sys

import numpy as np

from flowers_keras import answers, errors, explain, files
from flowers_keras.classify import Answer, load_classifier
from flowers_keras.errors import UserError
from flowers_keras.photos import reader


def find_inputs(arguments):
    """Yields the photos that the arguments mean, in their order.

    Args:
      arguments: paths of photos and of folders, which are searched to the bottom; patterns with *, ?
        or ** where no file has that very name; "-" for a list on standard input, a path a line.

    Yields:
      Paths as str, or an Answer that says why there is none. A photo named by its path is yielded
      whether it exists or not.
    """
    for argument in arguments:
        if argument == "-":
            for line in sys.stdin.buffer:
                path = os.fsdecode(line.rstrip(b"\r\n"))
                yield from _search(path) if path else ()
        elif os.path.lexists(argument) or not glob.has_magic(argument):
            yield from _search(argument)
        else:
            # Below ** every file comes by itself; searching its folders would repeat them.
            found = sorted(glob.glob(argument, recursive=True))
            found = [each for each in found if "**" not in argument or not os.path.isdir(each)]
            yield from itertools.chain.from_iterable(map(_search, found or [argument]))


def _search(path):
    """The photos of a folder, or the path itself."""
    if not os.path.isdir(path):
        yield path
        return
    try:
        found = reader.find_photos(path)
    except UserError as error:
        yield Answer(path, error=str(error))
        return
    yield from map(str, found) if found else [Answer(path, error="a folder without photos")]


def write_heat_maps(model, answered, folder):
    """Writes beside each other a photo and where its most probable class was seen.

    Args:
      model: a classifier.
      answered: Answers.
      folder: pathlib.Path; photo number 3 becomes `00003-` and what is harmless of its name.

    Yields:
      (Answer, pathlib.Path of its picture, or None where the photo cannot be read).
    """
    answered, before = iter(answered), 0
    while some := list(itertools.islice(answered, explain.BATCH)):
        good = [each for each in some if each.error is None]
        classes = np.array([each.probabilities.argmax() for each in good], int)
        squares = np.array([each.square for each in good])
        maps = iter(explain.heat_maps(model, squares, classes))
        for number, each in enumerate(some, start=before + 1):
            path = None
            if each.error is None:
                path = folder / f"{number:05d}-{_harmless(each.photo)}.jpg"
                explained = explain.explain_picture(each.picture, next(maps))
                with files.whole_file(path) as temporary:
                    temporary.write_bytes(explain.side_by_side(each.picture, explained))
            yield each, path
        before += len(some)


def _harmless(path):
    """What letters, digits, dots and dashes a file's name has, at most 50 of them."""
    return re.sub(r"[^\w.-]+", "_", pathlib.PurePath(path).stem)[:50]


def main(arguments=None):
    """The door: prints a row a photo; returns 1 if any cannot be read, else 0."""
    options = _parse(arguments)
    if options.format != "table":  # a file's name may hold any bytes, and gets them back
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    else:
        sys.stdout.reconfigure(errors="replace")
    classifier = load_classifier(options.model)
    line_of, names = answers.FORMATS[options.format], classifier.class_names
    if options.format == "csv":
        print(answers.csv_header(names), end="")
    answered = classifier.answer(find_inputs(options.photo), options.tta, options.batch_size)
    if options.explain:
        rows = write_heat_maps(classifier.model, answered, options.explain)
    else:
        rows = ((answer, None) for answer in answered)
    broken = 0
    for answer, heat_map in rows:
        print(line_of(answer, names, options.top, heat_map), end="", flush=True)
        broken += answer.error is not None
    if broken:
        print(f"photos that could not be read: {broken}", file=sys.stderr)
    return 1 if broken else 0


def _parse(arguments):
    parser = errors.Arguments(
        prog="python -m flowers_keras.predict",
        description="Says what is on photos; JPEG, PNG, WebP, GIF or BMP.",
    )
    parser.add_argument("--model", required=True, metavar="runs/x/model.keras", help="or the run's folder")
    parser.add_argument("--tta", action="store_true", help="average each photo with its mirror image")
    parser.add_argument("--format", choices=answers.FORMATS, default="table", help="json: a line a photo")
    parser.add_argument("--top", type=int, help="classes shown a photo; 3 in a table, else all")
    parser.add_argument("--batch_size", type=int, help="computed at a time, 32 at most; the training's")
    parser.add_argument("--explain", type=pathlib.Path, metavar="FOLDER", help="gets a heat map a photo")
    parser.add_argument(
        "photo", nargs="+", metavar="PHOTO_OR_FOLDER", help='or a pattern, or "-": a list on standard input'
    )
    options = parser.parse_args(arguments)
    for name in ("top", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name}={value} is not allowed; type a number from 1 on")
    if options.explain:
        _make_folder(options.explain, options.photo)
    if options.top is None and options.format == "table":
        options.top = 3
    return options


def _make_folder(folder, photos):
    """The folder for heat maps; not inside one that is searched, where they would be photos."""
    for each in photos:
        if os.path.isdir(each) and folder.resolve().is_relative_to(pathlib.Path(each).resolve()):
            raise UserError(f"--explain={folder} is inside {each}, which is searched; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--explain={folder} cannot be made ({error.strerror}); choose another") from error


if __name__ == "__main__":
    errors.run_door(main)
