"""predict with an exported file: what the model gives, without waiting for Keras."""

import csv
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from flowers_keras import predict
from flowers_keras.errors import UserError
from flowers_keras.model import archive
from flowers_keras.photos import synthetic
from flowers_keras.serving import exported, exporting, formats
from tests.serving.test_export import CARD, NAMES, TEMPERATURE, small_network

ROOT = pathlib.Path(__file__).parents[2]
KINDS = {"litert": "flowers.tflite", "onnx": "flowers.onnx", "saved_model": "exported"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, photos of several sizes, one of them broken, and room for exports."""
    folder = tmp_path_factory.mktemp("exported")
    archive.save(small_network(), folder / "run" / "model.keras", CARD, TEMPERATURE)
    (folder / "photos").mkdir()
    for i, size in enumerate([(320, 240), (75, 75), (90, 400), (500, 333)]):
        picture = Image.fromarray(synthetic.draw_flower(i, (0, i), 400)).resize(size)
        picture.save(folder / "photos" / f"{i}.jpg", exif=turned(6 if i == 3 else 1))
    (folder / "photos" / "4.jpg").write_bytes(b"no photo")
    return folder


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.fixture
def export(folder):
    """export(name): the path of the model exported in a format, made once."""

    def make(name):
        for package in formats.PACKAGES[name]:
            pytest.importorskip(package)
        if not (folder / KINDS[name]).exists():
            exporting.export(folder / "run", name, folder / KINDS[name])
        return folder / KINDS[name]

    return make


def printed(capsys, *arguments):
    capsys.readouterr()
    status = predict.main([str(each) for each in arguments])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("options", [[], ["--tta"]])
def test_an_export_answers_as_the_model_does(name, options, export, folder, capsys):
    both = []
    for model in (folder / "run", export(name)):
        status, out = printed(capsys, f"--model={model}", "--format=json", *options, folder / "photos")
        assert status == 1  # for the broken one
        both.append([json.loads(line) for line in out.splitlines()])
    assert len(both[0]) == 5
    for expected, found in zip(*both, strict=True):
        assert found.keys() == expected.keys() and found["photo"] == expected["photo"]
        assert found.get("class") == expected.get("class") and found.get("error") == expected.get("error")
        assert list(found.get("probabilities", ())) == list(expected.get("probabilities", ()))
        for each, share in expected.get("probabilities", {}).items():
            assert found["probabilities"][each] == pytest.approx(share, abs=1e-5)


def test_tta_of_an_export_averages_with_the_mirror_image(export, folder):
    """Or the two would agree by both leaving it out."""
    classifier = exported.Exported(export("saved_model"))
    paths = [folder / "photos" / "0.jpg"]
    ((plain,), (tta,)) = (list(classifier.answer(paths, each)) for each in (False, True))
    mirrored = classifier._serve(plain.square[:, ::-1])
    np.testing.assert_allclose(tta.probabilities, (plain.probabilities + mirrored) / 2, atol=1e-7)
    assert np.abs(tta.probabilities - plain.probabilities).max() > 1e-4


def test_tables_and_lists_are_those_of_the_model(export, folder, capsys):
    photo = folder / "photos" / "1.jpg"
    tables = [
        printed(capsys, f"--model={model}", photo)[1] for model in (folder / "run", export("saved_model"))
    ]
    assert tables[0] == tables[1] and "rose ✿" in tables[0]
    _, out = printed(capsys, f"--model={export('saved_model')}", "--format=csv", photo)
    header, row = csv.reader(io.StringIO(out))
    assert header[-3:] == [f"probability:{name}" for name in NAMES] and row[1] in NAMES


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_neither_tensorflow_nor_keras_is_imported(name, export, folder):
    command = [sys.executable, "-X", "importtime", "-m", "flowers_keras.predict"]
    done = subprocess.run(
        [*command, f"--model={export(name)}", folder / "photos" / "0.jpg"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert exported.RUNTIMES[name] in {module.partition(".")[0] for module in modules}
    assert not modules & {"tensorflow", "keras", "jax", "scipy", "ml_collections"}
    assert done.stdout.startswith(str(folder))


def test_what_is_no_export_of_ours_is_one_line(folder, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"no model")
    for name in ("broken.onnx", "broken.tflite", "saved"):
        path = tmp_path / name
        pytest.importorskip(exported.RUNTIMES[formats.format_of(path)])
        with pytest.raises(UserError, match="export it again") as refused:
            predict.main([f"--model={path}", str(folder / "photos")])
        assert "\n" not in str(refused.value)


def test_a_runtime_that_is_not_installed_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "flowers.onnx").touch()
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(UserError, match='pip install "onnxruntime>='):
        predict.main([f"--model={tmp_path / 'flowers.onnx'}", "x.jpg"])


def test_heat_maps_need_the_model_itself(export, folder, tmp_path):
    with pytest.raises(UserError, match="--explain needs the model itself"):
        predict.main([f"--model={export('saved_model')}", f"--explain={tmp_path / 'maps'}", "x.jpg"])
    assert not (tmp_path / "maps").exists()
