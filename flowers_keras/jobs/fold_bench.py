"""What cross-validation and the learning curve share: folds of stored features, and a network for each."""

import collections.abc
import contextlib
import dataclasses

import keras
import numpy as np

from flowers_keras import recipe, runtime
from flowers_keras.config import check_config
from flowers_keras.errors import UserError
from flowers_keras.model.tail import make_tail
from flowers_keras.photos import corrections, folds, pipeline, sources, splits
from flowers_keras.training import features, run_folder, tracking


@dataclasses.dataclass(frozen=True)
class Bench:
    """Folds, and what each of them is trained with.

    Attributes:
      photos: sources.Photos.
      cut: (training, held out) positions of each fold.
      digests: position -> SHA-256 of the photo's bytes.
      stored: features.Features of the photos of all folds.
      model: a classifier.
      head, tail: the parts of it that train in phase 1 and phase 2.
      start: the values of its variables as it was built.
    """

    photos: sources.Photos
    cut: list
    digests: collections.abc.Mapping
    stored: features.Features
    model: keras.Model
    head: keras.Model
    tail: keras.Model
    start: list

    def renew(self):
        """Makes the model as it was built."""
        for variable, value in zip(self.model.variables, self.start, strict=True):
            variable.assign(value)


def last_epochs_kept(config):
    """A checked copy of the config in which held-out photos neither choose an epoch nor end a phase."""
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
    """A folder of what is measured on folds, as a run_folder.Run.

    Args:
      config: as `last_epochs_kept` gives it.
      workdir: the folder.
      asked: dict of what is measured; who goes on in the folder asks for the same.
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


def make_bench(photos, split, config, count, run, plain):
    """Cuts the folds, builds the classifier, and stores what the trunk gives for their photos.

    Args:
      photos: sources.Photos.
      split: splits.Split; its test photos take no part.
      config: the run's config.
      count: of folds.
      run: Run, which begins here.
      plain: which views of photos that are not augmented are wanted: trunk_pass.PLAIN, MIRRORED.

    Returns:
      Bench.
    """
    cut = folds.cut_folds(photos, split, count, config.data.split_seed)
    model = recipe.build(photos, split, config, run.policy)
    run.begin()
    splits.save(split, photos, run.path("splits.json"))
    with run.stage("features"):
        views = dict.fromkeys([*range(config.features.views), *plain], np.concatenate(cut[0]))
        stored = features.compute_features(model, photos, split.fingerprints, views, config, run)
    head, tail = (
        make_tail(model, layer, config.model.train_batch_norm)
        for layer in ("pooled", config.model.unfreeze_from)
    )
    start = [keras.ops.convert_to_numpy(variable.value) for variable in model.variables]
    return Bench(photos, cut, stored.digests, stored, model, head, tail, start)
