"""Finds the photos in class folders, and the files beside them."""

from flowers_keras.errors import UserError
from flowers_keras.photos import folders, formats, reader

SHOWN = 8  # folders in a note


def find_photos(classes, skipped, others):
    """The photos in class folders.

    Args:
      classes: list of layouts.ClassFolder.
      skipped, others: as of `reader.find_photos`.

    Returns:
      (paths, owners): pathlib.Path of each photo, and its ClassFolder.

    Raises:
      UserError: there is a class folder without photos.
    """
    paths, owners = [], []
    for each in classes:
        found = reader.find_photos(each.path, skipped, others)
        if not found:
            raise UserError(
                f"class folder {each.path} holds no photo ({formats.NAMES}); add photos or move it away"
            )
        paths += found
        owners += [each] * len(found)
    return paths, owners


def find_loose_photos(root, classes, others):
    """Finds photos beside and around the class folders; other files there are added to `others`.

    Args:
      root: pathlib.Path of the data set.
      classes: list of layouts.ClassFolder.
      others: a list that gets the path of each file that is not a photo.

    Returns:
      List of pathlib.Path.
    """
    around = {root} | {place for each in classes for place in each.path.parents if root in place.parents}
    loose = []
    for each in (file for place in sorted(around) for file in folders.list_folder(place)[1]):
        (loose if reader.looks_like_photo(each) else others).append(each)
    return loose


def name_inner_folders(classes):
    """Prints a note if the folders inside the class folders may be the real classes.

    This is likely if each class folder holds several folders and no photos beside them, with the same names
    everywhere or with different names everywhere. Folders of years, for instance, repeat in only some
    classes.

    Args:
      classes: list of layouts.ClassFolder.
    """
    inside = [_inner_folders(each.path) for each in classes]
    if len(classes) < 2 or any(len(each) < 2 for each in inside):
        return
    every = set().union(*inside)
    outer = folders.join_some(sorted({each.name for each in classes}), SHOWN)
    inner = folders.join_some(sorted(every), SHOWN)
    if all(each == inside[0] for each in inside):
        print(
            f"note: the classes are {outer}, and each holds the folders {inner}; if "
            "those are the classes, call the outer ones train, validation and test, or move those of one "
            "name together"
        )
    elif len(every) == sum(map(len, inside)):
        print(
            f"note: the classes are {outer}, and the folders in them ({inner}) are none; "
            "if those are the classes, move them up"
        )


def _inner_folders(path):
    """Names of the folders in a class folder, below single nested ones; none if photos are beside them."""
    inside, beside = folders.list_folder(path)
    for _ in range(8):  # a link may lead in a circle
        if any(map(reader.looks_like_photo, beside)):
            return set()
        if len(inside) != 1:
            break
        inside, beside = folders.list_folder(inside[0])
    return {folders.as_text(each.name) for each in inside}
