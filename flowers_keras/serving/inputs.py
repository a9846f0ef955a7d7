"""Finds the photos that paths, folders, patterns and lists on the command line stand for."""

import glob
import itertools
import os
import sys

from flowers_keras.errors import UserError
from flowers_keras.model.answering import Answer
from flowers_keras.photos import folders, reader
from flowers_keras.serving import path_lists


def find_inputs(arguments):
    """Yields the photos that the arguments stand for, in their order.

    Args:
      arguments: paths of photos and of folders, which are searched recursively; patterns with *, ? or **
        unless a file has exactly that name; "-" for a list on standard input, see `path_lists`.

    Yields:
      Paths as str, or an Answer with an error. The path of a photo is yielded whether it exists or not.
    """
    for argument in map(os.path.expanduser, arguments):
        if argument == "-":
            if not hasattr(sys.stdin, "buffer"):
                raise UserError('there is no list on standard input; type paths instead of "-"')
            yield from itertools.chain.from_iterable(map(_search, path_lists.read_paths(sys.stdin.buffer)))
        elif os.path.lexists(argument) or not glob.has_magic(argument):
            yield from _search(argument)
        else:
            # ** already matches every file; searching the folders that it matches would repeat them.
            found = sorted(glob.glob(argument, recursive=True))
            found = [each for each in found if "**" not in argument or not os.path.isdir(each)]
            yield from itertools.chain.from_iterable(map(_search, found or [argument]))


def _search(path):
    """The photos of a folder, or the path itself."""
    if not os.path.isdir(path):
        yield path
        return
    skipped, others = [], []
    try:
        found = reader.find_photos(path, skipped, others)
    except UserError as error:
        yield Answer(path, error=str(error))
        return
    if skipped:
        print(folders.name_skipped(skipped), file=sys.stderr)
    if others:
        print(reader.name_others(others), file=sys.stderr)
    yield from map(str, found) if found else [Answer(path, error="a folder without photos")]
