"""Stores the trunk's outputs for the photos of a run, without training on them."""

import time

from flowers_keras import locks, recipe, runtime, user_paths
from flowers_keras.config import check_config
from flowers_keras.errors import UserError
from flowers_keras.photos import corrections, pipeline, split_file
from flowers_keras.training import feeds, run_folder

BEGINNING = ".beginning"  # lock of the job that splits the photos

WAIT = 1.0  # seconds between two looks at a run that another job begins


def compute_share(config, workdir, shard=0, shards=1):
    """Stores what the phases of a run will read, or one shard of it; begins the run if no other job has.

    Args:
      config: ml_collections.ConfigDict with the fields of configs/finetune.py; `features.views` at least 1.
      workdir: the run's folder, the same for all jobs and then for `recipe.train_and_evaluate`.
      shard: number of this job, from 0.
      shards: jobs that share the pass.

    Raises:
      UserError: anything that the user can fix, in one line.
    """
    check_config(config)
    if not config.features.views:
        raise UserError("features.views=0 stores nothing; pass --config.features.views=1 or more")
    user_paths.refuse_workdir(config, workdir)
    settings = config.to_dict() | corrections.digest(config.data)
    with run_folder.open_run(workdir, settings, shared=True) as run, pipeline.photo_errors():
        runtime.prepare_keras(config.seed, config.runtime.deterministic)
        photos, split, model = begin(config, run)
        run.note_seconds = lambda: None  # the seconds of jobs that run at once cannot be added
        feeds.store_views(model, photos, split, config, run, (shard, shards)).store.tidy()
    print(f"features: shard {shard} of {shards} is stored")


def begin(config, run):
    """(photos, split, model) of the run; splits the photos unless another job has done or is doing so.

    All jobs compute in the precision that the first one chose.
    """
    while not run.path("splits.json").exists():
        try:
            with locks.hold(run.path(BEGINNING)):
                if not run.path("splits.json").exists():
                    with run.stage("photos"):
                        photos, split = recipe.load_photos(config, run)
                    model = recipe.build(photos, split, config, run.policy)
                    run.begin()
                    split_file.save(split, photos, run.path("splits.json"))
                    return photos, split, model
        except locks.Held:
            time.sleep(WAIT)
    photos, split = recipe.load_photos(config, run)
    return photos, split, recipe.build(photos, split, config, run.policy)
