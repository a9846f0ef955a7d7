"""The processes of one run, connected by JAX's distributed runtime: the end of one of them ends all.

JAX finds a dead process by a closed connection, or by its silence. It then raises an error, or ends this
process from C++ after a page of words. Both become one line here.

What is written for one process runs in several: `place` then says which this is, and `gather`,
`first_alone` and `wait` are where they meet. All have to come to the same meetings in the same order.
"""

import atexit
import contextlib
import ctypes
import itertools
import os
import pickle
import re
import signal
import sys
import tempfile
import threading

import numpy as np

from flowers_keras import files, progress
from flowers_keras.errors import UserError

HEARTBEAT = 25  # seconds of silence; it takes JAX up to two of them to call a process dead

MONTH = 30 * 24 * 3600 * 1000  # milliseconds, for which a process waits for the others

VARIABLES = "JAX_COORDINATOR_ADDRESS=HOST:PORT, JAX_NUM_PROCESSES=2 and JAX_PROCESS_ID=0 or 1"

# Of the errors that JAX raises where another process is gone, and of no others.
LOST = re.compile("gloo|nccl|coordination|barrier|heartbeat|(connection|socket) closed", re.IGNORECASE)

_place = (0, 1)  # of this process; `connect` changes it
_meetings = itertools.count()  # two barriers may not have the same name


@contextlib.contextmanager
def connect():
    """Connects this process with the others of a run; what they print is that of process 0, and errors.

    Yields:
      (number, count): of this process, from 0 on, and of all.

    Raises:
      UserError: the backend is not JAX, or nothing says where the other processes are.
    """
    global _place
    import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            "runtime.distributed=true needs Keras's backend jax; type KERAS_BACKEND=jax before it"
        )
    import jax

    log = tempfile.NamedTemporaryFile(prefix="flowers_keras-", suffix=".log", delete=False)
    end = _end_in_one_line(log)
    try:
        number = _initialize(jax, log)
        if number:
            progress.set_detail(progress.QUIET)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _place = (number, jax.process_count())
        yield _place
        wait("end")
        _place = (0, 1)
        jax.distributed.shutdown()
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, UserError) and LOST.search(str(error)):
            end()
        # Once the error is told: Python's own end would wait for processes that wait for this one.
        atexit.register(os._exit, getattr(error, "status", 2 if isinstance(error, UserError) else 1))
        raise
    files.discard(log.name)


def place():
    """(number, count): of this process, from 0 on, and of all of the run."""
    return _place


def wait(name):
    """Waits until all processes do so under this name; one alone waits for nobody."""
    if place()[1] == 1:
        return
    from jax._src import distributed  # the public barrier keeps the devices busy meanwhile

    distributed.global_state.client.wait_at_barrier(f"{name} {next(_meetings)}", MONTH)


def gather(value):
    """What each process has, in all of them.

    Args:
      value: what this process has; one that pickle takes. (JAX itself would make float64 float32.)

    Returns:
      [value of process 0, of process 1, ...].
    """
    if place()[1] == 1:
        return [value]
    from jax.experimental import multihost_utils

    data = np.frombuffer(pickle.dumps(value), np.uint8)
    wait("gather")  # as long as it takes; what follows has a time limit
    sizes = multihost_utils.process_allgather(np.int32(len(data)))
    rows = multihost_utils.process_allgather(np.pad(data, (0, int(sizes.max()) - len(data))))
    return [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]


@contextlib.contextmanager
def first_alone(name):
    """The block in process 0, and once that has left it in all others."""
    number, _ = place()
    if number:
        wait(name)
    yield
    if not number:
        wait(name)


def _initialize(jax, log):
    """Number of this process, which has met the others."""
    from jax.experimental import multihost_utils

    try:
        given = [os.environ.get(name) for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")]
        numbers = [int(each) if each else None for each in given]
        jax.distributed.initialize(None, *numbers, heartbeat_timeout_seconds=HEARTBEAT)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"runtime.distributed=true finds no other process ({error}); set {VARIABLES}"
        ) from error
    before = os.dup(1)
    os.dup2(log.fileno(), 1)  # Gloo greets
    multihost_utils.sync_global_devices("begin")
    os.dup2(before, 1)
    os.close(before)
    return jax.process_index()


def _end_in_one_line(log):
    """Sends what C++ writes into a file; returns what ends this process, also where C++ aborts."""
    sys.stderr = open(os.dup(2), "w", buffering=1, errors="replace")
    os.dup2(log.fileno(), 2)
    first = threading.Lock()

    def end(*_):
        first.acquire()  # for good: JAX may raise and abort at once
        message = (
            "error: another process of this run has ended, and so does this one; type the same command again "
            f"in all of them, they go on (in JAX's words: {log.name})"
        )
        print(message, file=sys.stderr, flush=True)
        os._exit(1)

    end.handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    ctypes.CDLL(None).signal(signal.SIGABRT, end.handler)
    return end
