"""Trains a flower classifier: `python train.py --config=configs/quickstart.py`."""

import shlex
import sys

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import commands, experiment_flags, user_paths

# allow_override: a notebook may run this file more than once.
CONFIG = config_flags.DEFINE_config_file("config", None, "configs/NAME.py", allow_override=True)
WORKDIR = flags.DEFINE_string("workdir", None, "the run's folder; runs/NAME by default", allow_override=True)


def main(arguments):
    """Trains what the flags say; returns the exit status."""
    workdir = user_paths.user_path(WORKDIR.value or f"runs/{experiment_flags.config_name()}")
    from flowers_keras import recipe, runtime  # imports that take seconds: a wrong flag should not wait
    from flowers_keras.jobs import processes

    try:
        with runtime.stop_on_signals():
            processes.run_in_all(recipe.train_and_evaluate, CONFIG.value, workdir)
    except runtime.Stopped as stopped:
        print(f"stopped by {stopped}; go on with: {shlex.join(['python', *arguments])}", file=sys.stderr)
        return stopped.status
    return 0


if __name__ == "__main__":
    commands.run(lambda: app.run(main, flags_parser=experiment_flags.parse_flags))
