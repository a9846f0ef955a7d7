"""Folders as people have them: what a disk, a NAS or a desktop adds to them is no photo and no class."""

import os
import pathlib
import re

from flowers_keras.errors import UserError

# What Windows, macOS, Linux, Synology, QNAP, Android and photo programs leave between photos.
_SYSTEM = re.compile(
    r"""\..*                                                                # hidden: .Trashes, ._photo.jpg
    |@eadir|@tmp|@recycle|@recently-snapshot|@__thumb|@sharebin|@sharesnap|@quarantine|@appstore
    |.*@syno(eastream|resource)|\#recycle|\#snapshot|~snapshot
    |\$recycle\.bin|recycler|recycled|\$winreagent|\$sysreset|found\.\d{3}|system\ volume\ information
    |thumbs\.db(:.*)?|ehthumbs(_vista)?\.db|desktop\.ini|autorun\.inf|pagefile\.sys|hiberfil\.sys|swapfile\.sys
    |__macosx|__pycache__|icon\r|network\ trash\ folder|temporary\ items|thevolumesettingsfolder
    |lost\+found|lost\.dir|aquota\.(user|group)|.*\.lrdata""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_system(name):
    """Whether a file or folder of this name belongs to a system or a program, or is hidden.

    Example:
      >>> [is_system(name) for name in ("@eaDir", "$RECYCLE.BIN", "._rose.jpg", "roses")]
      [True, True, True, False]
    """
    return _SYSTEM.fullmatch(name) is not None


def list_files(folder, skipped=None):
    """Files in a folder and its subfolders, sorted, but for those of the system.

    Symbolic links are followed, and a folder that can be reached in two ways, or in a circle, is
    searched once.

    Args:
      folder: path.
      skipped: a list that gets the path of each file or folder of the system, which is not searched.

    Returns:
      Sorted list of pathlib.Path.

    Raises:
      UserError: the folder, or one inside it, cannot be listed.
    """
    found, seen = [], set()
    for place, folders, names in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if skipped is not None:
            skipped += [pathlib.Path(place, each) for each in (*folders, *names) if is_system(each)]
        folders[:] = sorted(each for each in folders if not is_system(each))
        found += [pathlib.Path(place, each) for each in names if not is_system(each)]
    return sorted(found)


def _refuse_folder(error):
    raise UserError(
        f"cannot list the folder {error.filename}: {error.strerror}; mend that, or move it away"
    ) from error
