"""Another project's keras.json (data format, float type) changes nothing that a command gives."""

import csv
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from flowers_keras.model import inference
from flowers_keras.photos import draw, reader

ROOT = pathlib.Path(__file__).parents[1]
SETTINGS = {"floatx": "float16", "backend": "tensorflow", "image_data_format": "channels_first"}

USE = """
import json, sys
import keras
from flowers_keras import evaluate, export, load_classifier, predict
assert (keras.config.floatx(), keras.config.image_data_format()) == ("float16", "channels_first")
photos, flags = sys.argv[2:], sys.argv[1].split()
print(json.dumps(load_classifier("run").predict(photos).tolist()))
assert predict.main(["--model=run", "--format=csv", *flags, *photos]) == 0
evaluate.main(["--model=run", "--data=folder:photos", "--output=figures.json"])
export.main(["--model=run", "--format=saved_model", "--output=saved"])
"""


@pytest.fixture
def python(tmp_path):
    """python(argument, ...) -> standard output of a Python process with those settings."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "keras.json").write_text(json.dumps(SETTINGS))
    environment = {"KERAS_HOME": str(tmp_path / "keras"), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}

    def python(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return python


def check_use(python, folder, flags=""):
    """Runs everything that a model in `folder / "run"` is for, on `folder / "photos"`."""
    photos = [str(each) for each in reader.find_photos(folder / "photos")]
    expected = inference.load_classifier(folder / "run").predict(photos)
    probabilities, table = python("-c", USE, flags, *photos).split("\n", 1)
    assert np.array_equal(json.loads(probabilities), expected)
    rows = list(csv.reader(io.StringIO(table)))[1 : len(photos) + 1]
    assert [row[0] for row in rows] == photos
    assert np.array_equal([list(map(float, row[-expected.shape[1] :])) for row in rows], expected)
    assert json.loads((folder / "figures.json").read_text())["count"] == len(photos)
    assert (folder / "saved" / "saved_model.pb").exists()


@pytest.mark.long(minutes=1)
def test_a_run_is_trained_and_its_paths_may_begin_with_a_tilde(python, tmp_path):
    draw.draw(tmp_path / "photos", 30, 1, 75)
    fields = {
        "data.source": "folder:~/photos", "data.image_size": 75, "data.validation_fraction": 0.2,
        "data.test_fraction": 0.2, "frozen.epochs": 1, "finetune.epochs": 1, "features.views": 1,
        "features.cache_dir": "~/cache", "evaluation.shift_photos": 0, "evaluation.tta": False,
    }  # fmt: skip
    flags = [f"--config.{name}={value}" for name, value in fields.items()]
    config = f"--config={ROOT / 'configs' / 'quickstart.py'}"
    python("-m", "tests.training.light", config, "--workdir=~/run", *flags)
    assert not list(tmp_path.rglob("~*")) and (tmp_path / "cache").is_dir()
    check_use(python, tmp_path, "--explain=~/maps")
    assert len(list((tmp_path / "maps").iterdir())) == 30
