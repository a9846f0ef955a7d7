"""What every command does with a mistake, and in a notebook."""

import builtins
import importlib.util
import io
import os
import subprocess
import sys

import pytest

from flowers_keras import commands
from flowers_keras.errors import UserError
from tests.conftest import own_lines


def refuse():
    raise UserError("wrong\nvalue")


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "main, status, message",
    [
        (refuse, 2, "error: wrong value\n"),
        (interrupt, 130, "stopped\n"),
        (lambda: 1, 1, ""),
        (lambda: sys.exit(3), 3, ""),
    ],
)
def test_a_mistake_is_one_line_and_a_status(main, status, message, capsys, monkeypatch):
    with pytest.raises(SystemExit) as ended:
        commands.run(main)
    assert ended.value.code == status and capsys.readouterr().err == message

    # A notebook's output has no `reconfigure`, and SystemExit would be one more message there.
    monkeypatch.setattr(builtins, "get_ipython", None, raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    commands.run(main)
    assert capsys.readouterr().err == message


def import_backend():
    raise ImportError("No module named 'theano'")


@pytest.mark.parametrize("variable", [True, False])
def test_a_backend_that_is_not_installed_is_one_line(variable, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(ImportError):  # of another cause
        commands.run(import_backend)
    if variable:
        monkeypatch.setenv("KERAS_BACKEND", "theano")
    else:
        (tmp_path / "keras.json").write_text('{"backend": "theano"}')
    with pytest.raises(SystemExit):
        commands.run(import_backend)
    assert "backend theano is not installed; type KERAS_BACKEND=tensorflow" in capsys.readouterr().err


SETTINGS = [
    '{"floatx": "bfloat16"}', '{"epsilon": 0}', '{"image_data_format": "th"}', "[]", "folder",
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_that_keras_refuses_are_one_line(settings, tmp_path):
    if settings == "folder":
        (tmp_path / "keras.json").mkdir()
    else:
        (tmp_path / "keras.json").write_text(settings)
    # Keras reads them in the first module that it imports; its backend would take seconds.
    source = importlib.util.find_spec("keras").submodule_search_locations[0] + "/src/backend/config.py"
    code = f"""
import runpy, sys, types
from flowers_keras import commands
sys.modules["keras.src.api_export"] = types.SimpleNamespace(keras_export=lambda _: lambda each: each)
commands.run(lambda: runpy.run_path({source!r}) and None)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"KERAS_HOME": str(tmp_path)}, capture_output=True
    )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: Keras refuses its settings, {tmp_path}/keras.json".encode())


@pytest.mark.parametrize("backend", ["null", '""', "3", '["jax"]', '"os"', '"no.such"', '"tensorflow "'])
def test_a_backend_that_is_none_is_one_line(backend, tmp_path):
    (tmp_path / "keras.json").write_text(f'{{"backend": {backend}}}')
    code = "from flowers_keras import commands; commands.run(lambda: __import__('keras') and None)"
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | {"KERAS_HOME": str(tmp_path)}, capture_output=True
    )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done.stderr
    assert done.stderr.startswith((b"error: Keras refuses its settings, ", b"error: Keras's backend "))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_a_full_disk_under_standard_output_is_one_line():
    code = "from flowers_keras import commands; commands.run(lambda: print('a row', flush=True))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the output cannot be written (No space left on device); free some space\n"


def test_an_old_console_gets_characters_that_it_has():
    code = "from flowers_keras import commands; commands.run(lambda: print('██▍ 1 ± 2, – rosé'))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", code], env=environment, capture_output=True)
    assert done.stdout.split(b"\n")[0].rstrip() == b"## 1 +- 2, - ros?"


def test_success_does_not_end_the_process():
    commands.run(lambda: None)


def test_words_of_a_script_with_line_ends_of_windows(monkeypatch, tmp_path):
    odd = tmp_path / "Icon\r"
    odd.touch()
    seen = []
    monkeypatch.setattr(sys, "argv", ["predict", "--tta\r", "", str(odd), "--workdir=runs/x\r", "\r"])
    commands.run(lambda: seen.extend(sys.argv))
    assert seen == ["predict", "--tta", "", str(odd), "--workdir=runs/x"]


def test_the_folder_of_keras_may_begin_with_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    commands.run(lambda: None)
    assert os.environ["KERAS_HOME"] == "/home/me/keras"


BATCHES = """
import sys, tensorflow
print("loaded", file=sys.stderr)
import keras, numpy
network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
for count in range(1, 9):
    keras.models.clone_model(network).predict_on_batch(numpy.zeros((count, 2)))
"""


def test_batches_of_several_sizes_are_computed_without_a_word():
    """TensorFlow would greet, and advise the programmer, on the console of who has few photos."""
    command = f"from flowers_keras import commands\ncommands.run(lambda: exec({BATCHES!r}))"
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, env=environment)
    loading, _, computing = ended.stderr.partition("loaded\n")
    assert (ended.returncode, loading, own_lines(computing)) == (0, "", [])
    ended = subprocess.run([sys.executable, "-c", BATCHES], capture_output=True, text=True, env=environment)
    loading, _, computing = ended.stderr.partition("loaded\n")
    assert loading and "retracing" in computing  # or this could not fail
