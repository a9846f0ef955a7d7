"""One run in several processes, with `runtime.distributed`: who does what.

every process   its share of the pass over the photos, and its part of each batch of both phases
process 0       the recipe: splits, checkpoints, history, evaluation, model, report
the others      the recipe's training, from a copy of the checkpoints, in a folder that is thrown away
"""

import pathlib
import shutil
import tempfile

from flowers_keras import connection, files, recipe, runtime
from flowers_keras.config import check_config
from flowers_keras.jobs import features_job
from flowers_keras.photos import layouts, pipeline
from flowers_keras.training import run_folder, tracking


def train_and_evaluate(config, workdir):
    """`recipe.train_and_evaluate`, in all processes of a run at once.

    Args:
      config, workdir: as there; the same in all processes, in a file system that they share.

    Returns:
      The metrics; None in all processes but the first.

    Raises:
      UserError: something that the user can mend, in one line.
    """
    if not config.runtime.distributed:
        return recipe.train_and_evaluate(config, workdir)
    check_config(config)  # before this process waits for others
    tracking.require_tracker(config)
    with connection.connect() as (number, count):
        # Only all processes together can make it: so all find the same.
        trained = (files.user_path(workdir) / "model.keras").exists()
        if not trained:
            features_job.store_share(config, workdir, number, count)
        connection.wait("features")
        if number == 0:
            return recipe.train_and_evaluate(config, workdir)
        if not trained:
            follow(config, files.user_path(workdir))


def follow(config, workdir):
    """Trains what process 0 trains, step by step with it, and keeps nothing."""
    config = config.copy_and_resolve_references()
    config.features.cache_dir = str(layouts.cache_folder(config, workdir))
    config.run.tracker = "none"
    with tempfile.TemporaryDirectory() as folder, pipeline.photo_errors():
        _copy_state(workdir, pathlib.Path(folder))
        run = run_folder.Run(folder, config.to_dict())
        runtime.prepare_keras(config.seed, config.runtime.deterministic)
        recipe.train(*recipe.load_photos(config, run), config, run)


def _copy_state(workdir, folder):
    """Copies what process 0 goes on from; it writes none of this before this process has trained with it."""
    (folder / "checkpoints").mkdir()
    for path in [*workdir.glob("*.json"), *workdir.glob("checkpoints/*.npz")]:
        if files.TEMPORARY not in path.name:
            shutil.copy(path, folder / path.relative_to(workdir))
