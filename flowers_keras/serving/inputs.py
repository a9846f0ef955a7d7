"""The photos that a person means by paths, folders, patterns and lists."""

import glob
import itertools
import os
import sys

from flowers_keras.errors import UserError
from flowers_keras.model.answering import Answer
from flowers_keras.photos import folders, reader
from flowers_keras.serving import path_lists


def find_inputs(arguments):
    """Yields the photos that the arguments mean, in their order.

    Args:
      arguments: paths of photos and of folders, which are searched to the bottom; patterns with *, ?
        or ** where no file has that very name; "-" for a list on standard input, see `path_lists`.

    Yields:
      Paths as str, or an Answer that says why there is none. A photo named by its path is yielded
      whether it exists or not.
    """
    for argument in map(os.path.expanduser, arguments):
        if argument == "-":
            if not hasattr(sys.stdin, "buffer"):
                raise UserError('there is no list on standard input; type paths instead of "-"')
            yield from itertools.chain.from_iterable(map(_search, path_lists.read_paths(sys.stdin.buffer)))
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
