"""The processes of one run, connected by JAX's distributed runtime: when one of them ends, all end.

JAX notices a dead process by a closed connection or by its silence. It then raises an error, or aborts this
process from C++ after a page of messages. Either way the user sees one line.

Code that runs in one process runs unchanged in several: `rank_and_size` says which process this is, and
`barrier`, `all_gather` and `main_process_first` synchronise. Every process must call them in the same order.
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

# Matches the errors that JAX raises when another process is gone, and no others.
LOST = re.compile("gloo|nccl|coordination|barrier|heartbeat|(connection|socket) closed", re.IGNORECASE)

_rank_and_size = (0, 1)  # set by `connect`
_barriers = itertools.count()  # two barriers must not have the same name


@contextlib.contextmanager
def connect():
    """Connects this process with the others of a run; only process 0 prints, the others print errors alone.

    Yields:
      (rank, size), as `rank_and_size` returns them.

    Raises:
      UserError: the backend is not JAX, or nothing says where the other processes are.
    """
    global _rank_and_size
    import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            "runtime.distributed=true needs Keras's backend jax; type KERAS_BACKEND=jax before it"
        )
    import jax

    log = tempfile.NamedTemporaryFile(prefix="flowers_keras-", suffix=".log", delete=False)
    end = _end_in_one_line(log)
    try:
        rank = _initialize(jax, log)
        if rank:
            progress.set_detail(progress.QUIET)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _rank_and_size = (rank, jax.process_count())
        yield _rank_and_size
        barrier("end")
        _rank_and_size = (0, 1)
        jax.distributed.shutdown()
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, UserError) and LOST.search(str(error)):
            end()
        # Python's own exit would wait for processes that wait for this one.
        atexit.register(os._exit, getattr(error, "status", 2 if isinstance(error, UserError) else 1))
        raise
    files.discard(log.name)


def rank_and_size():
    """(rank, size): the number of this process, from 0, and the number of processes of the run."""
    return _rank_and_size


def barrier(name):
    """Waits until every process of the run has called `barrier` with this name."""
    if rank_and_size()[1] == 1:
        return
    from jax._src.distributed import global_state  # the public barrier keeps the devices busy meanwhile

    global_state.client.wait_at_barrier(f"{name} {next(_barriers)}", MONTH)


def all_gather(value):
    """The value of each process, in every process.

    Args:
      value: this process's; anything that pickle takes. (JAX itself would turn float64 into float32.)

    Returns:
      [value of process 0, value of process 1, ...].
    """
    if rank_and_size()[1] == 1:
        return [value]
    from jax.experimental import multihost_utils

    data = np.frombuffer(pickle.dumps(value), np.uint8)
    barrier("gather")  # as long as it takes; what follows has a time limit
    sizes = multihost_utils.process_allgather(np.int32(len(data)))
    rows = multihost_utils.process_allgather(np.pad(data, (0, int(sizes.max()) - len(data))))
    return [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]


@contextlib.contextmanager
def main_process_first(name):
    """Runs the block in process 0, and only then in the others."""
    rank, _ = rank_and_size()
    if rank:
        barrier(name)
    yield
    if not rank:
        barrier(name)


def _initialize(jax, log):
    """The rank of this process, once all are connected."""
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
    os.dup2(log.fileno(), 1)  # Gloo prints there
    multihost_utils.sync_global_devices("begin")
    os.dup2(before, 1)
    os.close(before)
    return jax.process_index()


def _end_in_one_line(log):
    """Sends what C++ writes into a file; returns the function that ends this process, also set for aborts."""
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
