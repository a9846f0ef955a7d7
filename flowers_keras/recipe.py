"""The story, top to bottom: photos in, a classifier that can be trusted out."""

import numpy as np

from flowers_keras import config as configs
from flowers_keras import (
    diagnose,
    evaluate,
    explain,
    feeds,
    files,
    phases,
    report,
    run,
    runtime,
    scores,
    shifts,
)
from flowers_keras import model as classifier
from flowers_keras.photos import pipeline, sources, splits


def train_and_evaluate(config, workdir):
    """Trains the classifier that `config` describes and measures it; resumes what was cut off.

    Args:
      config: ml_collections.ConfigDict with the fields of configs/finetune.py.
      workdir: the run's folder; DESIGN's files of a run are left there.

    Returns:
      The metrics, as in `metrics.json`.

    Raises:
      UserError: something that the person can mend, said in one line.
    """
    configs.check(config)
    with run.open_run(workdir, config.to_dict()) as here:
        if not here.finished:
            runtime.seed_everything(config.seed, config.runtime.deterministic)
            with here.stage("photos"):
                photos = sources.load_photos(config.data)
                parts = split(photos, config, here)
            if not here.path("model.keras").exists():
                train(photos, parts, config, here)
            model, _ = classifier.load(here.path("model.keras"))
            with here.stage("evaluate"):
                metrics, predictions = measure(model, photos, parts, config)
            with here.stage("shift"):
                metrics["shift"] = shift(model, photos, parts.parts["test"], config)
            metrics["verdict"] = diagnose.diagnose(metrics)
            evaluate.save_predictions(predictions, here.path("predictions.csv"))
            metrics["seconds"] = here.seconds | {"total": sum(here.seconds.values())}
            files.write_json(here.path("metrics.json"), metrics)
            with here.stage("report"):
                report.write_report(here, metrics, predictions, photos, parts.parts["test"], explained(model))
            print("seconds:", ", ".join(f"{name} {value:.0f}" for name, value in here.seconds.items()))
        here.finish()
        return report.announce(here)


def split(photos, config, here):
    """Decides which photo goes where, once a run."""
    path = here.path("splits.json")
    if path.exists():
        return splits.load(photos, path)
    parts = splits.split_photos(photos, config.data)
    print(", ".join(f"{part}: {len(positions)} photos" for part, positions in parts.parts.items()))
    return parts


def train(photos, parts, config, here):
    """Phase 1 with the whole backbone frozen, phase 2 from the boundary on, best weights kept."""
    model = build(photos, parts, config)
    here.begin()
    splits.save(parts, photos, here.path("splits.json"))

    with here.stage("features"):
        head, tail = feeds.make_feeds(model, photos, parts, config, here)

    with here.stage("frozen"):
        classifier.freeze(model)
        history, best = phases.train_phase("frozen", head, config.frozen, here)

    with here.stage("finetune"):
        classifier.unfreeze_from(model, config.model.unfreeze_from, config.model.train_batch_norm)
        phases.train_phase("finetune", tail, config.finetune, here, history, best)

    card = {
        "class_names": list(photos.class_names),
        "image_size": config.data.image_size,
        "recipe": config.to_dict(),
    }
    files.write_json(here.path("labels.json"), card["class_names"])
    classifier.save(model, here.path("model.keras"), card)


def build(photos, parts, config):
    """The classifier before training: of ImageNet's weights, or of random ones made fit to learn."""
    model = classifier.build_classifier(
        len(photos.class_names),
        config.data.image_size,
        config.model.weights,
        config.model.hidden_units,
        config.model.dropout,
        config.model.l2,
        runtime.resolve_policy(config.runtime.dtype_policy),
    )
    if not config.model.weights:
        shown = np.random.default_rng(config.seed).permutation(parts.parts["train"])[:256]
        batches = pipeline.plain_batches(photos, shown, config.data.image_size, 64)
        classifier.condition_random_weights(model, batches.as_numpy_iterator())
    return model


def measure(model, photos, parts, config):
    """Measures the file that is shipped, loaded again, on raw photos; the test photos only here.

    Returns:
      (metrics, predictions): the figures of `metrics.json` that one pass over the photos gives, and
      the evaluate.Predictions of the test photos.
    """
    image_size, batch_size = config.data.image_size, config.data.batch_size

    def predict(part, positions):
        return evaluate.predict_photos(
            model, photos, positions, image_size, batch_size, config.evaluation.tta, part
        )

    validation = predict("validation", parts.parts["validation"])
    temperature = scores.fit_temperature(validation.labels, validation.plain)
    # As many training photos, not augmented, as validation has: enough to see the gap.
    sample = np.random.default_rng(config.seed).permutation(parts.parts["train"])
    train = predict("train", np.sort(sample[: len(validation.ids)]))
    test = predict("test", parts.parts["test"])
    metrics = {
        "test": evaluate.compute_metrics(test, temperature),
        "validation": evaluate.compute_metrics(validation, temperature),
        "train": evaluate.compute_metrics(train, temperature),
        "temperature": temperature,
        "leaks": splits.describe(parts, photos, config.data.twin_distance),
        "versions": runtime.versions(),
    }
    return metrics, test


def shift(model, photos, test, config):
    """Accuracy on some of the test photos under changed conditions; None where none are asked for."""
    # Drawn, as in a folder the first photos are all of one class.
    drawn = np.random.default_rng(config.seed).permutation(test)
    shown = np.sort(drawn[: config.evaluation.shift_photos])
    return shifts.shift_accuracy(model, photos, shown, config.data.image_size, config.data.batch_size, 0)


def explained(model):
    """The model's heat maps over photos, for the report."""
    return lambda photos: explain.overlay(photos, explain.heat_maps(model, photos))
