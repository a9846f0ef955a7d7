"""The report's templates: what stands in them is escaped, and a figure has itself in full behind it."""

import json
import pathlib

import jinja2
from markupsafe import Markup


def render(template, /, **values):
    """The text of a file of this folder that is a template, as Markup.

    A file name may hold bytes that are not text; they show as question marks.
    """
    text = _environment().get_template(template).render(**values)
    return Markup(text.encode("utf-8", "replace").decode())


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "percent": lambda value: _data(value, "{:.1%}"),
        "hundredths": lambda value: _data(value, "{:.1%}", unit=""),
        "decimal": lambda value: _data(value, "{:.4f}"),
        "whole": lambda value: _data(value, "{:,}"),
        "seconds": lambda value: _data(value, "{:,.1f}"),
    }
    return environment


def _data(value, form, unit="\N{NO-BREAK SPACE}%"):
    """A figure as it is read, with the figure in full behind it; a dash where there is none."""
    if value is None:
        return Markup('<span class="none">–</span>')
    shown = form.format(value).replace("%", unit)
    return Markup('<data value="{}">{}</data>').format(json.dumps(value), shown)
