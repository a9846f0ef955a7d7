"""Renders the report's templates: values are escaped, and every number also carries its full precision."""

import json
import pathlib

import jinja2
from markupsafe import Markup


def render(template, /, **values):
    """Renders a template of this folder, as Markup.

    Bytes of file names that are not text show as question marks.
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
    """A number as people read it, with its full precision in a `data` element; a dash for None."""
    if value is None:
        return Markup('<span class="none">–</span>')
    shown = form.format(value).replace("%", unit)
    return Markup('<data value="{}">{}</data>').format(json.dumps(value), shown)
