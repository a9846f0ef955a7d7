"""Trains a flower classifier: `python train.py --config=configs/quickstart.py`."""

import shlex
import sys

from flowers_keras import errors, files, flags


def main(arguments=None):
    """Trains what the arguments (or sys.argv) say; returns the exit status."""
    parser = errors.Arguments("python train.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--workdir", type=files.user_path, help="the run's folder; runs/NAME by default")
    options, config = flags.parse_arguments(parser, arguments)
    workdir = options.workdir or files.user_path(f"runs/{options.config.stem}")

    from flowers_keras import recipe, runtime  # seconds of imports that a wrong flag need not wait for

    try:
        with runtime.stop_on_signals():
            recipe.train_and_evaluate(config, workdir)
    except runtime.Stopped as stopped:
        again = shlex.join(["python", sys.argv[0], *(sys.argv[1:] if arguments is None else arguments)])
        print(f"stopped by {stopped}; go on with: {again}", file=sys.stderr)
        return stopped.status
    return 0


if __name__ == "__main__":
    errors.run_command(main)
