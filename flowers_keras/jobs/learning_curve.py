"""The learning curve: accuracy by the number of training photos, and what twice as many would bring.

Phase 1 alone is trained, the head on pooled features: a step takes milliseconds, so that four sizes on all
folds take minutes, where phase 2 would take as many whole trainings. It tells how accuracy rises with
photos, not how high it is. At every size the head takes as many steps, so that photos are all that differs.
"""

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.evaluation import learning_curve, predicting, prediction_table
from flowers_keras.jobs import fold_setup
from flowers_keras.model import classifier
from flowers_keras.photos import subsets
from flowers_keras.report import certainty
from flowers_keras.training import feeds, phases, trunk_pass

SHARES = (8, 4, 2, 1)  # one in so many of the training photos of each class


def measure_curve(config, workdir, count):
    """Trains the head on growing fractions of each fold's training photos; resumes after an interruption.

    The held-out photos of a fold are the same at every size, and none is a test photo.

    Args:
      config: ml_collections.ConfigDict with the fields of configs/finetune.py; `features.views` and
        `frozen.epochs` at least 1.
      workdir: gets `learning_curve.json`.
      count: folds, at least 2.

    Returns:
      What `learning_curve.json` holds: as `learning_curve.measure` gives, and "folds" and "seconds".

    Raises:
      UserError: anything that the user can fix, in one line.
    """
    config = fold_setup.last_epochs_kept(config)
    if not config.frozen.epochs:
        raise UserError("the learning curve is of phase 1; pass --config.frozen.epochs=1 or more")
    with fold_setup.open_job(config, workdir, {"folds": count, "shares": list(SHARES)}) as run:
        if not run.path("learning_curve.json").exists():
            train_and_score(*fold_setup.begin(config, run), config, count, run)
    return announce(run)


def train_and_score(photos, split, config, count, run):
    """Scores every size on every fold and writes what they found together."""
    setup = fold_setup.set_up_folds(photos, split, config, count, run, (trunk_pass.PLAIN,))
    right, sizes = [], []
    for number, (train, held_out) in enumerate(setup.folds, 1):
        fractions = [1 / share for share in SHARES]
        chosen = subsets.nested_subsets(
            photos, setup.stored.digests, train, fractions, config.data.split_seed
        )
        with run.stage("sizes"):
            scored = [
                score_size(setup, each, share, held_out, config, run.subrun(f"fold-{number}/1-of-{share}"))
                for each, share in zip(chosen, SHARES, strict=True)
            ]
        right.append([each.plain.argmax(axis=1) == each.labels for each in scored])
        sizes.append([len(each) for each in chosen])
        shown = ", ".join(f"{each.mean():.1%}" for each in right[-1])
        print(f"fold {number} of {count}: accuracy with 1/8, 1/4, 1/2 and all of the photos {shown}")
    fold = np.repeat(np.arange(count), [len(each[0]) for each in right])
    found = learning_curve.measure(np.mean(sizes, axis=0), np.concatenate(right, axis=1), fold)
    files.write_json(run.path("learning_curve.json"), found | {"folds": count, "seconds": run.seconds})


def score_size(setup, train, share, held_out, config, run):
    """The Predictions for a fold's held-out photos by a head of some training photos; trained only once.

    Args:
      setup: fold_setup.FoldSetup; its model is left trained.
      train: int positions, one in `share` of the fold's training photos.
      share: how often each is seen in an epoch, which gives every size the same number of steps.
      held_out: int positions.
      config: the run's config.
      run: Run of this size.
    """
    path = run.path("predictions.csv")
    if path.exists():
        return prediction_table.load_predictions(path)
    photos, stored = setup.photos, setup.stored
    often = np.tile(train, share)
    feed = feeds.stored_feed(setup.head, stored, "pooled", photos.labels, often, held_out, config)
    setup.reset_weights()
    classifier.freeze(setup.model)
    phases.train_phase("frozen", feed, config.frozen, run)
    rows = stored.rows(trunk_pass.PLAIN, held_out)
    plain = predicting.predict_rows(setup.head, "pooled", rows, config.data.batch_size)
    ids = [photos.ids[i] for i in held_out]
    scored = prediction_table.Predictions(ids, photos.labels[held_out], photos.class_names, plain, None)
    prediction_table.save_predictions(scored, path)
    run.finish()
    return scored


def announce(run):
    """Prints the curve and what it means; returns what `learning_curve.json` holds."""
    found = files.read_json(run.path("learning_curve.json"))
    print(f"{run.folder}: accuracy of the head alone, on {found['folds']} folds")
    for point in found["points"]:
        low, high = point["interval"]
        print(f"  {point['photos']:,} training photos: {point['accuracy']:.1%} ({low:.1%} to {high:.1%})")
    print(f"  {learning_curve.describe(found)}")
    if report := certainty.refresh(run.folder):
        print(f"  also in {report}")
    return found
