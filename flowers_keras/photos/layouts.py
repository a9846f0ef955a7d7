"""Finds the class folders of a data set, whether it is split into parts already or not."""

import dataclasses
import os
import pathlib

from flowers_keras.errors import UserError
from flowers_keras.photos import folders, naming, part_names, reader
from flowers_keras.photos.part_names import PARTS

ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")


@dataclasses.dataclass(frozen=True)
class ClassFolder:
    """Photos of one class, or of one class in one part.

    Attributes:
      part: "train", "validation" or "test"; None where the folders are not split.
      name: of the class, as `naming.class_name` gives it.
      path: pathlib.Path.
    """

    part: str | None
    name: str
    path: pathlib.Path


def find_class_folders(path, known=(), skipped=None):
    """The class folders of a data set, whether it is split already or not.

    If the folder only holds another folder with the class folders, that one is used.

    Args:
      path: pathlib.Path of the data set.
      known: names of classes, which are never taken for a folder around class folders.
      skipped: a list that gets the path of each file or folder of the system.

    Returns:
      List of ClassFolder, by part and name; empty where there are no folders.

    Raises:
      UserError: the folders are split inconsistently, or one is there twice.
    """
    inner = _unwrap(path, known, skipped)
    parts = _parts_of(folders.list_folder(inner, skipped)[0])
    if len(set(parts.values()) - {None}) >= 2:
        classes = _split_classes(inner, parts, skipped)
    else:
        classes = _unsplit_classes(inner, parts, skipped)
    _refuse_one_folder_twice(classes)
    return sorted(classes, key=lambda each: (PARTS.index(each.part or "train"), each.name, each.path))


def _parts_of(siblings):
    """Folder -> the part that its name means, or None.

    If fewer than two names mean a part, a single word of a name is enough (`seg_train`, `flowers-test`),
    provided that each such folder holds folders: a class called "crash test" holds photos.
    """
    parts = {each: part_names.part_named(each.name) for each in siblings}
    if len(set(parts.values()) - {None}) >= 2:
        return parts
    loose = {each: part_names.part_in(each.name) for each in siblings}
    if all(folders.list_folder(each)[0] for each, part in loose.items() if part):
        return loose
    return parts


def _unwrap(folder, known, skipped):
    """The folder that holds the class folders, which may be inside others."""
    for _ in range(8):  # a link may lead in a circle
        inside, beside = folders.list_folder(folder, skipped)
        if len(inside) != 1 or naming.class_name(inside[0].name) in known:
            return folder
        below, beside_those = folders.list_folder(inside[0], skipped)
        if not below or any(map(reader.looks_like_photo, (*beside, *beside_those))):
            return folder
        folder = inside[0]
    return folder


def _unsplit_classes(root, parts, skipped):
    """Class folders side by side, each of which may hold its own folders train, test and so on."""
    inside = {each: folders.list_folder(each, skipped)[0] for each in parts}
    for each, part in parts.items():
        below, beside = {one.name for one in inside[each]}, {one.name for one in parts} - {each.name}
        if below and below <= beside and (part or len(below) > 1):
            move = f"move those beside it into a folder {root}/train, or " if part else ""
            raise UserError(
                f"{each} holds the classes that are also beside it ({', '.join(sorted(below))}); {move}move "
                f"{each.name} away"
            )
    named = {each: {part_names.part_named(one.name) for one in below} for each, below in inside.items()}
    split = [each for each, there in named.items() if "train" in there and len(there - {None}) > 1]
    if split and any(None in there or there != named[split[0]] for there in named.values()):
        called = ", ".join(one.name for one in inside[split[0]])
        raise UserError(
            f"{split[0]} is split ({called}), and not all beside it are; give all classes the same parts"
        )
    if not split:
        return [ClassFolder(None, naming.class_name(each.name), each) for each in parts]
    return [
        ClassFolder(part_names.part_named(one.name), naming.class_name(each.name), one)
        for each, below in inside.items()
        for one in below
    ]


def _split_classes(root, parts, skipped):
    """Class folders below folders that are called train, test and so on."""
    called = ", ".join(each.name for each, part in parts.items() if part)
    others = ", ".join(each.name for each, part in parts.items() if not part)
    if others:
        raise UserError(
            f"{root} is split already ({called}) and holds {others} besides; move that away, or, if all "
            "of them are classes, rename those that are called like parts"
        )
    if "train" not in parts.values():
        raise UserError(
            f"{root} holds {called} and nothing to train on; add a folder train, or type another path"
        )
    found, names = [], {}
    for each, part in parts.items():
        inside, _ = folders.list_folder(_unwrap(each, (), skipped), skipped)
        if not inside:
            raise UserError(
                f"{each} holds no class folders, and {root} is split already ({called}); put the photos "
                f"of each class into {each}/NAME, or move {each.name} away"
            )
        found += [ClassFolder(part, naming.class_name(one.name), one) for one in inside]
        names.setdefault(part, set()).update(naming.class_name(one.name) for one in inside)
    for part, there in names.items():
        if there != names["train"]:
            odd = ", ".join(sorted(there ^ names["train"]))
            raise UserError(
                f"{root} is split already ({called}), and its parts train and {part} do not hold the same "
                f"classes: {odd}; give both parts the same class folders"
            )
    return found


def _refuse_one_folder_twice(classes):
    """Raises a UserError if two paths, for instance through a link, are the same folder."""
    seen = {}
    for each in classes:
        status = os.stat(each.path)
        other = seen.setdefault((status.st_dev, status.st_ino), each)
        if other is not each:
            what = "parts" if other.name == each.name else "classes"
            raise UserError(
                f"{other.path} and {each.path} are the same folder, so that the same files are in two "
                f"{what}; remove one of them"
            )


def refuse_few_classes(path, root, names, least_classes, loose):
    """Raises the UserError for a folder with too few classes, which says what to do."""
    if loose and not names:
        raise UserError(
            f"folder:{path} holds {loose} photos and no class folders; move the photos of each class into "
            f"a folder of its name, or, if {root.resolve().name} is a class itself, type "
            f"folder:{root.resolve().parent}"
        )
    packed = sum(each.suffix.lower() in ARCHIVES for each in folders.list_folder(root)[1])
    if packed:
        raise UserError(f"folder:{path} holds {len(names)} class folders and {packed} archives; unpack them")
    raise UserError(
        f"folder:{path} holds {len(names)} class folder{'s'[: len(names) != 1]}, and "
        f"{least_classes} are needed; put the photos of each class into a folder of its name"
    )
