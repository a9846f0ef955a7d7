"""Runs the frozen part over the photos, as a job of its own or as one of several that share the work.

  python -m flowers_keras.compute_features --config=configs/finetune.py --workdir=runs/x --shards=8 --shard=3

The jobs need a shared file system and nothing else. The first one begins the run in the workdir. A job that
was killed computes what is missing when it is started again. Then `python train.py` with the same config and
workdir reads what the jobs stored, and computes what none of them did.
"""

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import commands, experiment_flags, user_paths
from flowers_keras.errors import UserError

# allow_override: train.py has these, too, and a notebook may run this file more than once.
CONFIG = config_flags.DEFINE_config_file("config", None, "configs/NAME.py", allow_override=True)
WORKDIR = flags.DEFINE_string("workdir", None, "the run's folder; runs/NAME by default", allow_override=True)
SHARDS = flags.DEFINE_integer("shards", 1, "jobs that share the pass", lower_bound=1, allow_override=True)
SHARD = flags.DEFINE_integer("shard", 0, "number of this one, from 0", lower_bound=0, allow_override=True)


def main(_):
    """Computes what the flags say."""
    shard, shards = SHARD.value, SHARDS.value
    if shard >= shards:
        raise UserError(f"--shard={shard} is not one of --shards={shards}; type 0 to {shards - 1}")
    workdir = user_paths.user_path(WORKDIR.value or f"runs/{experiment_flags.config_name()}")

    from flowers_keras.jobs import features_job  # imports that take seconds: a wrong flag does not wait

    features_job.compute_share(CONFIG.value, workdir, shard, shards)


if __name__ == "__main__":
    commands.run(lambda: app.run(main, flags_parser=experiment_flags.parse_flags))
