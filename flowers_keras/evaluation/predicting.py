"""A model's predictions for labelled photos: from their pixels, or from stored outputs of the trunk."""

import itertools

import numpy as np

from flowers_keras import progress
from flowers_keras.evaluation import prediction_table
from flowers_keras.model import classifier, inference, novelty
from flowers_keras.photos import pipeline
from flowers_keras.training import sharding, trunk_pass


def predict_photos(model, photos, positions, config, title, tta=True, reference=None):
    """Predictions for the photos at `positions`; none is dropped. Processes of one run share the work.

    Args:
      model: a classifier.
      photos: sources.Photos.
      positions: int [count].
      config: with `data.image_size`, `data.batch_size` and `evaluation.tta`.
      title: of the progress bar.
      tta: False leaves test-time augmentation out, whatever `config` says.
      reference: novelty.Reference of the model, by which the same pass judges the photos; or None.
    """
    batch_size = min(config.data.batch_size, inference.LARGEST_BATCH)
    positions, tta = np.asarray(positions), tta and config.evaluation.tta

    def predict(mine):
        batches = pipeline.plain_batches(photos, positions[mine], config.data.image_size, batch_size)
        with progress.bar(len(mine), title, delay=5) as bar:
            for batch in batches.as_numpy_iterator():
                both, judged = None, []
                if reference is None:
                    one = inference.predict_batch(model, batch, batch_size)
                else:
                    one, pooled = inference.predict_with_pooled(model, batch, batch_size)
                    judged = reference.judge(novelty.make_traits(pooled, batch))
                if tta:
                    both = (one + inference.predict_batch(model, batch[:, :, ::-1], batch_size)) / 2
                bar.update(len(one))
                yield one, both, judged

    plain, both, judged = zip(*sharding.compute_sharded(predict, len(positions), batch_size), strict=True)
    averaged = np.concatenate(both) if tta else None
    judged = list(itertools.chain.from_iterable(judged)) or None
    return _predictions(photos, positions, np.concatenate(plain), averaged, judged)


def predict_known(model, photos, positions, stored, config, title, tta):
    """Predictions for validation or training photos, from their stored outputs if there are any.

    Args:
      model: a classifier.
      photos, positions, config, title, tta: as for `predict_photos`.
      stored: as `measured_photos.reopen` returns it.
    """
    if stored is None:
        return predict_photos(model, photos, positions, config, title, tta)
    _, tail = classifier.cut(model, config.model.unfreeze_from)
    tta = tta and config.evaluation.tta
    return predict_stored(tail, stored, photos, positions, config.data.batch_size, tta)


def predict_stored(tail, stored, photos, positions, batch_size, tta=True):
    """Predictions from stored activations, which the trunk need not compute again.

    Args:
      tail: the layers of a classifier that take the activations.
      stored: features.Features that hold the photos at `positions` as they are; with `tta` mirrored as well.
      photos, positions: as for `predict_photos`.
      batch_size: photos computed at a time.
      tta: whether to average with the predictions for the mirrored photos.
    """

    def predict(view):
        return predict_rows(tail, "activation", stored.rows(view, positions), batch_size)

    plain = predict(trunk_pass.PLAIN)
    return _predictions(photos, positions, plain, (plain + predict(trunk_pass.MIRRORED)) / 2 if tta else None)


def predict_rows(network, output, rows, batch_size):
    """The output of a network for stored photos, such as probabilities. Processes of one run share the work.

    Args:
      network: keras.Model that takes the stored values.
      output: of the trunk, one of `segments.OUTPUTS`.
      rows: store.Rows.
      batch_size: photos computed at a time.

    Returns:
      float64 [rows, width of the output], in order.
    """

    def predict(mine):
        for start in range(0, len(mine), batch_size):
            values = rows.read(output, mine[start : start + batch_size])
            yield inference.predict_filled_up(network, values, batch_size)

    return np.concatenate(sharding.compute_sharded(predict, len(rows), batch_size), dtype=np.float64)


def _predictions(photos, positions, plain, tta, judged=None):
    ids = [photos.ids[i] for i in positions]
    return prediction_table.Predictions(ids, photos.labels[positions], photos.class_names, plain, tta, judged)
