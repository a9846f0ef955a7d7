"""The recipe, top to bottom: photos in, a classifier that can be trusted out."""

from flowers_keras import files, runtime, user_paths
from flowers_keras.config import check_config
from flowers_keras.evaluation import calibration, diagnosis, prediction_table, run_metrics, shifts
from flowers_keras.model import archive, classifier, conditioning, inference, warm_start
from flowers_keras.photos import changes, corrections, pipeline, sources, split_file, splits
from flowers_keras.report import model_card, page
from flowers_keras.training import feeds, measured_photos, phases, run_folder, selection, tracking


def train_and_evaluate(config, workdir):
    """Trains and measures the classifier that `config` describes; resumes a run that was stopped.

    Args:
      config: ml_collections.ConfigDict with the fields of configs/finetune.py.
      workdir: the run's folder; `training/run_folder.py` lists its files.

    Returns:
      The metrics, as in `metrics.json`.

    Raises:
      UserError: anything that the user can fix, in one line.
    """
    check_config(config)
    tracking.require_tracker(config)
    user_paths.refuse_workdir(config, workdir)
    settings = config.to_dict() | corrections.digest(config.data)
    with run_folder.open_run(workdir, settings) as run, pipeline.photo_errors():
        if not run.finished:
            runtime.prepare_keras(config.seed, config.runtime.deterministic)
            with run.stage("photos"):
                photos, split = load_photos(config, run)
            if not run.path("model.keras").exists():
                train(photos, split, config, run)
            evaluate(photos, split, config, run)
        run.finish()
        return page.announce(run)


def load_photos(config, run):
    """The photos and their split, which is made once and then read from `splits.json`."""
    photos, path = sources.load_photos(config.data), run.path("splits.json")
    if path.exists():
        split = split_file.load(photos, path)
    else:
        split = splits.split_photos(photos, config.data, user_paths.cache_folder(config, run.folder))
        split = warm_start.keep_in_training(split, photos, config)
        run.remark(", ".join(f"{len(positions):,} {part}" for part, positions in split.positions.items()))
    return changes.refuse_later_changes(photos, split.digests), split


def train(photos, split, config, run):
    """Trains phase 1 with a frozen backbone, then phase 2 from the boundary on; keeps the best weights.

    The model is saved once: calibrated, and with the reference that new photos are compared with.
    """
    model = build(photos, split, config, run.policy)
    run.begin()
    split_file.save(split, photos, run.path("splits.json"))

    with run.stage("features"):
        head, tail = feeds.make_feeds(model, photos, split, config, run)
    if config.model.start_from:
        warm_start.copy_weights(model, config.model, photos.class_names)

    with run.stage("frozen"):
        classifier.freeze(model)
        history, kept = phases.train_phase("frozen", head, config.frozen, run)

    with run.stage("finetune"):
        classifier.unfreeze_from(model, config.model.unfreeze_from, config.model.train_batch_norm)
        phases.train_phase("finetune", tail, config.finetune, run, history, kept)

    names = list(photos.class_names)
    card = {"class_names": names, "image_size": config.data.image_size, "recipe": config.to_dict()}
    files.write_json(run.path("labels.json"), names)
    with run.stage("calibrate"):
        stored = measured_photos.reopen(split, config, run)
        temperature, reference = calibration.calibrate(model, photos, split, stored, config)
        archive.save(model, run.path("model.keras"), card, temperature, reference)


def build(photos, split, config, policy=None):
    """The classifier before training: with ImageNet's weights, or with random ones conditioned on the photos.

    Args:
      policy: dtype policy of the backbone; None for the one that `config` implies on this machine.
    """
    model = classifier.build_classifier(
        config, len(photos.class_names), policy or runtime.resolve_policy(config.runtime.dtype_policy)
    )
    if config.model.start_from:
        warm_start.prepare(model, photos, split, config)
    elif not config.model.weights:
        conditioning.condition_on_photos(model, photos, split.positions["train"], config)
    return model


def evaluate(photos, split, config, run):
    """Loads the saved file, measures it, and writes the metrics, the report and the model card."""
    with run.stage("evaluate"):
        saved = inference.load_classifier(run.path("model.keras"))
        stored = measured_photos.reopen(split, config, run)
        metrics, predictions = run_metrics.measure(saved, photos, split, stored, config)
    with run.stage("shift"):
        metrics["shift"] = shifts.measure_shift(saved.model, photos, split, config, run.policy)
    metrics["machine"] = run.record_machine()
    metrics["fit"] = selection.describe_kept(run.read_history(), run.config)
    metrics["verdict"] = diagnosis.diagnose(metrics)
    prediction_table.save_predictions(predictions, run.path("predictions.csv"))
    metrics["seconds"] = run.seconds | {"total": sum(run.seconds.values())}
    files.write_json(run.path("metrics.json"), metrics)
    with run.stage("report"):
        model_card.write_card(run, metrics)
        page.write_report(run, metrics, predictions, photos, split.positions["test"], saved.model)
