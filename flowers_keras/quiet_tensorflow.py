"""Keeps TensorFlow quiet while it is imported: its C++ libraries write log lines as they are loaded.

No setting stops these: they come before the library reads its log level (abseil/abseil-cpp#1718).
"""

import contextlib
import importlib.machinery
import os
import re
import sys
import tempfile

STARTUP_MESSAGE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} \d\d:\d\d:")


class Finder:
    """A finder for sys.meta_path that loads TensorFlow inside `without_startup_messages`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """TensorFlow's spec; None for any other module, so that the next finder looks for it."""
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec:
            load = spec.loader.exec_module

            def load_quietly(module):
                with without_startup_messages():
                    load(module)

            spec.loader.exec_module = load_quietly
        return spec


def install():
    """From here on importing TensorFlow writes no startup messages."""
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


@contextlib.contextmanager
def without_startup_messages():
    """Holds back standard error during the block, then writes it without TensorFlow's startup messages."""
    try:
        before, written = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # standard error is closed, or no file can be made: let TensorFlow write
        yield
        return
    with written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            written.seek(0)
            for line in written:
                if not STARTUP_MESSAGE.match(line):
                    os.write(2, line)
