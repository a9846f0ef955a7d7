"""Corrections that people make on the page: photos and their classes, for the next run.

The list is a CSV of the columns `path` and `label`, which `data.corrections` adds to the photos of a run and
`data.source=csv:PATH` reads alone. The photos lie in a folder beside it, named by their content.
"""

import contextlib
import hashlib
import io
import threading

from flowers_keras import files, locks, user_paths
from flowers_keras.errors import UserError

HEADER = "path,label\n"

LARGEST_FOLDER = 2 << 30  # bytes of photos, so that users of the page cannot fill the disk

_WRITING = threading.Lock()


def save_correction(path, data, label):
    """Stores a photo and adds it to the list; the same photo again gets the new label.

    Args:
      path: pathlib.Path of the list; the photos' folder has its name without the suffix.
      data: bytes of an encoded photo, stored unchanged.
      label: name of the class that it shows.

    Returns:
      {"photo", "list": paths as text, "label", "count": photos in the list}.

    Raises:
      photos.reader.BrokenPhoto: it is not a photo.
      UserError: it cannot be written, the folder is full, or the list is not one of these.
    """
    # Pillow: a mistake in a command should not wait for it.
    from flowers_keras.photos import decoding, formats

    decoding.read_pixels(data)
    name = f"{hashlib.sha256(data).hexdigest()}.{formats.format_of(data).lower()}"
    # Quoted if the name of the list requires it.
    cell = files.csv_line([f"{path.stem}/{name}", ""]).rstrip("\n")
    with _alone(path):
        others = [line for line in _read_lines(path) if not line.startswith(cell)]
        photo = path.with_suffix("") / name
        if not photo.exists():
            _refuse_full(photo.parent, len(data))
            with files.whole_file(photo) as temporary:
                temporary.write_bytes(data)
        files.write_text(path, "".join([HEADER, *others, files.csv_line([f"{path.stem}/{name}", label])]))
    return {"photo": str(photo), "list": str(path), "label": label, "count": len(others) + 1}


@contextlib.contextmanager
def _alone(path):
    """Only one thread of one process writes at a time."""
    with _WRITING:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locks.hold(path.with_name(f"{path.name}.lock")):
                yield
        except locks.Held as error:
            raise UserError(f"another page is writing {path}; try again") from error
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; choose another --corrections") from error


def _read_lines(path):
    """The lines of the list after its header."""
    if not path.exists():
        return []
    # Not by `splitlines`: a class may have in its name what other programs take for the end of a line.
    first, *lines = list(io.StringIO(files.read_text(path))) or [""]
    if first.strip("\ufeff \n") != HEADER.strip():  # spreadsheets put a mark first
        raise UserError(f"{path} does not begin with {HEADER.strip()}; choose another --corrections")
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _refuse_full(folder, size):
    used = sum(each.stat().st_size for each in folder.iterdir()) if folder.is_dir() else 0
    if used + size > LARGEST_FOLDER:
        raise UserError(f"{folder} is full ({LARGEST_FOLDER >> 20} MiB); choose another --corrections")


def list_path(text, model):
    """The path of the list, as typed or beside the model; None for "", which turns corrections off.

    Args:
      text: the path as typed; None where nothing was.
      model: pathlib.Path of `model.keras`.

    Raises:
      UserError: it is not a CSV file.

    Example:
      >>> import pathlib
      >>> list_path(None, pathlib.Path("runs/x/model.keras")).as_posix(), list_path("", None)
      ('runs/x/corrections.csv', None)
    """
    if text is None:
        return model.with_name("corrections.csv")
    if text and (not text.endswith(".csv") or user_paths.user_path(text).is_dir()):
        raise UserError(f"--corrections={text} is not a CSV file; type for instance --corrections=mine.csv")
    return user_paths.user_path(text) if text else None
