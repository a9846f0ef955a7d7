"""Cross-validation on stored features: how good a config is, on all photos except the test photos.

  python -m flowers_keras.cross_validate --config=configs/finetune.py --folds=5 --workdir=runs/folds

For each fold both phases are trained on the other folds' photos, and the fold's own are scored, plain and
mirrored. The frozen part runs over the photos once for all folds, and shares its output with ordinary runs.
Groups of a list (`data.source=csv:PATH`, column `group`) stay in one fold; then folds that divide groups are
trained as well: the difference estimates how much accuracy is lost on new groups. Labels that the models
doubt are written to `doubts.csv`, for a person to correct and for `data.corrections` to read.
`python -m flowers_keras.compare RUN RUN` compares two settings, paired photo by photo.
"""

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import commands, experiment_flags, user_paths

# allow_override: train.py has these, too, and a notebook may run this file more than once.
CONFIG = config_flags.DEFINE_config_file("config", None, "configs/NAME.py", allow_override=True)
WORKDIR = flags.DEFINE_string("workdir", None, "runs/NAME-folds by default", allow_override=True)
FOLDS = flags.DEFINE_integer("folds", 5, "how many", lower_bound=2, allow_override=True)


def main(_):
    """Cross-validates what the flags say."""
    workdir = user_paths.user_path(WORKDIR.value or f"runs/{experiment_flags.config_name()}-folds")
    # Imports that take seconds: a wrong flag should not wait for them.
    from flowers_keras.jobs import cross_validation, processes

    processes.run_in_all(cross_validation.cross_validate, CONFIG.value, workdir, FOLDS.value)


if __name__ == "__main__":
    commands.run(lambda: app.run(main, flags_parser=experiment_flags.parse_flags))
