"""Reads tables that people maintain: CSV as text editors, spreadsheets and programs write it."""

import codecs
import csv
import io
import pathlib
import re

from flowers_keras.errors import UserError

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # "Unicode text" of a spreadsheet

DELIMITERS = ",;\t"  # a spreadsheet of a country with decimal commas writes semicolons


def read_table(path, needed, optional=()):
    """The rows of a table whose first line names its columns.

    The text is UTF-8, with or without a byte-order mark, or UTF-16 with one; cells are separated by commas,
    semicolons or tabs and may be quoted; any line endings are accepted. Other columns and empty lines are
    ignored.

    Args:
      path: pathlib.Path.
      needed: names of required columns.
      optional: names of optional columns.

    Returns:
      A list of (line, {column: text}): each row's number in the file and its cells without spaces
      around them, "" where it has none.

    Raises:
      UserError: there is no such file, it is not a table, or a column is missing or there twice.
    """
    try:
        data = pathlib.Path(path).read_bytes()
        text = data.decode("utf-16" if data.startswith(UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text; save it as CSV UTF-8") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; type the path of a CSV file") from error
    first = re.match(r"sep=(.)\r?\n?", text)  # a spreadsheet's own note
    delimiters, skipped = (first[1], 1) if first else (DELIMITERS, 0)
    try:
        tables = [_parse(text, delimiter, skipped) for delimiter in delimiters]
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file ({error}); save it as CSV UTF-8") from error
    wanted = (*needed, *optional)
    header, rows = max(tables, key=lambda table: len(set(table[0]) & set(wanted)))
    for name in wanted:
        if name in needed and name not in header or header.count(name) > 1:
            columns = ", ".join(header) or "none"
            wrong = "is there twice" if name in header else "is missing"
            raise UserError(f"{path}: column {name!r} {wrong}; its first line names {columns}")
    return [(line, _cells(path, line, row, header, wanted)) for line, row in rows]


def _parse(text, delimiter, skipped):
    """(names of the columns, [(line, cells)]) without empty rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader][skipped:]
    rows = [(line, row) for line, row in rows if any(row)]
    return [name.lower() for name in rows[0][1]] if rows else [], rows[1:]


def _cells(path, line, row, header, wanted):
    """{column: text} of a row."""
    if any(row[len(header) :]):
        raise UserError(
            f"{path}: line {line} has {len(row)} cells and the first line {len(header)}; put quotes around "
            "a text that holds a separator"
        )
    return {name: row[header.index(name)] if name in header[: len(row)] else "" for name in wanted}
