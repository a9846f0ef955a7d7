"""What all commands share: their arguments, and how they report errors and end."""

import argparse
import builtins
import codecs
import contextlib
import importlib.util
import json
import logging
import os
import pathlib
import sys
import traceback

from flowers_keras import quiet_tensorflow, user_paths
from flowers_keras.errors import DISK_FULL, UserError

# Replacements for characters that we print and that an ASCII console, or a file on Windows, cannot hold.
PLAIN = {"█": "#", **dict.fromkeys("▏▎▍▌▋▊▉", ""), "±": "+-", "–": "-"}


class ArgumentParser(argparse.ArgumentParser):
    """Command-line arguments; a mistake in them is one line, like any other."""

    def add_model(self):
        """Adds `--model`: a pathlib.Path of the model of a finished run."""
        self.add_argument(
            "--model",
            required=True,
            type=user_paths.model_file,
            metavar="runs/x/model.keras",
            help="or its folder",
        )

    def error(self, message):
        raise UserError(f"{message}; for the options type {self.prog} --help")


def run(main):
    """Runs a command and ends the process with its status.

    A UserError becomes one line on standard error and status 2, and so do a full disk and settings that
    Keras refuses. Ctrl-C gives status 130, a closed pipe (`| head`) status 1. In a notebook only the
    message is printed, and the kernel keeps running.

    Args:
      main: a function without arguments that returns the exit status; None is 0.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
    quiet_tensorflow.install()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of batches of several sizes
    if "KERAS_HOME" in os.environ:  # Keras would make a folder called ~
        os.environ["KERAS_HOME"] = os.path.expanduser(os.environ["KERAS_HOME"])
    # So a log file is always up to date, and a name that the console cannot encode is no error.
    codecs.register_error("plain", _plain)
    set_output(line_buffering=True, errors="plain")
    sys.argv = [each for each in map(_without_line_end, sys.argv) if each is not None]
    status = _status_of(main)
    if status and not hasattr(builtins, "get_ipython"):
        sys.exit(status)


def _plain(error):
    """The replacement for characters that an encoding lacks, for `codecs.register_error`."""
    return "".join(PLAIN.get(each, "?") for each in error.object[error.start : error.end]), error.end


def _without_line_end(word):
    """A word without the carriage return of a script with Windows line ends; None if nothing else is left."""
    bare = word if os.path.lexists(word) else word.rstrip("\r")
    return bare if bare or not word else None


def _status_of(main):
    """The status that a command returns, or that of its error, which is printed in one line."""
    try:
        return main()
    except SystemExit as ended:  # as `absl.app.run` and `--help` end
        return ended.code
    except UserError as error:
        return _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    except (ImportError, ValueError, AttributeError, OSError) as error:
        if backend := _missing_backend():
            return _refuse(
                f"Keras's backend {backend} is not installed; type KERAS_BACKEND=tensorflow before it"
            )
        if _is_of_keras_settings(error):
            return _refuse(
                f"Keras refuses its settings, {_keras_home() / 'keras.json'} or a variable KERAS_... "
                f"({error}); fix or remove them"
            )
        if isinstance(error, OSError) and error.filename is None and error.errno in DISK_FULL:
            _discard_output()
            return _refuse(f"the output cannot be written ({error.strerror}); free some space")
        raise


def _refuse(message):
    print(f"error: {message}", file=sys.stderr)
    return 2


def _discard_output():
    """Discards what is left of standard output, of which Python would complain when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def set_output(**options):
    """`sys.stdout.reconfigure(**options)`, if standard output has it; that of a notebook has not."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(**options)


def _keras_home():
    return pathlib.Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))


def _missing_backend():
    """The backend that the environment or keras.json names, if it cannot be imported; else None."""
    backend = os.environ.get("KERAS_BACKEND")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        backend = backend or json.loads((_keras_home() / "keras.json").read_text()).get("backend")
    if not (backend and isinstance(backend, str)):
        return None
    return None if importlib.util.find_spec(backend.partition(".")[0]) else backend


def _is_of_keras_settings(error):
    """Whether an error comes from Keras reading its settings and choosing its backend during import."""
    place = traceback.extract_tb(error.__traceback__)[-1].filename.replace("\\", "/")
    return place.endswith(("keras/src/backend/config.py", "keras/src/backend/__init__.py"))
