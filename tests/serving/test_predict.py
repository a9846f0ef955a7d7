"""predict, classify and answers: the same probabilities as evaluation's, whatever is thrown at them."""

import csv
import dataclasses
import functools
import io
import itertools
import json
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

import flowers_keras
from flowers_keras import commands, predict
from flowers_keras.errors import UserError
from flowers_keras.evaluation import predicting
from flowers_keras.model import archive, inference, novelty
from flowers_keras.photos import decoding, formats, reader, sources, synthetic
from flowers_keras.serving import answers, inputs, path_lists
from tests.conftest import SIZE, measuring

ROOT = pathlib.Path(__file__).parents[2]
BATCH_SIZE = 8
CLASS_NAMES = ("tulips", "daisy", "roses")
COUNT = 21  # photos; two full batches and one that is not


@pytest.fixture(scope="module")
def run(light_pristine, tmp_path_factory):
    """The folder of a run; its network has random weights and tells photos apart."""
    folder = tmp_path_factory.mktemp("run")
    model, weights = light_pristine
    model.set_weights(weights)
    recipe = {"data": {"batch_size": BATCH_SIZE}}
    card = {"class_names": list(CLASS_NAMES), "image_size": SIZE, "recipe": recipe}
    archive.save(model, folder / "model.keras", card)
    return folder


@pytest.fixture(scope="module", autouse=True)
def load_once():
    """Reads the model from the disk once, as that takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "load_classifier", functools.cache(inference.load_classifier))
        yield


@pytest.fixture(scope="module")
def loaded(run):
    return inference.load_classifier(str(run / "model.keras"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos in the folders of their classes."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(COUNT):
        place = folder / synthetic.CLASS_NAMES[index % 5]
        place.mkdir(exist_ok=True)
        (place / f"{index}.png").write_bytes(synthetic.photo_bytes(index, 0, 90 + index))
    return folder


def open_command(run, *arguments):
    """The status with which the command ends."""
    try:
        commands.run(lambda: predict.main([f"--model={run}/model.keras", *map(str, arguments)]))
    except SystemExit as ended:
        return ended.code
    return 0


def rows_of(capsys, run, *arguments, status=0):
    """The command's JSON lines."""
    capsys.readouterr()
    assert open_command(run, "--format=json", *arguments) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(capsys, run, *arguments):
    """The one line with which the command refuses."""
    capsys.readouterr()
    assert open_command(run, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


# The same figures as evaluation.


@pytest.mark.parametrize("tta", [False, True])
def test_command_gives_the_digits_of_evaluation(run, folder, loaded, tta, capsys):
    photos = sources.folder_photos(folder)
    expected = predicting.predict_photos(
        loaded.model, photos, np.arange(COUNT), measuring(SIZE, BATCH_SIZE, tta=True), ""
    )
    rows = rows_of(capsys, run, folder, *["--tta"][: int(tta)])
    assert [row["photo"] for row in rows] == [str(folder / name) for name in photos.ids]
    found = np.array([[row["probabilities"][name] for name in CLASS_NAMES] for row in rows])
    assert np.array_equal(found, expected.tta if tta else expected.plain)
    assert [row["class"] for row in rows] == [CLASS_NAMES[k] for k in found.argmax(axis=1)]
    assert [row["probability"] for row in rows] == found.max(axis=1).tolist()
    assert np.ptp(found, axis=0).min() > 1e-3  # or any order would do


def test_neighbours_and_broken_photos_change_no_more_than_rounding_does(run, folder, capsys):
    every = rows_of(capsys, run, folder)
    names = [row["photo"] for row in every]
    mixed = [name for i in (20, 3, 3, 7, 12, 15, 1, 0, 19) for name in (names[i], "absent.jpg")]
    rows = rows_of(capsys, run, *mixed, status=1)
    assert [row["photo"] for row in rows] == mixed
    for row, name in zip(rows[::2], mixed[::2], strict=True):
        expected = every[names.index(name)]
        assert row["class"] == expected["class"]
        assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
    assert all(row == {"photo": "absent.jpg", "error": "no such file or directory"} for row in rows[1::2])


def test_few_photos_alone_are_computed_in_a_small_batch(loaded, folder, monkeypatch):
    paths = reader.find_photos(folder)
    np.testing.assert_allclose(loaded.predict(paths[:1]), loaded.predict(paths)[:1], atol=1e-5)
    sizes = []

    def predict_on_batch(photos):
        sizes.append(len(photos))
        return photos[:, 0, 0, :1] / np.float32(255)

    monkeypatch.setattr(loaded.model, "predict_on_batch", predict_on_batch)
    for photos, batch_size, expected in [
        (paths, None, [8, 8, 8]),
        (paths[:8], None, [8]),
        (paths[:1], None, [2]),
        (paths[:2] + ["absent.jpg"] * 5, None, [2]),
        (paths[:2] + ["absent.jpg"] * 6 + paths[:1], None, [8, 8]),  # not alone
        (paths[:3], None, [8]),
        (paths[:8], 32, [8]),
        (paths[:9], 32, [32]),
        (paths[:1], 1, [1]),
        (paths, 3, [3] * 7),
        (paths, 99, [32]),
        ([], None, []),
    ]:
        sizes.clear()
        assert len(list(loaded.answer(photos, batch_size=batch_size))) == len(photos)
        assert sizes == expected


# The library.


def test_a_photo_gives_the_same_however_it_is_given(loaded, folder):
    path = reader.find_photos(folder)[4]
    image = Image.open(path)
    given = [path, str(path), path.read_bytes(), image, image, np.asarray(image)]
    found = loaded.predict(given)
    assert found.shape == (6, 3) and found.dtype == np.float64
    assert (found == found[0]).all() and found[0].sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(loaded.predict(np.stack([np.asarray(image)] * 2)), found[:2], atol=1e-5)


def test_images_are_read_as_their_files_are(loaded):
    flower = Image.fromarray(synthetic.draw_flower(2, (3, 3), 120)).resize((120, 80))
    turned = flower.getexif()
    turned[0x0112] = 6
    alpha = flower.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))
    deep = Image.fromarray(np.asarray(flower.convert("L")).astype(np.uint16) * 257)
    files = [jpeg(flower, exif=turned)]
    for image in (flower.convert("L"), alpha, flower.convert("P"), deep, flower.convert("1")):
        file = io.BytesIO()
        image.save(file, "PNG")
        files.append(file.getvalue())
    images = [Image.open(io.BytesIO(file)) for file in files]
    for file, image in zip(files, images, strict=True):
        assert np.array_equal(decoding.read_pixels(image), reader.read_photo(file)), image.mode
    assert decoding.read_pixels(images[0]).shape == (120, 80, 3)
    assert np.array_equal(loaded.predict(images), loaded.predict(files))


def test_any_size_will_do(loaded):
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3)).astype(np.uint8)
    photos = [noise[:1, :1], noise[:2, :3999], noise[:, :1], noise]
    found = loaded.predict(photos)
    assert found.shape == (4, 3) and np.allclose(found.sum(axis=1), 1)
    for photo, answer in zip(photos, loaded.answer(photos), strict=True):
        assert answer.square.shape == (SIZE, SIZE, 3) and answer.photo is photo
        assert max(answer.picture.shape) <= 448


def test_what_is_no_photo_is_refused(loaded, folder):
    path = reader.find_photos(folder)[0]
    one = decoding.read_pixels(path)
    for photos in (path, str(path), b"bytes", Image.fromarray(one), one):
        with pytest.raises(TypeError, match="pass a list of photos"):
            loaded.predict(photos)
    for photo in (one / 255, one[..., 0], one[:0], 7, None):
        with pytest.raises(TypeError, match="is not a photo"):
            loaded.predict([photo])
    with pytest.raises(ValueError, match="absent.jpg: no such file"):
        loaded.predict([path, "absent.jpg"])
    with pytest.raises(reader.BrokenPhoto, match="photo 1: not a photo"):
        loaded.predict([path, b"nothing"])
    with pytest.raises(reader.BrokenPhoto, match="photo 0: damaged"):
        loaded.predict([Image.open(io.BytesIO(path.read_bytes()[:900]))])
    assert loaded.predict([]).shape == (0, 3)


def test_a_numpy_array_of_paths_is_a_list_of_them(loaded, folder):
    """As `frame["path"].to_numpy()` gives it."""
    paths = list(map(str, reader.find_photos(folder)[:3]))
    expected = loaded.predict(paths)
    for kind in (str, object):
        np.testing.assert_array_equal(loaded.predict(np.array(paths, kind)), expected)


def test_a_fork_is_told_what_to_do_instead_of_waiting_for_ever(loaded, run):
    """TensorFlow waits in a fork for threads that it does not have (keras-team/keras#9964)."""
    forks = multiprocessing.get_context("fork")
    told = forks.Queue()

    def attempt():
        for use in (lambda: loaded.predict([]), lambda: inference.load_classifier(run)):
            try:
                use()
            except RuntimeError as error:
                told.put(str(error))

    process = forks.Process(target=attempt)
    process.start()
    try:
        for _ in range(2):
            assert "load it in the new processes alone" in told.get(timeout=20)
    finally:
        process.kill()
        process.join()


def test_load_classifier_is_exported(run):
    assert flowers_keras.load_classifier(str(run / "model.keras")).class_names == CLASS_NAMES
    assert flowers_keras.Classifier is inference.Classifier
    with pytest.raises(AttributeError, match="no attribute 'load_model'"):
        _ = flowers_keras.load_model


# Streams.


def test_photos_are_read_no_further_ahead_than_needed(loaded):
    for photo, many in [(synthetic.photo_bytes(0, 0, 80), 60), (b"", 900)]:  # good and broken ones
        pulled = []
        stream = loaded.answer(pulled.append(0) or photo for _ in range(1000))
        for number, _ in enumerate(itertools.islice(stream, many)):
            assert len(pulled) - number <= 2 * BATCH_SIZE + 1


def test_order_is_kept_and_threads_end(loaded, monkeypatch):
    colours = np.arange(0, 240, 8, dtype=np.uint8)
    read = decoding.read_pixels

    def slowly(photo):
        time.sleep(0.03 * (photo[0, 0, 0] % 3 == 0))
        return read(photo)

    monkeypatch.setattr(decoding, "read_pixels", slowly)
    photos = [np.full((9, 9, 3), colour) for colour in colours]
    assert [int(each.square[0, 0, 0]) for each in loaded.answer(photos)] == colours.tolist()
    before = threading.active_count()
    stream = loaded.answer(itertools.cycle(photos))
    next(stream)
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before


# What the command finds.


def test_folders_patterns_and_lists(run, folder, tmp_path, monkeypatch, capsys):
    every = [str(path) for path in reader.find_photos(folder)]
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for name in ("x[1].png", "y.png", "z.PNG"):
        (deep / name).write_bytes(synthetic.photo_bytes(0, 0, 80))
    (tmp_path / "empty").mkdir()
    inside = [str(deep / name) for name in ("x[1].png", "y.png", "z.PNG")]

    def found(*arguments):
        return [each if isinstance(each, str) else each.error for each in inputs.find_inputs(arguments)]

    assert found(str(folder)) == every
    assert found(f"{folder}/*") == every  # of folders
    assert found(f"{folder}/**") == found(f"{folder}/**/*.png") == sorted(every)
    assert found(f"{deep}/*.png") == inside[:2]
    assert found(inside[0], str(tmp_path / "a")) == [inside[0], *inside]
    assert found(f"{tmp_path}/empty") == ["a folder without photos"]
    assert found(f"{tmp_path}/no*", "absent") == [f"{tmp_path}/no*", "absent"]
    lines = [os.fsencode(inside[1]), b"", b"absent \xff.jpg\r", os.fsencode(folder / "roses"), b"-"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines))))
    roses = [each for each in every if "/roses/" in each]
    assert found("-") == [inside[1], "absent \udcff.jpg", *roses, "-"]


def listed(data):
    return list(path_lists.read_paths(io.BytesIO(data)))


NAMED = ["one.jpg", "zwei ✿.jpg", "three four.jpg"]


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(NAMED).encode(),
        ("\n".join(NAMED) + "\n\n").encode(),
        "\r\n".join(NAMED).encode(),
        "\0".join(NAMED).encode(),  # find -print0
        ("\0".join(NAMED) + "\0").encode(),
        "\n".join(NAMED).encode("utf-8-sig"),
        "\r\n".join(NAMED).encode("utf-16"),  # > in PowerShell
        b"\xfe\xff" + "\n".join(NAMED).encode("utf-16-be"),
        "\n".join(f'"{name}"' for name in NAMED).encode(),  # "Copy as path" in Windows
        "\n".join(f" '{name}' " for name in NAMED).encode(),
        "\n".join(f"{name}  " for name in NAMED).encode(),
        "\r\n".join(NAMED).encode("utf-16-le"),
        "one.jpg\nzwei\\ ✿.jpg\nthree\\ four.jpg".encode(),  # dragged into a terminal
        b'one.jpg\n"zwei \\342\\234\\277.jpg"\nthree four.jpg',  # git ls-files
        ".\\one.jpg\n.\\zwei ✿.jpg\n.\\three four.jpg".encode(),
        b"file:///HERE/one.jpg\r\nfile:///HERE/zwei%20%E2%9C%BF.jpg\nfile:///HERE/three%20four.jpg",
        ("".join(NAMED[:1]) + "\n" + "x" * 70_000 + "\n" + "\n".join(NAMED[1:])).encode(),
    ],
)
def test_lists_as_other_programs_write_them(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMED:
        pathlib.Path(name).touch()
    here = str(tmp_path)
    found = listed(data.replace(b"/HERE", here.encode()))
    assert [os.path.relpath(each) for each in found if "x" * 9 not in each] == NAMED


@pytest.mark.parametrize("there, typed", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_list_of_another_system_means_the_same_names(there, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there, typed = (unicodedata.normalize(form, "p\u00e2querette.jpg") for form in (there, typed))
    pathlib.Path(there).touch()
    assert listed(typed.encode()) == [there]


def test_a_name_that_begins_like_a_flag_is_a_photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-x.jpg", "--top"):
        pathlib.Path(name).touch()
    zipfile.ZipFile("model.keras", "w").close()
    options = predict.parse(["--model=model.keras", "--top", "2", "-x.jpg", "-"])
    assert options.photo == ["./-x.jpg", "-"] and options.top == 2


def test_file_of_the_very_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.jpg", '"a.jpg"', " a.jpg", "# a.jpg", "a\nb.jpg", "\udcff.jpg"):
        pathlib.Path(name).touch()
    lines = ['"a.jpg"', " a.jpg", "# a.jpg", "\udcff.jpg", "# absent", "~/a.jpg", "   ", "'absent'"]
    expected = [*lines[:5], str(tmp_path / "a.jpg"), "'absent'"]
    assert listed(os.fsencode("\n".join(lines))) == expected
    assert listed(b"a\nb.jpg\0a.jpg\0") == ["a\nb.jpg", "a.jpg"]


def test_list_is_taken_as_it_comes(loaded, monkeypatch):
    """A pipe that is still open must not hold back what came through it."""
    source, sink = os.pipe()
    monkeypatch.setattr(sys, "stdin", open(source))
    os.write(sink, b"one.jpg\ntwo")
    found = inputs.find_inputs(["-"])
    assert next(found) == "one.jpg"
    os.write(sink, b".jpg\n")
    assert next(found) == "two.jpg"
    os.close(sink)
    assert list(found) == []


def test_bad_photo_is_a_row_and_the_rest_comes(run, folder, tmp_path, capsys):
    good = reader.find_photos(folder)[0]
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "half.png").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "empty").mkdir()
    arguments = [tmp_path / "text.jpg", good, tmp_path / "empty", tmp_path / "half.png", good]
    rows = rows_of(capsys, run, *arguments, status=1)
    assert [row["photo"] for row in rows] == [str(each) for each in arguments]
    assert ["error" in row for row in rows] == [True, False, True, True, False]
    assert rows[0]["error"] == f"not a photo ({formats.NAMES})"
    assert open_command(run, *arguments) == 1
    shown = capsys.readouterr()
    assert shown.out.count("cannot be read: ") == 3 and "not a photo" in shown.out
    assert shown.err == "photos that could not be read: 3\n"


# What the command prints.

ANSWER = inference.Answer("a \u001b[2J\n.jpg", probabilities=np.array([0.25, 0.0, 0.735, 0.015]))
NAMES = ("oak", "ash", "elm", "larch")


def test_table():
    lines = answers.table(ANSWER, NAMES, 3).splitlines()
    assert lines[0] == r"a \x1b[2J\n.jpg"
    assert lines[1:] == [
        "  elm     73.5%  █████████████████▋",
        "  oak     25.0%  ██████",
        "  larch    1.5%  ▍",
    ]
    assert len(answers.bar(1.0)) == answers.BAR and answers.bar(0) == ""
    assert answers.table(ANSWER, NAMES, 1, "why/1.jpg").splitlines()[2] == "  see why/1.jpg"


UNLIKE = novelty.Novelty(0.75, 0.9231, True, 1 / 13)


def test_a_photo_unlike_anything_known_is_called_so_in_every_format():
    answer = dataclasses.replace(ANSWER, novelty=UNLIKE)
    last = answers.table(answer, NAMES, 3).splitlines()[-1]
    assert (
        last == "  unlike anything it was trained on (score 0.923; of photos like those 1 in 13 is called so)"
    )
    assert json.loads(answers.json_line(answer, NAMES, None))["novelty"] == dataclasses.asdict(UNLIKE)
    (row,) = csv.DictReader(io.StringIO(answers.csv_header(NAMES) + answers.csv_line(answer, NAMES, None)))
    assert (row["novelty"], row["unlike"], row["heat_map"]) == ("0.9231", "True", "")
    usual = dataclasses.replace(ANSWER, novelty=dataclasses.replace(UNLIKE, unlike=False))
    assert answers.table(usual, NAMES, 3) == answers.table(ANSWER, NAMES, 3)
    assert "novelty" not in json.loads(answers.json_line(ANSWER, NAMES, None))


def test_json_line():
    row = json.loads(answers.json_line(ANSWER, NAMES, None))
    assert row["photo"] == ANSWER.photo and row["class"] == "elm" and row["probability"] == 0.735
    assert list(row["probabilities"].items()) == [
        ("elm", 0.735), ("oak", 0.25), ("larch", 0.015), ("ash", 0.0)
    ]  # fmt: skip
    assert list(json.loads(answers.json_line(ANSWER, NAMES, 2))["probabilities"]) == ["elm", "oak"]
    assert answers.json_line(inference.Answer("\udcff\n", error="x"), NAMES, 2).count("\n") == 1


def test_csv_line():
    text = answers.csv_header(NAMES) + answers.csv_line(ANSWER, NAMES, 2, "why/1.jpg")
    text += answers.csv_line(inference.Answer('b,"c"', error="empty file"), NAMES, 2)
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {
        "photo": ANSWER.photo, "class": "elm", "probability": "0.735", "error": "",
        "heat_map": "why/1.jpg", "novelty": "", "unlike": "",
        "probability:oak": "0.25", "probability:ash": "", "probability:elm": "0.735", "probability:larch": "",
    }  # fmt: skip
    assert second["photo"] == 'b,"c"' and second["error"] == "empty file" and second["probability:oak"] == ""


def test_class_may_have_the_name_of_a_column():
    names = ("photo", "class", "error", "probability:class")
    text = answers.csv_header(names) + answers.csv_line(ANSWER, names, None)
    header, cells = csv.reader(io.StringIO(text))
    assert len(set(header)) == len(header) == 7 + 4
    row = dict(zip(header, cells, strict=True))
    assert row["photo"] == ANSWER.photo and row["class"] == "error" and row["error"] == ""
    assert row["probability:class"] == "0.0" and row["probability:probability:class"] == "0.015"


def test_formats_and_top_of_the_command(run, folder, capsys):
    photo = reader.find_photos(folder)[2]
    (row,) = rows_of(capsys, run, photo, "--top=2")
    assert len(row["probabilities"]) == 2
    open_command(run, photo)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(photo) and len(lines) == 4 and row["class"] in lines[1]
    open_command(run, photo, "--format=csv")
    (cells,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert cells["class"] == row["class"] and float(cells["probability"]) == row["probability"]
    assert sum(float(cells[f"probability:{name}"]) for name in CLASS_NAMES) == pytest.approx(1, abs=1e-6)


def test_heat_maps_are_written_beside_each_other(run, folder, tmp_path, capsys):
    odd = tmp_path / "in"
    odd.mkdir()
    data = synthetic.photo_bytes(1, 0, 100)
    names = ["%2e%2e\n<b>\udcff.png", "CON.png", "-" * 200 + ".png", "é.png", "É.png"]
    for name in names:
        (odd / name).write_bytes(data)
    (odd / "broken.png").touch()
    why = tmp_path / "new" / "why"
    rows = rows_of(capsys, run, odd, f"--explain={why}", status=1)
    written = [row.get("heat_map") for row in rows]
    assert [each is None for each in written] == ["error" in row for row in rows]
    files = [pathlib.Path(each) for each in written if each]
    assert sorted(files) == sorted(why.iterdir()) and len({each.name.lower() for each in files}) == 5
    for file in files:
        assert file.parent == why and len(file.name.encode()) < 120
        assert set(file.name) <= set("-._%0123456789abcdefghijklmnopqrstuvwxyzCONÉé") - {"%"}
        assert Image.open(file).size == (208, 100)
    pixels = np.asarray(Image.open(files[0])).astype(int)
    assert abs(pixels[:, :100] - decoding.read_pixels(odd / names[0])).mean() < 6  # the photo
    assert abs(pixels[:, 108:] - pixels[:, :100]).mean() > 6  # and what decided, over it


def test_bad_usage_is_one_line(run, folder, tmp_path, capsys):
    assert "--top=0" in refused(capsys, run, folder, "--top=0")
    assert "--batch_size=-1" in refused(capsys, run, folder, "--batch_size=-1")
    assert "which is searched" in refused(capsys, run, folder, f"--explain={folder}/new/why")
    assert not (folder / "new").exists()
    (tmp_path / "file").touch()
    assert "cannot be made" in refused(capsys, run, folder, f"--explain={tmp_path}/file/why")
    assert "is not there" in refused(capsys, tmp_path, folder)
    for arguments in ([], [folder, "--format=xml"], [folder, "--no-such-flag"]):
        assert "predict --help" in refused(capsys, run, *arguments)


def test_module_is_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flowers_keras.predict", "--model=absent.keras", "x.jpg"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: absent.keras is not there") and done.stderr.count("\n") == 1


class NotebookStream(io.StringIO):
    """Standard output as ipykernel has it: text alone, no `reconfigure`, no `buffer`."""

    reconfigure = property()
    buffer = property()


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_command_runs_in_a_notebook(run, folder, form, monkeypatch):
    stream = NotebookStream()
    assert not hasattr(stream, "reconfigure")
    monkeypatch.setattr(sys, "stdout", stream)
    assert predict.main([f"--model={run}", f"--format={form}", str(reader.find_photos(folder)[0])]) == 0
    assert any(name in stream.getvalue() for name in CLASS_NAMES)
    monkeypatch.setattr(sys, "stdin", NotebookStream())
    with pytest.raises(UserError, match="no list on standard input"):
        predict.main([f"--model={run}", "-"])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_console_that_cannot_print_a_name_ends_nothing(run, folder, tmp_path, encoding, monkeypatch):
    photo = tmp_path / "pâquerette ✿ \udcff.png"
    shutil.copy(reader.find_photos(folder)[0], photo)
    console = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", console)
    assert open_command(run, photo) == 0
    console.flush()
    assert b"querette ?" in console.buffer.getvalue()
