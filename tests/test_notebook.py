"""Jupyter: the README's example, the commands and a training run in a notebook's cells."""

import os
import pathlib
import re

import pytest

from flowers_keras.model import archive
from flowers_keras.photos import draw
from tests.serving.test_export import CARD, small_network

nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")

ROOT = pathlib.Path(__file__).parents[1]

COMMANDS = """\
%run -m flowers_keras.predict -- --model=runs/quickstart drawn/roses
%run -m flowers_keras.predict -- --model=runs/nowhere drawn/roses
from flowers_keras import predict
predict.main(["--model=runs/quickstart", "--format=json", "drawn/tulips"])
"""

TRAINING = """\
import keras
from configs import quickstart
from flowers_keras import recipe
from flowers_keras.report import page
from tests.conftest import small_inception

keras.applications.InceptionV3 = small_inception
config = quickstart.get_config()
config.data.update(synthetic_photos=60, image_size=75, validation_fraction=0.2, test_fraction=0.2)
config.frozen.epochs = config.finetune.epochs = config.features.views = 1
config.evaluation.shift_photos = 0
metrics = recipe.train_and_evaluate(config, "runs/mine")
print("metrics", sorted(metrics))
page.show("runs/mine")
"""


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """execute(cell, ...) -> the outputs of each, run in a kernel of its own in an empty folder."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setitem(os.environ, "IPYTHONDIR", str(tmp_path / "ipython"))

    def execute(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        where = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3", resources=where).execute()
        return [cell.outputs for cell in notebook.cells]

    return execute


def text(outputs, stream="stdout"):
    return "".join(each.text for each in outputs if each.output_type == "stream" and each.name == stream)


@pytest.mark.long
def test_the_readmes_example_the_commands_and_a_training_run_in_cells(execute, tmp_path):
    (example,) = re.findall(
        r"```python\n(from flowers_keras import load_.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    archive.save(small_network(), tmp_path / "runs" / "quickstart" / "model.keras", CARD)
    draw.draw(tmp_path / "drawn", 10, 1, 32)
    shown, commands, trained = execute(example, COMMANDS, TRAINING)
    assert text(shown).strip() in CARD["class_names"]
    assert text(commands).count("roses/1-0000") == 2 and text(commands).count('"class": ') == 2
    assert "error: runs/nowhere" in text(commands, "stderr") and "Traceback" not in text(commands, "stderr")
    assert commands[-1].data["text/plain"] == "0"  # predict.main's status
    shows_its_progress_and_its_report(trained)


def shows_its_progress_and_its_report(outputs):
    assert "metrics [" in text(outputs) and "see runs/mine/report.html" in text(outputs)
    assert re.search("finetune: .*keeps epoch .*validation accuracy", text(outputs))
    assert "Traceback" not in text(outputs, "stderr")
    (page,) = [each.data["text/html"] for each in outputs if each.output_type == "execute_result"]
    assert page.startswith('<iframe srcdoc="') and "&lt;/html&gt;" in page
