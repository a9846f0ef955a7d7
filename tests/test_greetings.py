"""TensorFlow is loaded without its greetings, and all else that is written is seen."""

import os
import subprocess
import sys

import pytest

from flowers_keras import greetings

PROGRAM = "from flowers_keras import errors; errors.run_command(lambda: __import__('tensorflow') and None)"


def test_a_command_loads_tensorflow_in_silence():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_is_no_greeting_is_written_at_the_end(capfd):
    with pytest.raises(ZeroDivisionError), greetings.left_out():
        os.write(2, b"I0000 00:00:1.5 3 port.cc:153] hello\na warning of a library\nno end of line")
        assert capfd.readouterr().err == ""
        1 / 0  # noqa: B018
    assert capfd.readouterr().err == "a warning of a library\nno end of line"
