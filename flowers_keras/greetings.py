"""TensorFlow without its greetings: lines that its C++ libraries write as they are loaded.

No setting stops them: they come before the library reads its log level (abseil/abseil-cpp#1718).
"""

import contextlib
import importlib.machinery
import os
import re
import sys
import tempfile

GREETING = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} \d\d:\d\d:")


class Finder:
    """Of sys.meta_path: loads TensorFlow inside `left_out`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The module's spec; None for others, which are found as ever."""
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec:
            load = spec.loader.exec_module

            def load_quietly(module):
                with left_out():
                    load(module)

            spec.loader.exec_module = load_quietly
        return spec


def leave_out():
    """From here on TensorFlow does not greet."""
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


@contextlib.contextmanager
def left_out():
    """Standard error of this process without lines that are greetings; the others come at the end."""
    try:
        before, written = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # it is closed, or there is no place for files: then TensorFlow may greet
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
                if not GREETING.match(line):
                    os.write(2, line)
