"""Flower photos in, a classifier whose accuracy is real out: a Keras 3 fine-tuning recipe."""

import contextlib
import os

__version__ = "0.1.0"


@contextlib.contextmanager
def _stderr_closed():
    """Discards what native code writes to standard error: its log lines ignore Python's settings."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _stderr_closed():
    # TensorFlow greets with several lines about its build before it reads the level above.
    import tensorflow  # noqa: F401
