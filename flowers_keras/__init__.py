"""Flower photos in, a classifier whose accuracy is real out: a Keras 3 fine-tuning recipe."""

import contextlib
import gc
import os
import sys

__version__ = "0.1.0"


@contextlib.contextmanager
def stderr_closed():
    """Discards what native code inside writes to standard error: its log lines ignore Python's settings."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _quick_start():
    """Nearly halves the time of the imports inside; for a process that is a door of ours."""
    # Keras looks for these two, at half a second each, for parts that nothing here uses.
    unneeded = {"matplotlib", "sklearn"} - sys.modules.keys()
    sys.modules.update(dict.fromkeys(unneeded))
    gc.disable()  # a million objects are made, and none of them is garbage
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for name in unneeded:
            del sys.modules[name]


def __getattr__(name):
    if name in ("Classifier", "load_classifier"):  # when asked for: `classify` imports this package
        from flowers_keras import classify

        return getattr(classify, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_is_door = sys.argv[0] == "-m"  # so it reads while `python -m flowers_keras.x` looks for x
with stderr_closed(), _quick_start() if _is_door else contextlib.nullcontext():
    # TensorFlow greets with several lines about its build before it reads the level above.
    import tensorflow  # noqa: F401
