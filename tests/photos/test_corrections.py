"""Corrections: applied as a person filled them in, compared when a run goes on, each mistake in one line."""

import dataclasses
import re
import types

import numpy as np
import pytest

from flowers_keras import files, recipe
from flowers_keras.errors import UserError
from flowers_keras.evaluation import doubts
from flowers_keras.jobs import cross_validation, learning_curve
from flowers_keras.photos import corrections, sources, split_file
from tests.conftest import encode, photos_of, textures

NAMES = ("daisy", "rose", "p\u00e2querette")


@pytest.fixture
def photos():
    plain = photos_of([encode(each) for each in textures(45)], np.arange(45) % 3, NAMES)
    return dataclasses.replace(
        plain, groups=tuple(f"plant {i}" for i in range(45)), others=(("notes.txt", "not a photo"),)
    )


def fill(path, photos, **by_id):
    """A doubts.csv of the first ten photos, with the corrections of these ids (`_007`)."""
    found = [doubts.Doubt(i, (int(photos.labels[i]) + 1) % 3, 0.5) for i in range(10)]
    doubts.save_doubts(found, photos.ids, photos.labels, photos.class_names, path)
    lines = path.read_text(encoding="utf-8").splitlines()
    filled = [line + by_id.get(f"_{line[:3]}", "") for line in lines]
    path.write_text("\n".join(filled), encoding="utf-8")
    return path


def test_corrections_change_labels_and_leave_photos_out(tmp_path, photos, capsys):
    path = fill(
        tmp_path / "doubts.csv", photos, _001="daisy", _004="Remove", _006="pa\u0302querette", _008=""
    )
    found = corrections.correct(photos, str(path))
    assert found.ids == tuple(name for name in photos.ids if name != "004")
    position = {name: i for i, name in enumerate(found.ids)}
    changed = {name for i, name in enumerate(photos.ids) if name in position
               and found.labels[position[name]] != photos.labels[i]}  # fmt: skip
    assert changed == {"001", "006"} and found.labels[1] == 0 and found.labels[position["006"]] == 2
    assert found.others == (("notes.txt", "not a photo"), ("004", "removed by doubts.csv"))
    assert all(found.read(position[name]) == photos.read(int(name)) for name in found.ids)
    assert found.groups == tuple(f"plant {int(name)}" for name in found.ids)
    assert f"corrections of {path}: labels changed 2, photos removed 1" in capsys.readouterr().out


def test_a_photo_is_found_by_the_name_that_doubts_csv_gives_it(tmp_path, photos):
    """In a folder that a script of Windows's line ends made, or whose name begins with a space."""
    names = (" daisy/1.jpg", "rose\r/2.jpg", "rose/tab\t3.jpg ", "rose/\n.jpg", *photos.ids[4:])
    named = dataclasses.replace(photos, ids=names)
    found = [doubts.Doubt(i, 0, 0.5) for i in range(4)]
    path = tmp_path / "doubts.csv"
    doubts.save_doubts(found, named.ids, named.labels, named.class_names, path)
    path.write_bytes(re.sub(rb",0.5,\n", b",0.5,remove\n", path.read_bytes()))
    assert corrections.correct(named, str(path)).ids == names[4:]


def test_a_second_file_corrects_what_the_first_one_left(tmp_path, photos):
    one = fill(tmp_path / "one.csv", photos, _001="daisy", _002="remove")
    corrected = corrections.correct(photos, str(one))
    other = fill(tmp_path / "other.csv", corrected, _001="rose", _003="rose")
    found = corrections.correct(photos, f"{one},{other}")
    assert found.ids == corrected.ids and found.labels[:3].tolist() == [0, 1, 1]
    with pytest.raises(
        UserError, match="other.csv: line 3 corrects 001 of 'daisy', which is labelled 'rose'"
    ):
        corrections.correct(photos, str(other))


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,label,correction\n099,rose,daisy\n", "line 2 corrects 099, which is not among the photos"),
        ("id,label,correction\n001,daisy,rose\n", "001 of 'daisy', which is labelled 'rose' now"),
        ("id;label;correction\n001;rose;dasy\n", "to 'dasy', which is not a class; type daisy, or remove"),
        ("id,label,correction\n001,rose,x\n", "type daisy, rose, p\u00e2querette, or remove"),
        ("id,label\n001,rose\n", "column 'correction' is missing; its first line names id, label"),
        (
            "id,label,correction\n001,rose,daisy\n001,rose,remove\n",
            "twice, to 'daisy' in line 2 and to 'remove' in line 3",
        ),
    ],
)
def test_a_correction_that_does_not_fit_is_one_line(tmp_path, photos, text, message):
    (tmp_path / "doubts.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        corrections.correct(photos, str(tmp_path / "doubts.csv"))
    assert "doubts.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_empty_corrections_say_nothing(tmp_path, photos):
    (tmp_path / "doubts.csv").write_text("id,label,correction\n099,none,\n001,daisy,\n")
    found = corrections.correct(photos, str(tmp_path / "doubts.csv"))
    assert found.ids == photos.ids and found.labels.tolist() == photos.labels.tolist()
    assert corrections.digest(types.SimpleNamespace(corrections=str(tmp_path / "doubts.csv"))) == {}


def test_the_digest_is_of_what_the_file_says(tmp_path, photos, config):
    assert corrections.digest(config.data) == {}
    config.data.corrections = str(fill(tmp_path / "a.csv", photos, _001="daisy"))
    first = corrections.digest(config.data)
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    config.data.corrections = str(tmp_path / "b.csv")
    (tmp_path / "b.csv").write_text(text.replace(",", ";"), encoding="utf-8-sig")  # by a spreadsheet
    assert corrections.digest(config.data) == first != {}
    fill(tmp_path / "b.csv", photos, _001="remove")
    assert corrections.digest(config.data) != first


def test_a_photo_that_is_missing_is_told_once(tmp_path, photos, config, capsys):
    (tmp_path / "there.png").write_bytes(photos.read(0))
    path = tmp_path / "corrections.csv"
    path.write_text("path,label\nthere.png,rose\ngone.png,rose\n")
    config.data.corrections = str(path)
    assert corrections.digest(config.data) and not capsys.readouterr().out
    found = corrections.correct(photos, str(path))
    assert found.ids[-1] == "there.png" and found.others[-1] == ("gone.png", "no such file")
    assert f"left out 1 of 2 photos of {path} that are not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    "work",
    [
        recipe.train_and_evaluate,
        lambda config, folder: cross_validation.cross_validate(config, folder, 3),
        lambda config, folder: learning_curve.measure_curve(config, folder, 3),
    ],
    ids=["train", "cross_validate", "learning_curve"],
)
def test_training_and_folds_take_corrections_and_refuse_others_later(config, tmp_path, monkeypatch, work):
    drawn = sources.load_photos(config.data)
    path = tmp_path / "doubts.csv"
    config.data.corrections = str(path)
    name, right = drawn.ids[0], drawn.class_names[1]
    path.write_text(
        f"id,label,correction\n{name},{drawn.class_names[0]},{right}\n{drawn.ids[1]},{right},remove\n"
    )

    class Stopped(BaseException):
        pass

    def stop(photos, split, config, run):
        run.begin()
        split_file.save(split, photos, run.path("splits.json"))
        raise Stopped

    monkeypatch.setattr(recipe, "train", stop)
    for module in (cross_validation, learning_curve):
        monkeypatch.setattr(
            module,
            "train_and_score",
            lambda photos, split, config, _, run: stop(photos, split, config, run),
        )
    with pytest.raises(Stopped):
        work(config, tmp_path / "run")
    saved = files.read_json(tmp_path / "run" / "splits.json")
    assert saved["photos"][name]["class"] == right
    assert [drawn.ids[1], "removed by doubts.csv"] in saved["left_out"]
    assert drawn.ids[1] not in saved["photos"]
    with pytest.raises(Stopped):
        work(config, tmp_path / "run")  # goes on
    path.write_text(path.read_text().replace("remove", ""))
    with pytest.raises(UserError, match="another config .corrections_sha256 was"):
        work(config, tmp_path / "run")


def write_list(folder, *rows, header="path,label"):
    """A list of photos to add, and their files."""
    folder.mkdir(exist_ok=True)
    for i, row in enumerate(rows):
        (folder / row.split(",")[0]).write_bytes(encode(textures(i + 1, seed=9)[-1]))
    (folder / "corrections.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return folder / "corrections.csv"


def test_a_list_of_paths_adds_photos(tmp_path, photos, capsys):
    path = write_list(tmp_path / "new", "x.png,rose", "y.png,pa\u0302querette")
    found = corrections.correct(photos, str(path))
    assert found.ids == (*photos.ids, "x.png", "y.png") and found.class_names == photos.class_names
    assert found.labels.dtype == np.int32 and found.labels.tolist() == [*photos.labels, 1, 2]
    assert [found.read(i) for i in (3, 46)] == [photos.read(3), (tmp_path / "new" / "y.png").read_bytes()]
    assert found.parts is None and found.groups == (*photos.groups, "", "")
    assert f"corrections of {path}: photos added 2" in capsys.readouterr().out
    doubted = fill(tmp_path / "doubts.csv", photos, _001="daisy")
    both = corrections.correct(photos, f"{doubted},{path}")
    assert len(both.ids) == 47 and both.labels[1] == 0


def test_added_photos_are_for_training_where_the_parts_are_given(tmp_path, photos):
    path = write_list(tmp_path / "new", "x.png,rose,test", header="path,label,split")
    given = dataclasses.replace(photos, parts=("train",) * 30 + ("test",) * 15, groups=None)
    found = corrections.correct(given, str(path))
    assert found.parts == (*given.parts, "train") and found.groups is None


def test_a_photo_that_cannot_be_added_is_one_line(tmp_path, photos):
    path = write_list(tmp_path / "new", "x.png,rosa")
    with pytest.raises(UserError, match="line 2 adds x.png as 'rosa', which is not a class; type rose$"):
        corrections.correct(photos, str(path))
    path = write_list(tmp_path / "new", "x.png,rose")
    with pytest.raises(UserError, match="line 2 adds x.png, which is there already; remove that line"):
        corrections.correct(photos, f"{path},{path}")


def test_a_run_goes_on_with_the_same_added_photos_only(tmp_path, config):
    config.data.corrections = str(write_list(tmp_path / "new", "x.png,rose"))
    before = corrections.digest(config.data)
    assert before == corrections.digest(config.data) and "corrections_sha256" in before
    write_list(tmp_path / "new", "x.png,rose", "y.png,daisy")
    assert corrections.digest(config.data) != before
