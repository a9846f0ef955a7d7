"""Processes that are connected end together, each in one line."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from flowers_keras import distributed
from flowers_keras.errors import UserError
from tests.conftest import own_lines

MINUTE = 60  # seconds

# Process 1 ends in a way of its own, while process 0 computes something that the other has no part in.
TWO = """
import os, signal, sys, time
from flowers_keras import commands, distributed
from flowers_keras.errors import UserError

def main():
    with distributed.connect() as (number, count):
        assert distributed.rank_and_size() == (number, count)
        found = distributed.all_gather({"third": 1 / 3, "longer": "x" * number})
        assert found == [{"third": 1 / 3, "longer": ""}, {"third": 1 / 3, "longer": "x"}], found
        with distributed.main_process_first("turn"):
            if number:
                assert os.path.exists(os.environ["LEFT"])
            else:
                time.sleep(1)
                open(os.environ["LEFT"], "x")
        print(f"{number} of {count}", flush=True)
        if number:
            time.sleep(1)
            END
        else:
            time.sleep(300)

commands.run(main)
"""

ABORTS = """
import os, tempfile
from flowers_keras import distributed
log = tempfile.NamedTemporaryFile(delete=False)
distributed._end_in_one_line(log)
os.write(2, b"a page of words of C++")
os.abort()
"""


def test_a_process_that_cpp_aborts_ends_in_one_line():
    done = subprocess.run([sys.executable, "-c", ABORTS], capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: another process of this run has ended") and done.returncode == 1
    with open(line.rpartition(": ")[2].rstrip(")")) as log:
        assert log.read() == "a page of words of C++"


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    with pytest.raises(UserError, match="type KERAS_BACKEND=jax before it"), distributed.connect():
        pass


@pytest.mark.parametrize(
    "words, lost",
    [
        ("UNKNOWN: Gloo all-reduce failed: Connection closed by peer", True),
        ("INTERNAL: NCCL operation failed: remote process exited", True),
        ("UNAVAILABLE: Failed to send RPC to coordination service", True),
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes", False),
    ],
)
def test_what_tells_of_a_lost_process(words, lost):
    assert bool(distributed.LOST.search(words)) == lost


@pytest.mark.long
@pytest.mark.parametrize(
    "end, status",
    [("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL), ("raise UserError('a mistake')", 2)],
)
def test_processes_meet_and_the_end_of_one_ends_a_busy_one_within_a_minute(end, status, tmp_path):
    pytest.importorskip("jax", reason="jax is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_NUM_PROCESSES": "2"}
    environment["LEFT"] = str(tmp_path / "left")
    busy, ended = (
        subprocess.Popen(
            [sys.executable, "-c", TWO.replace("END", end)],
            env=environment | {"JAX_COORDINATOR_ADDRESS": address, "JAX_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (0, 1)
    )
    assert ended.wait() == status, ended.stderr.read()
    since = time.monotonic()
    printed, told = busy.communicate()
    assert busy.returncode == 1 and time.monotonic() - since < MINUTE
    (line,) = own_lines(told)
    assert line.startswith("error: another process of this run has ended") and printed == "0 of 2\n"
    assert ended.stdout.read() == ""
    assert own_lines(ended.stderr.read()) == ["error: a mistake"] * (status == 2)
