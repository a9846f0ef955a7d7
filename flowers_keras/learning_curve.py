"""Would more photos help? Accuracy at 1/8, 1/4, 1/2 and all of the training photos, on stored features.

  python -m flowers_keras.learning_curve --config=configs/finetune.py --workdir=runs/finetune-curve

Only the head is trained, on folds of all photos except the test photos; the output of the frozen part is
shared with ordinary runs and `cross_validate`. Prints what twice as many photos would bring, and writes
`learning_curve.json`.
"""

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import commands, experiment_flags, user_paths

# allow_override: other commands have these, too, and a notebook may run this file more than once.
CONFIG = config_flags.DEFINE_config_file("config", None, "configs/NAME.py", allow_override=True)
WORKDIR = flags.DEFINE_string("workdir", None, "runs/NAME-curve by default", allow_override=True)
FOLDS = flags.DEFINE_integer("folds", 5, "how many", lower_bound=2, allow_override=True)


def main(_):
    """Measures the curve of what the flags say."""
    workdir = user_paths.user_path(WORKDIR.value or f"runs/{experiment_flags.config_name()}-curve")
    # Imports that take seconds: a wrong flag should not wait for them.
    from flowers_keras.jobs import learning_curve, processes

    processes.run_in_all(learning_curve.measure_curve, CONFIG.value, workdir, FOLDS.value)


if __name__ == "__main__":
    commands.run(lambda: app.run(main, flags_parser=experiment_flags.parse_flags))
