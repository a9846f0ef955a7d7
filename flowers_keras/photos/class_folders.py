"""What lies in class folders and beside them."""

from flowers_keras.errors import UserError
from flowers_keras.photos import folders, formats, reader


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
    """Photos beside the class folders and around them; what is no photo there goes to `others`.

    Args:
      root: pathlib.Path of the data set.
      classes: list of layouts.ClassFolder.
      others: a list that gets the path of each file that is no photo.

    Returns:
      List of pathlib.Path.
    """
    around = {root} | {place for each in classes for place in each.path.parents if root in place.parents}
    loose = []
    for each in (file for place in sorted(around) for file in folders.list_folder(place)[1]):
        (loose if reader.looks_like_photo(each) else others).append(each)
    return loose


def name_same_folders(classes):
    """Prints a note where each class folder holds the same folders, which may then be the classes.

    Args:
      classes: list of layouts.ClassFolder.
    """
    inside = [{each.name for each in folders.list_folder(one.path)[0]} for one in classes]
    if len(inside) > 1 and len(inside[0]) > 1 and all(each == inside[0] for each in inside):
        names = ", ".join(sorted(map(folders.as_text, inside[0])))
        outer = ", ".join(each.name for each in classes)
        print(
            f"note: the classes are {outer}, and each holds the folders {names}; if those are the classes, "
            "call the outer ones train, validation and test"
        )
