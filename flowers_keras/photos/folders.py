"""Folders as people have them: what a disk, a NAS or a desktop adds to them is neither photo nor class."""

import collections
import os
import pathlib
import re

from flowers_keras.errors import UserError

JOINERS = "\u200c\u200d"  # in emoji, and in names in Persian and Hindi
NAMED = 5  # on the console, of what is skipped

# What Windows, macOS, Linux, Synology, QNAP, Android and photo programs leave between photos.
_SYSTEM = re.compile(
    r"""\.(?!.+\.icloud).*  # hidden: .Trashes, ._photo.jpg; what iCloud has not downloaded is not a system's
    |@eadir|@tmp|@recycle|@recently-snapshot|@__thumb|@sharebin|@sharesnap|@quarantine|@appstore
    |.*@syno(eastream|resource)|\#recycle|\#snapshot|~snapshot
    |trashbox|:2e.*  # Buffalo's bin; a hidden file, by netatalk
    |\$recycle\.bin|(?-i:RECYCLER|RECYCLED)|\$win(dows\.~\w+|reagent)|\$sysreset|\$getcurrent|found\.\d{3}
    |system\ volume\ information|config\.msi|msocache|windowsapps|wpsystem|wudownloadcache
    |_vti_.*|node_modules
    |thumbs\.db(:.*)?|ehthumbs(_vista)?\.db|desktop\.ini|autorun\.inf|pagefile\.sys|hiberfil\.sys|swapfile\.sys
    |__macosx|__pycache__|icon\r|network\ trash\ folder|temporary\ items|thevolumesettingsfolder
    |lost\+found|lost\.dir|aquota\.(user|group)
    |_?thumbnails?|picasa\.ini|xnviewthumbs\.db|zbthumbnail\.info|pspbrwse\.jbf
    |.*\.(lrdata|lrlibrary|photoslibrary|(migrated)?photolibrary|aplibrary|cocatalog)|iphoto\ library""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def as_text(name):
    """A file's name as text that can be encoded; bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def printable(name):
    r"""A name on one line, without characters that steer a terminal.

    Example:
      >>> printable("two\nlines")
      'two\\nlines'
    """
    return "".join(
        each if each.isprintable() or each in JOINERS else each.encode("unicode_escape").decode()
        for each in str(name)
    )


def is_system(name):
    """Whether a file or folder of this name belongs to a system or a program, or is hidden.

    Example:
      >>> [is_system(name) for name in ("@eaDir", "$RECYCLE.BIN", "._rose.jpg", "roses")]
      [True, True, True, False]
    """
    return _SYSTEM.fullmatch(name) is not None


def list_files(folder, skipped=None):
    """Files in a folder and its subfolders, sorted, without those of the system.

    Symbolic links are followed, except links to a folder around `folder`; a folder that can be reached in two
    ways is searched once.

    Args:
      folder: path.
      skipped: a list to which the path of each file or folder of the system, which is not searched, is added.

    Returns:
      Sorted list of pathlib.Path.

    Raises:
      UserError: the folder, or one inside it, cannot be listed.
    """
    found, seen = [], _around(folder)
    for place, folders, names in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        address = _address(place)
        if address in seen:
            folders.clear()
            continue
        seen.add(address)
        if skipped is not None:
            skipped += [pathlib.Path(place, each) for each in (*folders, *names) if is_system(each)]
        folders[:] = sorted(each for each in folders if not is_system(each))
        found += [pathlib.Path(place, each) for each in names if not is_system(each)]
    return sorted(found)


def _around(folder):
    """The addresses of the folders that a folder is inside of."""
    return set(map(_address, filter(os.path.exists, pathlib.Path(folder).resolve().parents)))


def _address(folder):
    """What tells a folder from every other one."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _refuse_folder(error):
    raise UserError(
        f"cannot list the folder {error.filename}: {error.strerror}; fix that, or move it away"
    ) from error


def list_folder(folder, skipped=None):
    """Folders and files directly in a folder, without those of the system and links to folders around it.

    Args:
      folder: pathlib.Path.
      skipped: a list that gets the path of each file or folder of the system.

    Returns:
      (folders, files), sorted lists of pathlib.Path.

    Raises:
      UserError: the folder cannot be listed.
    """
    try:
        every = sorted(folder.iterdir())
    except OSError as error:
        _refuse_folder(error)
    if skipped is not None:
        skipped += [each for each in every if is_system(each.name)]
    every = [each for each in every if not is_system(each.name)]
    # pathlib's `is_dir` raises where a link leads out of reach.
    inside = [each for each in every if os.path.isdir(each)]
    others = [each for each in every if not os.path.isdir(each)]
    around = _around(folder)
    return [each for each in inside if _address(each) not in around], others


def join_some(names, most=NAMED):
    """Names for one line of the console, the first few of many.

    Example:
      >>> join_some(["a", "b"]), join_some("abcdef", 3)
      ('a, b', 'a, b, c, ...')
    """
    return ", ".join(names[:most]) + ", ..." * (len(names) > most)


def name_skipped(skipped):
    """One line for the console about files and folders of the system.

    Example:
      >>> name_skipped([pathlib.Path("a/@eaDir"), pathlib.Path("b/@eaDir"), pathlib.Path("b/Thumbs.db")])
      'skipped what belongs to the system: @eaDir (2), Thumbs.db'
    """
    counts = collections.Counter(printable(as_text(path.name)) for path in dict.fromkeys(skipped))
    names = [f"{name} ({count})" if count > 1 else name for name, count in counts.most_common()]
    return f"skipped what belongs to the system: {join_some(names)}"
