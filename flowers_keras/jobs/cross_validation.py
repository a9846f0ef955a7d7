"""Cross-validation: a model that never saw it scores each photo, except the test photos."""

import dataclasses
import time

import numpy as np

from flowers_keras import files, next_command, progress
from flowers_keras.evaluation import doubts, paired, predicting, prediction_table, scores
from flowers_keras.jobs import fold_setup
from flowers_keras.model import classifier
from flowers_keras.photos import folds, groups, tables
from flowers_keras.report import certainty
from flowers_keras.training import feeds, phases, trunk_pass

SCORED = "predictions.csv"


def cross_validate(config, workdir, count):
    """Trains and scores `count` folds of the training and validation photos; resumes after an interruption.

    Groups of photos (column `group` of a list) stay in one fold. Then folds that divide groups are scored as
    well: their higher accuracy shows what the model loses on photos of new groups.

    No epoch is selected on the photos that are scored: each phase keeps its last epoch.

    Args:
      config: ml_collections.ConfigDict with the fields of configs/finetune.py; `features.views` at
        least 1.
      workdir: gets `folds.json`, `predictions.csv` (each photo by the model that did not see it) and
        `doubts.csv` (photos whose label those models doubt).
      count: folds, at least 2.

    Returns:
      {"folds": count, "pooled": figures as in `metrics.json`, "each": accuracy of each fold with flip
      test-time augmentation, "interval_tta": [low, high] of all, "seconds": stage -> seconds}; where photos
      share groups, "divided": {"pooled", "interval_tta", "each", "cost"} of folds that divide
      them, as of `describe` and `cost_of_groups`.

    Raises:
      UserError: anything that the user can fix, in one line.
    """
    asked, config = config, fold_setup.last_epochs_kept(config)
    with fold_setup.open_job(config, workdir, {"folds": count}) as run:
        if not run.path("folds.json").exists():
            train_and_score(*fold_setup.begin(config, run), config, count, run)
    return announce(run, asked)


def train_and_score(photos, split, config, count, run):
    """Scores every fold and writes what they found together."""
    setup = fold_setup.set_up_folds(
        photos, split, config, count, run, (trunk_pass.PLAIN, trunk_pass.MIRRORED)
    )
    scored = score_folds(setup, setup.folds, config, run, "fold")
    pooled = prediction_table.join(scored)
    prediction_table.save_predictions(pooled, run.path(SCORED))
    found = doubts.find_doubts(pooled.labels, pooled.tta)
    doubts.save_doubts(found, pooled.ids, pooled.labels, photos.class_names, run.path("doubts.csv"))
    result = {"folds": count} | describe(scored)
    if groups.link(photos.groups):  # else there is nothing to divide
        divided = folds.cut_folds(
            dataclasses.replace(photos, groups=None), split, count, config.data.split_seed
        )
        others = score_folds(setup, divided, config, run, "divided")
        result["divided"] = describe(others) | {"cost": cost_of_groups(others, scored)}
    files.write_json(run.path("folds.json"), result | {"seconds": run.seconds})


def score_folds(setup, cut, config, run, name):
    """The Predictions of each fold in `cut`, whose files are in the folders `name`-1, `name`-2, ..."""
    scored = []
    for number, fold in enumerate(cut, 1):
        began, subrun = time.monotonic(), run.subrun(f"{name}-{number}")
        found = subrun.path(SCORED).exists()  # by a run before this one
        with run.stage("folds", told=False):
            scored.append(score_fold(setup, fold, config, subrun))
        left = progress.duration((time.monotonic() - began) * (len(cut) - number))
        progress.note(
            f"{name} {number} of {len(cut)}: accuracy {accuracy_tta(scored[-1]):.1%}"
            + (", stored by an earlier run" if found else f", {left} left" * (number < len(cut)))
        )
    return scored


def describe(scored):
    """{"pooled", "interval_tta", "each"} of the Predictions of folds, as `cross_validate` gives them."""
    pooled = prediction_table.join(scored)
    right = int((pooled.tta.argmax(axis=1) == pooled.labels).sum())
    return {
        "pooled": scores.compute_metrics(pooled),
        "interval_tta": scores.wilson_interval(right, len(pooled.ids)),
        "each": [accuracy_tta(each) for each in scored],
    }


def cost_of_groups(divided, whole):
    """What new groups cost, as of `paired.paired_difference`: TTA accuracy on whole groups less the other.

    Args:
      divided, whole: Predictions of folds of the same photos, whose groups are on both sides or on one.
    """
    right = [
        dict(zip(each.ids, (each.tta.argmax(axis=1) == each.labels).tolist(), strict=True))
        for each in map(prediction_table.join, (divided, whole))
    ]
    return paired.paired_difference(*([each[name] for name in right[0]] for each in right))


def score_fold(setup, fold, config, run):
    """The Predictions for one fold's held-out photos; trains the fold unless an earlier run did.

    Args:
      setup: fold_setup.FoldSetup; its model is left trained.
      fold: (training, held out) positions.
      config: the run's config.
      run: Run of the fold.
    """
    path = run.path(SCORED)
    if path.exists():
        return prediction_table.load_predictions(path)
    (train, held_out), photos, stored = fold, setup.photos, setup.stored
    head_feed, tail_feed = (
        feeds.stored_feed(network, stored, output, photos.labels, train, held_out, config)
        for network, output in ((setup.head, "pooled"), (setup.tail, "activation"))
    )
    setup.reset_weights()
    classifier.freeze(setup.model)
    history, kept = phases.train_phase("frozen", head_feed, config.frozen, run)
    classifier.unfreeze_from(setup.model, config.model.unfreeze_from, config.model.train_batch_norm)
    phases.train_phase("finetune", tail_feed, config.finetune, run, history, kept)
    scored = predicting.predict_stored(setup.tail, stored, photos, held_out, config.data.batch_size)
    prediction_table.save_predictions(scored, path)
    run.finish()
    return scored


def accuracy_tta(predictions):
    """Share of photos classified correctly with flip test-time augmentation."""
    return float(np.mean(predictions.tta.argmax(axis=1) == predictions.labels))


def announce(run, config):
    """Prints the result, and the command that trains with the doubtful labels corrected.

    Args:
      config: of the run that is advised.

    Returns:
      What `folds.json` holds.
    """
    found = files.read_json(run.path("folds.json"))
    pooled = found["pooled"]
    low, high = found["interval_tta"]
    print(
        f"{run.folder}: {found['folds']} folds, {pooled['count']} photos, accuracy {pooled['accuracy']:.1%}, "
        f"with TTA {pooled['accuracy_tta']:.1%} ({low:.1%} to {high:.1%}), loss {pooled['loss_tta']:.3f}"
    )
    if divided := found.get("divided"):
        print(
            "  where a group may be on both sides of a fold: "
            f"{divided['pooled']['accuracy_tta']:.1%} with TTA; the difference"
            f"{certainty.cost_interval(found)} is what new groups cost"
        )
    if report := certainty.refresh(run.folder):
        print(f"  also in {report}")
    path = run.path("doubts.csv")
    count = len(tables.read_table(path, ("id",)))
    print(f"  {count} of {pooled['count']} labels are in doubt: {path}")
    if count:
        every = ",".join(filter(None, [config.data.corrections, str(path)]))
        workdir = f"{run.folder}-corrected"
        command = next_command.spell("python train.py", config.to_dict(), workdir, data__corrections=every)
        print(f"  look at them, write a class or remove into the column correction, then type: {command}")
    return found
