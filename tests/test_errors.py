"""What every command does with a mistake, and in a notebook."""

import builtins
import io
import os
import sys

import pytest

from flowers_keras import errors


def refuse():
    raise errors.UserError("wrong\nvalue")


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
        errors.run_command(main)
    assert ended.value.code == status and capsys.readouterr().err == message

    # A notebook's output has no `reconfigure`, and SystemExit would be one more message there.
    monkeypatch.setattr(builtins, "get_ipython", None, raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    errors.run_command(main)
    assert capsys.readouterr().err == message


def import_backend():
    raise ImportError("No module named 'theano'")


@pytest.mark.parametrize("variable", [True, False])
def test_a_backend_that_is_not_installed_is_one_line(variable, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(ImportError):  # of another cause
        errors.run_command(import_backend)
    if variable:
        monkeypatch.setenv("KERAS_BACKEND", "theano")
    else:
        (tmp_path / "keras.json").write_text('{"backend": "theano"}')
    with pytest.raises(SystemExit):
        errors.run_command(import_backend)
    assert "backend theano is not installed; type KERAS_BACKEND=tensorflow" in capsys.readouterr().err


def test_success_does_not_end_the_process():
    errors.run_command(lambda: None)


def test_the_folder_of_keras_may_begin_with_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    errors.run_command(lambda: None)
    assert os.environ["KERAS_HOME"] == "/home/me/keras"
