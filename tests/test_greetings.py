"""TensorFlow is loaded without its greetings (see test_errors), and all else that is written is seen."""

import os

import pytest

from flowers_keras import greetings


def test_what_is_no_greeting_is_written_at_the_end(capfd):
    with pytest.raises(ZeroDivisionError), greetings.left_out():
        os.write(2, b"I0000 00:00:1.5 3 port.cc:153] hello\na warning of a library\nno end of line")
        assert capfd.readouterr().err == ""
        1 / 0  # noqa: B018
    assert capfd.readouterr().err == "a warning of a library\nno end of line"
