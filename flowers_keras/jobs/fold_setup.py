"""What cross-validation and the learning curve share: folds, stored features, and a model to train."""

import contextlib
import dataclasses

import keras
import numpy as np

from flowers_keras import files, recipe, runtime
from flowers_keras.config import check_config
from flowers_keras.errors import UserError
from flowers_keras.model.tail import make_tail
from flowers_keras.photos import corrections, folds, pipeline, sources, split_file
from flowers_keras.training import features, run_folder, tracking

FOLDS = "checkpoints/folds.json"  # ids of the photos that each fold holds out, while the job is unfinished


@dataclasses.dataclass(frozen=True)
class FoldSetup:
    """Folds, and what each of them is trained with.

    Attributes:
      photos: sources.Photos.
      folds: (training, held out) positions of each fold.
      stored: features.Features of the photos of all folds.
      model: a classifier.
      head, tail: the parts of it that train in phase 1 and phase 2.
      start: the values of the model's variables when it was built.
    """

    photos: sources.Photos
    folds: list
    stored: features.Features
    model: keras.Model
    head: keras.Model
    tail: keras.Model
    start: list

    def reset_weights(self):
        """Gives the model the weights that it was built with."""
        for variable, value in zip(self.model.variables, self.start, strict=True):
            variable.assign(value)


def last_epochs_kept(config):
    """A checked copy of the config in which the held-out photos neither select an epoch nor stop a phase."""
    check_config(config)
    tracking.require_tracker(config)
    if not config.features.views:
        raise UserError("folds are trained on stored features; pass --config.features.views=1 or more")
    if config.model.start_from:
        raise UserError(
            f"model.start_from={config.model.start_from} has seen photos that folds hold out; leave it out"
        )
    config = config.copy_and_resolve_references()
    config.frozen.keep = config.finetune.keep = "last"
    config.frozen.patience = config.finetune.patience = 0
    return config


@contextlib.contextmanager
def open_job(config, workdir, asked):
    """Yields the run_folder.Run of something that is measured on folds.

    Args:
      config: as `last_epochs_kept` gives it.
      workdir: the folder.
      asked: dict of what is measured; resuming in the folder needs the same.
    """
    settings = config.to_dict() | corrections.digest(config.data) | asked
    with run_folder.open_run(workdir, settings) as run, pipeline.photo_errors():
        yield run
        run.finish()


def begin(config, run):
    """(photos, split) of a job, with Keras made ready to train."""
    runtime.prepare_keras(config.seed, config.runtime.deterministic)
    with run.stage("photos"):
        return recipe.load_photos(config, run)


def set_up_folds(photos, split, config, count, run, plain):
    """Cuts the folds, builds the classifier, and stores what the trunk gives for their photos.

    Args:
      photos: sources.Photos.
      split: splits.Split; its test photos take no part.
      config: the run's config.
      count: of folds.
      run: Run, which begins here.
      plain: the views without augmentation that are needed: trunk_pass.PLAIN, MIRRORED or both.

    Returns:
      FoldSetup.
    """
    cut = folds.cut_folds(photos, split, count, config.data.split_seed)
    model = recipe.build(photos, split, config, run.policy)
    run.begin()
    _refuse_other_folds(cut, photos, run)
    split_file.save(split, photos, run.path("splits.json"))
    with run.stage("features"):
        views = dict.fromkeys([*range(config.features.views), *plain], np.concatenate(cut[0]))
        stored = features.compute_features(model, photos, split.fingerprints, views, config, run)
    head, tail = (
        make_tail(model, layer, config.model.train_batch_norm)
        for layer in ("pooled", config.model.unfreeze_from)
    )
    start = [keras.ops.convert_to_numpy(variable.value) for variable in model.variables]
    return FoldSetup(photos, cut, stored, model, head, tail, start)


def _refuse_other_folds(cut, photos, run):
    """Refuses (UserError) to go on with other folds than those that the job began with.

    Versions of scikit-learn cut differently (1.7 and 1.9 do), and photos would be held out twice or never.
    """
    path, now = run.path(FOLDS), [[photos.ids[i] for i in held_out] for _, held_out in cut]
    if path.exists() and files.read_json(path) != now:
        raise UserError(
            f"{run.folder} holds folds that another version of scikit-learn cut; resume it with that, or "
            "start again in a new --workdir"
        )
    files.write_json(path, now)
