"""Trains a flower classifier: `python train.py --config=configs/quickstart.py`."""

import pathlib
import shlex
import sys

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import config, errors

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, configs/NAME.py.")
WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder; runs/NAME by default.")


def main(_):
    from flowers_keras import recipe, runtime  # seconds of imports that a wrong flag need not wait for

    config_file = pathlib.Path(config_flags.get_config_filename(flags.FLAGS["config"]))
    workdir = WORKDIR.value or f"runs/{config_file.stem}"
    try:
        with runtime.stop_on_signals():
            recipe.train_and_evaluate(CONFIG.value, workdir)
    except runtime.Stopped as stopped:
        again = shlex.join(["python", "train.py", *sys.argv[1:]])
        print(f"stopped by {stopped}; go on with: {again}", file=sys.stderr)
        sys.exit(stopped.status)


if __name__ == "__main__":
    errors.run_command(lambda: app.run(main, flags_parser=config.parse_flags))
