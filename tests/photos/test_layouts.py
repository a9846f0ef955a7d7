"""Photos as they lie in people's folders: system folders, parts, folders around folders, links, names."""

import collections
import contextlib
import errno
import json
import os
import unicodedata

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowers_keras.errors import UserError
from flowers_keras.photos import folders, labelled, part_names, reader, sources

SYSTEM = [
    "@eaDir/001.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/old.jpg", "$RECYCLE.BIN/S-1-5-21/$R1.jpg", "Thumbs.db",
    "System Volume Information/IndexerVolumeGuid", "lost+found/", ".Trashes/501/a.jpg", ".thumbnails/1.jpg",
    "__MACOSX/._a.jpg", ".git/HEAD", "desktop.ini", "@Recently-Snapshot/", ".DS_Store", "._001.jpg",
    "RECYCLER/a.jpg", ".@__thumb/a.jpg", "LOST.DIR/1.jpg", "found.000/file0000.chk", "@Recycle/a.jpg",
    "Network Trash Folder/", "001.jpg@SynoEAStream", "Lightroom Previews.lrdata/a.jpg", "Config.Msi/",
    "Photos Library.photoslibrary/originals/0/1.jpg", "iPhoto Library/1.jpg", "$Windows.~BT/x", "MSOCache/",
    "node_modules/a.jpg", "_vti_cnf/a.jpg", "Thumbnails/a.jpg", "Picasa.ini", "trashbox/a.jpg",
    ":2ethumbs/a.jpg",
]  # fmt: skip


def make(root, *paths):
    """Files that begin like a JPEG, or folders where a path ends in a slash."""
    for path in paths:
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"\xff\xd8\xff\xe0" if path.endswith(".jpg") else b"text")
    return root


def classes(*names, above=""):
    return [f"{above}{name}/{i:03d}.jpg" for name in names for i in range(2)]


def split(*parts, above=""):
    return [path for part in parts for path in classes("daisy", "rose", above=f"{above}{part}/")]


def test_system_folders_are_no_classes_and_hold_no_photos_at_any_level(tmp_path, capsys):
    for place in ("", "daisy/", "rose/2024/"):
        make(tmp_path, *(place + each for each in SYSTEM))
    make(tmp_path, *classes("daisy", "rose/2024"))
    photos = sources.folder_photos(tmp_path)
    assert photos.class_names == ("daisy", "rose") and len(photos.ids) == 4 and photos.others == ()
    out = capsys.readouterr().out
    assert out.count("skipped what belongs to the system") == 1 and "#recycle (3), " in out
    assert len(reader.find_photos(tmp_path)) == 4  # what predict sees


def test_names_that_only_look_like_those_of_a_system_are_photos_and_classes():
    for name in (
        "eaDir",
        "recycle",
        "lost and found",
        "desktop",
        "$5",
        "#1",
        "@home",
        "__1.jpg",
        "found.jpg",
        "recycled",  # a class of waste; Windows writes RECYCLED
    ):
        assert not folders.is_system(name), name


def test_photos_that_icloud_has_not_downloaded_are_photos_that_cannot_be_read(tmp_path, capsys):
    make(tmp_path, *classes("daisy", "rose"))
    for name in (".IMG_1.HEIC.icloud", ".notes.pdf.icloud"):
        (tmp_path / "rose" / name).write_bytes(b"bplist00" + bytes(100))
    photos = sources.folder_photos(tmp_path)
    assert photos.ids[2] == "rose/.IMG_1.HEIC.icloud" and len(photos.ids) == 5
    assert [name for name, _ in photos.others] == ["rose/.notes.pdf.icloud"]
    with pytest.raises(reader.BrokenPhoto, match="what iCloud leaves in the place of a file; download it"):
        reader.read_photo(photos.read(2))
    assert "system" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"), ("Training", "Validation", "Testing"), ("TRAIN", "VALID"), ("train", "dev"),
        ("training_set", "test_set"), ("train2017", "val2017"), ("01_train", "02_val", "03_test"),
        ("images/train", "images/val", "images/test"), ("flowers/data/train", "flowers/data/eval"),
        ("Training", "Validierung"), ("entrenamiento", "validación", "prueba"),
        ("训练集", "验证集", "测试集"), ("entraînement", "test"),
        ("обучающая", "тестовая"), ("treino", "validação", "teste"), ("trainval", "test"),
    ],
)  # fmt: skip
def test_a_split_that_is_there_is_used_as_it_is(tmp_path, names):
    photos = sources.folder_photos(make(tmp_path, *split(*names)))
    assert photos.class_names == ("daisy", "rose") and len(photos.ids) == 4 * len(names)
    for name, part in zip(photos.ids, photos.parts, strict=True):
        assert part_names.part_named(name.split("/")[-3]) == part
    assert photos.parts.count("train") == 4 and len(set(photos.parts)) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ("seg_train/seg_train", "seg_test/seg_test"), ("flowers-Train", "flowers-Test"),
        ("trainSmall", "valSmall"), ("train", "train_extra", "val_extra"),
    ],
)  # fmt: skip
def test_one_word_of_a_name_means_a_part_where_folders_are_inside(tmp_path, names):
    photos = sources.folder_photos(make(tmp_path, *split(*names)))
    assert photos.class_names == ("daisy", "rose") and {"train"} < set(photos.parts)


def test_classes_with_such_a_word_hold_photos(tmp_path):
    photos = sources.folder_photos(make(tmp_path, *classes("crash test", "steam train")))
    assert photos.class_names == ("crash test", "steam train") and photos.parts is None


def test_the_same_folders_inside_all_classes_are_noted(tmp_path, capsys):
    photos = sources.folder_photos(make(tmp_path, *split("fold1", "fold2", "fold3")))
    assert photos.class_names == ("fold1", "fold2", "fold3")
    assert "each holds the folders daisy, rose; if those are the classes" in capsys.readouterr().out
    sources.folder_photos(make(tmp_path / "other", *classes("a/x", "a/y", "b/x", "b/z")))
    assert "note" not in capsys.readouterr().out
    sources.folder_photos(make(tmp_path / "sizes", *split("128/train", "128/val", "256/train", "256/val")))
    assert "the classes are 128, 256, and each" in capsys.readouterr().out
    parts_of_a_download = ("flowers-001/flowers/", "flowers-002/flowers/")
    sources.folder_photos(make(tmp_path / "parts", *split(*parts_of_a_download)))
    assert "each holds the folders daisy, rose; if those are the classes" in capsys.readouterr().out


def test_folders_that_are_in_one_class_alone_are_noted(tmp_path, capsys):
    species = classes("Rosaceae/rose", "Rosaceae/cherry", "Liliaceae/tulip", "Liliaceae/lily")
    sources.folder_photos(make(tmp_path, *species))
    note = "the classes are Liliaceae, Rosaceae, and the folders in them (cherry, lily, rose, tulip) are none"
    assert note in capsys.readouterr().out
    sources.folder_photos(make(tmp_path, "Rosaceae/1.jpg"))
    assert "note" not in capsys.readouterr().out


def test_parts_inside_the_classes_are_used_as_they_are(tmp_path):
    make(tmp_path, *classes("daisy/train", "daisy/val", "rose/Training", "rose/Valid"))
    photos = sources.folder_photos(tmp_path)
    assert photos.class_names == ("daisy", "rose") and photos.labels.tolist() == [0, 0, 1, 1] * 2
    assert photos.parts == ("train",) * 4 + ("validation",) * 4
    with pytest.raises(UserError, match="split inside its classes"):
        labelled.labelled_photos(f"folder:{tmp_path}", ["daisy", "rose"])


def test_folders_inside_a_class_that_are_no_parts_belong_to_it(tmp_path):
    photos = sources.folder_photos(make(tmp_path, *classes("daisy/1", "daisy/2", "rose/test", "rose/b")))
    assert photos.class_names == ("daisy", "rose") and photos.parts is None and len(photos.ids) == 8


@pytest.mark.parametrize("name", ["latest", "trainer", "evalina", "contest", "device", "valerian", "rose"])
def test_names_of_classes_are_no_parts(name):
    assert part_names.part_named(name) is None


def test_a_class_that_is_called_like_a_part_is_a_class(tmp_path):
    photos = sources.folder_photos(make(tmp_path, *classes("bus", "car", "train")))
    assert photos.class_names == ("bus", "car", "train") and photos.parts is None


@pytest.mark.parametrize(
    "paths, message",
    [
        ([*split("train", "test"), *classes("annotations")], "holds annotations besides; move that away"),
        ([*split("val", "test")], "nothing to train on"),
        ([*split("train"), "test/1.jpg"], "test holds no class folders"),
        ([*split("train"), *classes("daisy", above="val/")], "same classes: rose"),
        ([*split("train"), *classes("daisy", "Rose", above="val/")], "same classes: Rose, rose"),
        ([*split("train", "val"), "val/tulip/"], "same classes: tulip"),
        ([*classes("daisy", "rose"), *split("test")], "test holds the classes that are also beside it"),
        (
            [*classes("daisy", "rose", "flowers/daisy", "flowers/rose")],
            "beside it .daisy, rose.; move flowers away",
        ),
        (["daisy.zip", "rose.zip"], "0 class folders and 2 archives; unpack them"),
        ([*split("seg_train", "seg_test"), "seg_pred/1.jpg"], "holds seg_pred besides; move that away"),
        ([*classes("daisy/train", "daisy/val", "rose")], "daisy is split .train, val., and not all beside"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused_in_a_line(tmp_path, paths, message):
    with pytest.raises(UserError, match=message):
        sources.folder_photos(make(tmp_path, *paths))


@pytest.mark.parametrize("above", ["flower_photos/", "a/b/"])
def test_a_folder_around_the_class_folders_is_looked_into(tmp_path, above):
    photos = sources.folder_photos(make(tmp_path, *classes("daisy", "rose", above=above), "LICENSE.txt"))
    assert photos.class_names == ("daisy", "rose") and photos.ids[0] == f"{above}daisy/000.jpg"
    assert photos.others == (("LICENSE.txt", "not a photo"),)


def test_folders_that_link_in_a_circle_end(tmp_path):
    make(tmp_path, "a/")
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    with pytest.raises(UserError, match="1 class folder, and 2 are needed"):
        sources.folder_photos(tmp_path)


def test_a_link_from_a_class_to_what_is_around_it_is_not_followed(tmp_path):
    make(tmp_path, *classes("daisy", "rose"))
    (tmp_path / "daisy" / "loop").symlink_to(tmp_path)
    photos = sources.folder_photos(tmp_path)
    assert len(photos.ids) == 4 and photos.labels.tolist() == [0, 0, 1, 1]
    assert len(reader.find_photos(tmp_path / "daisy")) == 2
    (tmp_path / "up").symlink_to("..")  # which is not a class, either
    assert sources.folder_photos(tmp_path).class_names == ("daisy", "rose")


def test_what_cannot_even_be_looked_at_is_left_out(tmp_path, monkeypatch):
    make(tmp_path, *classes("daisy", "rose"))
    (tmp_path / "shut").symlink_to("elsewhere")
    stat = os.stat

    def refuse(path, *args, **kwargs):
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    photos = sources.folder_photos(tmp_path)
    assert len(photos.ids) == 4 and photos.others == (("shut", "not a photo"),)


def test_photos_without_class_folders_say_what_to_type(tmp_path):
    make(tmp_path, *classes("daisy", "rose"))
    with pytest.raises(UserError, match=f"2 photos and no class folders; .* type folder:{tmp_path}$"):
        sources.folder_photos(tmp_path / "daisy")


def test_photos_beside_the_class_folders_are_named(tmp_path, capsys):
    photos = sources.folder_photos(make(tmp_path, *classes("daisy", "rose"), "lost.jpg"))
    assert photos.others == (("lost.jpg", "in no class folder"),) and len(photos.ids) == 4
    assert "left out 1 photos in no class folder, such as" in capsys.readouterr().out


def test_a_class_that_is_linked_twice_is_refused_with_the_reason(tmp_path):
    make(tmp_path, *classes("daisy", "rose"))
    (tmp_path / "margriet").symlink_to("daisy")
    with pytest.raises(UserError, match="daisy and .*margriet are the same folder.* two classes"):
        sources.folder_photos(tmp_path)
    (tmp_path / "margriet").unlink()
    for part in ("train", "val"):
        for name in ("daisy", "rose"):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / part / name).symlink_to(tmp_path / name)
    with pytest.raises(UserError, match="same files are in two parts"):
        sources.folder_photos(tmp_path / "data")


NFC, NFD = (unicodedata.normalize(form, "p\u00e2querette") for form in ("NFC", "NFD"))


def test_names_that_look_the_same_are_one_class(tmp_path):
    photos = sources.folder_photos(make(tmp_path, f"{NFC}/1.jpg", f"{NFD}/2.jpg", "rose/1.jpg"))
    assert photos.class_names == (NFC, "rose") and photos.labels.tolist() == [0, 0, 1]


def test_what_does_not_show_is_no_part_of_a_name(tmp_path):
    make(tmp_path, "rose /1.jpg", "rose/2.jpg", "\u200erose\u200b/3.jpg", "red\xa0rose/1.jpg", "\u200b/1.jpg")
    make(tmp_path, "\U0001f469\u200d\U0001f33e/1.jpg")  # one emoji, of two that are joined
    photos = sources.folder_photos(tmp_path)
    expected = {"rose": 3, "red rose": 1, "\u200b": 1, "\U0001f469\u200d\U0001f33e": 1}
    assert collections.Counter(photos.class_names[i] for i in photos.labels) == expected


def test_classes_that_are_called_almost_the_same_are_noted(tmp_path, config, capsys):
    config.data.source = f"folder:{make(tmp_path, *classes('Daisy', 'daisy', 'rose'))}"
    assert len(sources.load_photos(config.data).class_names) == 3
    assert "the classes Daisy and daisy differ little" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["no_label", "_unlabeled", "Unlabelled", "unsorted", "not labelled", "noble"]
)
def test_a_class_of_photos_without_one_is_noted(tmp_path, config, capsys, name):
    """As CVAT and FiftyOne export a set of which a part is labelled."""
    config.data.source = f"folder:{make(tmp_path, *classes(name, 'daisy', 'rose'))}"
    assert len(sources.load_photos(config.data).class_names) == 3
    assert (f"note: {name} is learnt as a class" in capsys.readouterr().out) == (name != "noble")


@pytest.mark.parametrize("trained, folder", [(NFC, NFD), (NFD, NFC)])
def test_a_model_knows_its_classes_in_a_folder_of_another_system(tmp_path, trained, folder):
    make(tmp_path, f"{folder}/1.jpg", "rose/1.jpg")
    photos = labelled.labelled_photos(f"folder:{tmp_path}", ["rose", trained])
    assert photos.labels.tolist() == [1, 0]


def test_one_class_with_folders_inside_is_that_class_where_a_model_knows_it(tmp_path):
    make(tmp_path, "rose/2024/1.jpg", "rose/2025/1.jpg")
    assert len(labelled.labelled_photos(f"folder:{tmp_path}", ["daisy", "rose"]).ids) == 2


def test_measuring_on_a_split_says_which_folder_to_type(tmp_path):
    make(tmp_path, *split("train", "Testing"))
    with pytest.raises(UserError, match=f"split already; type --data=folder:{tmp_path}/Testing$"):
        labelled.labelled_photos(f"folder:{tmp_path}", ["daisy", "rose"])
    assert len(labelled.labelled_photos(f"folder:{tmp_path}/Testing", ["daisy", "rose"]).ids) == 4


NAMES = st.sampled_from(
    ["daisy", "rose", "rose", "train", "Val", "@eaDir", ".git", NFC, NFD, "x\udcff", "images", "Thumbs.db"]
)
FILES = st.sampled_from(["1.jpg", "2.JPG", "3", "n\udce9.png", "notes.txt", "._4.jpg", ".DS_Store", "5.jfif"])
DATA = st.sampled_from([b"\xff\xd8\xff\xe0", b"GIF89a", b"text", b""])
PATHS = st.lists(st.tuples(st.lists(NAMES, max_size=4), FILES, DATA), max_size=8)
LINKS = st.lists(st.tuples(NAMES, NAMES), max_size=2)


@given(st.sampled_from(["", "train/", "images/", "daisy/"]), PATHS, LINKS)
@settings(max_examples=200, deadline=None)
def test_in_any_folder_every_file_is_used_or_named_or_all_is_refused(tmp_path_factory, above, paths, links):
    root = make(tmp_path_factory.mktemp("drawn"), *classes("daisy", "rose", above=above))
    for place, name, data in paths:
        with contextlib.suppress(OSError):  # a file of that name stands in the way
            root.joinpath(*place).mkdir(parents=True, exist_ok=True)
            root.joinpath(*place, name).write_bytes(data)
    for link, target in links:
        with contextlib.suppress(OSError):
            (root / link).symlink_to(target)
    for read in (
        lambda: sources.folder_photos(root),
        lambda: labelled.labelled_photos(f"folder:{root}", ["daisy", "rose", NFC, "train"]),
    ):
        try:
            photos = read()
            event("used")
        except UserError as error:
            assert "\n" not in str(error)
            continue
        json.dumps([photos.ids, photos.others, photos.class_names], ensure_ascii=False).encode()
        there = {each.relative_to(root) for each in root.rglob("*") if each.is_file()}
        there = {folders.as_text(each) for each in there if not any(map(folders.is_system, each.parts))}
        named = [*photos.ids, *(name for name, _ in photos.others)]
        assert len(set(named)) == len(named) and set(named) >= there
