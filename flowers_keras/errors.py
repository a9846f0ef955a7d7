"""What went wrong, said to a person."""

import argparse
import os
import sys


class UserError(Exception):
    """A mistake that the person can mend: one line that names the thing and what to type instead.

    Doors print it without a traceback and exit with status 2. Anything else that is raised is a bug
    of ours and keeps its traceback.
    """


class Arguments(argparse.ArgumentParser):
    """Command-line arguments; a mistake in them is one line, like any other."""

    def error(self, message):
        raise UserError(f"{message}; for what may be typed, type {self.prog} --help")


def run_door(main):
    """Calls `main()` and exits with its status; a UserError becomes one line and status 2."""
    sys.stdout.reconfigure(line_buffering=True)  # a log file shows what was said, whenever one looks
    try:
        status = main()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        # The reader (`| head`) has left: nothing more to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
