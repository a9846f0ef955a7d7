"""TensorFlow is imported without its startup messages (see test_commands), and nothing else is held back."""

import os

import pytest

from flowers_keras import quiet_tensorflow


def test_other_lines_are_written_at_the_end(capfd):
    with pytest.raises(ZeroDivisionError), quiet_tensorflow.without_startup_messages():
        os.write(2, b"I0000 00:00:1.5 3 port.cc:153] hello\na warning of a library\nno end of line")
        assert capfd.readouterr().err == ""
        1 / 0  # noqa: B018
    assert capfd.readouterr().err == "a warning of a library\nno end of line"
