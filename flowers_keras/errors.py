"""Mistakes of the person at the keyboard, and how every command reports them."""

import argparse
import builtins
import contextlib
import importlib.util
import json
import os
import pathlib
import sys


class UserError(Exception):
    """A mistake that the user can mend: one line that names the thing and what to type instead.

    Commands print it without a traceback and exit with status 2. Anything else that is raised is a
    bug of ours and keeps its traceback.
    """


class Arguments(argparse.ArgumentParser):
    """Command-line arguments; a mistake in them is one line, like any other."""

    def error(self, message):
        raise UserError(f"{message}; for what may be typed, type {self.prog} --help")


def run_command(main):
    """Runs a command and ends the process with its status.

    A UserError becomes one line on standard error and status 2, Ctrl-C status 130, a reader that has
    left (`| head`) status 1. In a notebook the message is all; the kernel goes on.

    Args:
      main: a function without arguments that returns the exit status; None is 0.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets
    if "KERAS_HOME" in os.environ:  # Keras would make a folder called ~
        os.environ["KERAS_HOME"] = os.path.expanduser(os.environ["KERAS_HOME"])
    # A log file is up to date whenever it is read, and a name that a console cannot print ends nothing.
    set_output(line_buffering=True, errors="replace")
    try:
        status = main()
    except SystemExit as ended:  # as `absl.app.run` and `--help` end
        status = ended.code
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except (ImportError, ValueError):
        backend = _missing_backend()
        if not backend:
            raise
        print(
            f"error: Keras's backend {backend} is not installed; type KERAS_BACKEND=tensorflow before it",
            file=sys.stderr,
        )
        status = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        status = 1
    if status and not hasattr(builtins, "get_ipython"):
        sys.exit(status)


def set_output(**options):
    """`sys.stdout.reconfigure(**options)` where standard output has it; that of a notebook does not."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(**options)


def _missing_backend():
    """The backend that the environment or Keras's own file names, if it cannot be imported; else None."""
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    backend = os.environ.get("KERAS_BACKEND")
    with contextlib.suppress(OSError, ValueError):
        backend = backend or json.loads(pathlib.Path(home, "keras.json").read_text()).get("backend")
    return backend if backend and not importlib.util.find_spec(backend) else None
