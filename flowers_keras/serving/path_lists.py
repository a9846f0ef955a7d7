"""Lists of paths as other programs write them: find, ls, PowerShell, the "Copy as path" of Windows."""

import codecs
import contextlib
import os
import re
import sys
import unicodedata
import urllib.parse
import urllib.request

PIECE = 1 << 16  # bytes, at most, that are read at a time

QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)

UTF16 = re.compile(rb"(?:[\x20-\x7e]\0){4}")  # without a mark; or photos of names of one letter


def read_paths(stream):
    r"""Yields the paths in a list, each as soon as it has come in.

    A path ends with a line feed, of Unix or of Windows, or, where a NUL comes before any of these, with
    NUL (`find -print0`). The text is UTF-16 where its first bytes are like that, else that of file
    names. Where no file has the very name, it is taken as quoted or escaped by a shell, by Git, as the
    URL of a file, with Windows's separators, or in another form of Unicode. There are no comments: a
    name may start with #.

    Args:
      stream: a binary file.

    Example:
      >>> import io
      >>> list(read_paths(io.BytesIO(b"one.jpg\r\n\r\ntwo.jpg")))
      ['one.jpg', 'two.jpg']
      >>> list(read_paths(io.BytesIO(b"a line\nfeed.jpg\0two.jpg\0")))
      ['a line\nfeed.jpg', 'two.jpg']
    """
    ends, rest = None, ""
    for text in _decode(stream):
        rest += text
        if ends is None and re.search("[\0\n]", rest):
            first = re.search("[\0\n]", rest)[0] if "\0" not in rest else "\0"
            ends = "\0" if first == "\0" else "[\0\n]"
        if ends:
            *paths, rest = re.split(ends, rest)
            yield from filter(None, map(_existing, paths))
    if path := _existing(rest):
        yield path


def _decode(stream):
    """Yields the text in pieces, as it comes in."""
    piece = stream.read1(PIECE)
    if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
    elif UTF16.match(piece):
        decoder = codecs.getincrementaldecoder("utf-16-le")("replace")
    else:
        decoder = codecs.getincrementaldecoder(sys.getfilesystemencoding())("surrogateescape")
        piece = piece.removeprefix(codecs.BOM_UTF8)
    while piece:
        yield decoder.decode(piece)
        piece = stream.read1(PIECE)
    yield decoder.decode(b"", final=True)


def _existing(path):
    """The existing file that a path stands for, or the path unchanged."""
    path = path.removesuffix("\r")
    bare = path.strip()
    if not bare:
        return path if path and os.path.lexists(path) else ""
    return next((each for each in (path, *_meanings(bare)) if os.path.lexists(each)), path)


def _meanings(bare):
    """Yields what a path may stand for, the most likely first."""
    yield bare
    if quoted := QUOTED.fullmatch(bare):
        bare = quoted[2]
        yield bare
        octal = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), bare)  # as Git has it
        with contextlib.suppress(UnicodeError):
            yield os.fsdecode(octal.encode("latin-1"))
    yield os.path.expanduser(bare)
    if bare.startswith("file://"):
        yield urllib.request.url2pathname(urllib.parse.urlsplit(bare).path)
    yield re.sub(r"\\(.)", r"\1", bare)
    yield bare.replace("\\", "/")
    yield from (unicodedata.normalize(form, bare) for form in ("NFC", "NFD"))
