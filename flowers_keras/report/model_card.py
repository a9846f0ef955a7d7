"""README.md of a run's folder: a model card in the layout of the Hugging Face Hub."""

import json
import pathlib
import re

import jinja2

from flowers_keras import __version__, files
from flowers_keras.evaluation import evidence

# What Markdown or HTML could take for markup in a name.
SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")


def write_card(run, metrics):
    """Writes `README.md` from the same figures as the report; every name in it is text.

    Args:
      run: run_folder.Run.
      metrics: as in `metrics.json`.
    """
    source = run.config["data"]["source"]
    kind, colon, place = source.partition(":")
    text = (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            name=run.folder.resolve().name,
            metrics=metrics,
            config=run.config,
            # Only the last part of a path: readers of the card need not know where it is.
            source=kind + colon + pathlib.PurePath(place).name if colon else source,
            version=__version__,
        )
    )
    files.write_text(run.path("README.md"), text.encode("utf-8", "replace").decode())


def escaped(name):
    """A name that Markdown and HTML show as it is, in one line.

    Example:
      >>> print(escaped("a_b|<c>"))
      a\\_b\\|\\<c\\>
    """
    return SPECIAL.sub(r"\\\1", " ".join(str(name).split()))


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "text": escaped,
        "yaml": lambda value: json.dumps(value, ensure_ascii=True),  # YAML reads it as JSON does
        "percent": lambda value: "–" if value is None else evidence.percent(value),
        "decimal": lambda value: f"{value:.4f}",
    }
    return environment
