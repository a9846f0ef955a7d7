"""Lists of photos as editors and spreadsheets write them, and each mistake in one line."""

import os
import unicodedata

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.photos import reader, sources, tables
from tests.conftest import encode

NFC, NFD = (unicodedata.normalize(form, "p\u00e2querette") for form in ("NFC", "NFD"))


@pytest.fixture
def folder(tmp_path):
    """A folder of photos `0.png` to `3.png`, in `own folder`, of shades of 0 to 3."""
    (tmp_path / "own folder").mkdir()
    for i in range(4):
        photo = np.full((4, 5, 3), i, np.uint8)
        (tmp_path / "own folder" / f"{i}.png").write_bytes(encode(photo))
    return tmp_path


def write(folder, text, encoding="utf-8", name="list.csv"):
    (folder / name).write_bytes(text.encode(encoding))
    return sources.csv_photos(str(folder / name))


PLAIN = "path,label\nown folder/1.png,rose\nown folder/0.png,daisy\n"


@pytest.mark.parametrize(
    "text, encoding",
    [
        (PLAIN, "utf-8"),
        (PLAIN, "utf-8-sig"),
        (PLAIN.replace(",", "\t").replace("\n", "\r\n"), "utf-16"),
        (PLAIN.replace("\n", "\r\n"), "utf-8"),
        (PLAIN.replace("\n", "\r"), "utf-8"),
        (PLAIN.replace(",", ";").replace("\n", "\r\n"), "utf-8-sig"),
        (PLAIN.replace(",", "\t"), "utf-8"),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), "utf-8"),
        ('"path","label"\n"own folder/1.png","rose"\n"own folder/0.png","daisy"', "utf-8"),
        (
            "note, Label ,PATH\n,rose,own folder/1.png\n\n,,\nx,daisy,./own folder/../own folder/0.png,,",
            "utf-8",
        ),
        (PLAIN.replace("/", "\\"), "utf-8"),
    ],
)
def test_a_list_is_read_however_it_was_written(folder, text, encoding):
    photos = write(folder, text, encoding)
    assert photos.class_names == ("daisy", "rose") and photos.labels.tolist() == [1, 0]
    assert photos.ids == ("own folder/1.png", "own folder/0.png")
    assert [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(2)] == [1, 0]
    assert (photos.parts, photos.groups, photos.others) == (None, None, ())


def test_paths_may_be_absolute_or_of_the_home_and_names_of_any_form(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "own folder"))
    os.rename(folder / "own folder" / "3.png", folder / f"{NFD}.png")
    text = f"path,label\n~/0.png,{NFC}\n{folder}/own folder/1.png,{NFD}\n/own/2.png,rose\n{NFC}.png,rose\n"
    monkeypatch.chdir(folder)  # the list's folder counts, not this one
    (folder / "lists").mkdir()
    text = text.replace("/own/2.png", "../own folder/2.png").replace(f"{NFC}.png", f"../{NFC}.png")
    photos = write(folder, text, name="lists/list.csv")
    assert photos.class_names == (NFC, "rose") and photos.labels.tolist() == [0, 0, 1, 1]
    assert photos.ids[1] == f"{folder}/own folder/1.png" and len(set(photos.ids)) == 4
    assert [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(4)] == [0, 1, 2, 3]


def test_paths_may_be_urls_of_files(folder):
    """As annotation tools and file managers write them."""
    first = (folder / "own folder" / "0.png").as_uri()
    text = f"path,label\n{first},daisy\nFILE://localhost{first[7:].replace('0.png', '1.png')},rose\n"
    assert "%20" in first
    photos = write(folder, text)
    assert photos.ids == ("own folder/0.png", "own folder/1.png")
    assert [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(2)] == [0, 1]


def test_splits_and_groups_come_with_the_photos(folder):
    text = "path;split;group;label\n"
    for i, (split, group) in enumerate((("Training", "anna"), ("VAL", ""), ("dev", NFD), ("test", NFC))):
        text += f"own folder/{i}.png;{split};{group};{'ab'[i % 2]}\n"
    photos = write(folder, text)
    assert photos.parts == ("train", "validation", "validation", "test")
    assert photos.groups == ("anna", "", NFC, NFC)


def test_a_few_missing_files_are_left_out_and_counted(folder, capsys):
    text = "path,label\n" + "".join(f"own folder/{i}.png,{'ab'[i % 2]}\n" for i in range(4))
    photos = write(folder, text + "gone.png,a\n")
    assert len(photos.ids) == 4 and photos.others == (("gone.png", "no such file"),)
    assert f"left out 1 of 5 photos of {folder}/list.csv" in capsys.readouterr().out
    with pytest.raises(
        UserError, match=f"2 of 6 .* first is {folder}/gone.png of line 6; paths are relative"
    ):
        write(folder, text + "gone.png,a\nlost.png,b\n")


def test_a_line_that_is_there_twice_counts_once(folder):
    assert len(write(folder, PLAIN + PLAIN.partition("\n")[2]).ids) == 2


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,label\n0.png,a\n", "column 'path' is missing; its first line names file, label"),
        ("path;class\n0.png;a\n", "column 'label' is missing; its first line names path, class"),
        ("", "column 'path' is missing; its first line names none"),
        ("path,label,label\n", "column 'label' is there twice"),
        ("path,label\n0.png,a\n1.png,\n", "line 3 has no label"),
        ("path,label\n0.png\n", "line 2 has no label"),
        ("path,label\n ,a\n", "line 2 has no path"),
        ("path,label\nrose, red.png,a\n", "line 2 has 3 cells .* put quotes around"),
        ("path,label,split\n0.png,a,train\n1.png,b,\n", "line 3 has no split"),
        ("path,label,split\n0.png,a,fold2\n", "line 2 has the split 'fold2'; type train, validation or test"),
        (
            PLAIN + "own folder/../own folder/0.png,rose\n",
            "is listed twice, in line 3 with label 'daisy' and",
        ),
        (
            "path,label,group\nown folder/0.png,a,x\nown folder/0.png,a,y\n",
            "group 'x' and in line 3 with 'y'",
        ),
        (
            "path,label\ngs://bucket/0.png,a\n",
            "line 2 has the address 'gs://bucket/0.png'; download",
        ),
        (
            "path,label\nhttps://flowers.example/0.png,a\n",
            "line 2 has the address 'https://flowers.example/0.png'; download",
        ),
        (PLAIN + "".join(f"{each * 300}.png,rose\n" for each in "xy"), "2 of 4 photos are not there"),
        (PLAIN.replace("rose", "daisy"), "lists photos of 1 classes"),
        (
            "path,label,split\nown folder/0.png,a,val\nown folder/1.png,b,test\n",
            "lists nothing to train on",
        ),
    ],
)
def test_a_mistake_in_the_list_is_one_line(folder, text, message):
    with pytest.raises(UserError, match=message) as caught:
        write(folder, text)
    assert "\n" not in str(caught.value) and "list.csv" in str(caught.value)


def test_what_is_no_list(folder, config):
    (folder / "list.csv").write_bytes("path,label\n0.png,ros\u00e9\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8 text; save it as CSV UTF-8"):
        sources.csv_photos(folder / "list.csv")
    with pytest.raises(UserError, match="own folder cannot be read: Is a directory"):
        tables.read_table(folder / "own folder", ())
    config.data.source = f"csv:{folder}/none.csv"
    with pytest.raises(UserError, match="none.csv is not a file; type csv: and the path of your list"):
        sources.load_photos(config.data)
