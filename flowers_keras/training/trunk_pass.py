"""Runs the trunk over photos, one view at a time."""

import keras

from flowers_keras import progress
from flowers_keras.augment import training_views
from flowers_keras.model import inference
from flowers_keras.photos import changes, identity, pipeline
from flowers_keras.training import forecast

PLAIN, MIRRORED = "plain", "mirrored"  # views: photos as they are, and their mirror images


class Pass:
    """Computes the trunk's outputs for photos, and shows progress.

    Args:
      trunk: as `folding.make_trunk` returns it.
      photos: sources.Photos.
      digests: position -> SHA-256 of the photo's bytes when it was split.
      config: the run's config.
      run: Run; gets its seconds and a forecast of the stages to come.
      count: photos of all views that will be computed.
    """

    def __init__(self, trunk, photos, digests, config, run, count):
        self._trunk, self._config, self._run = trunk, config, run
        self._photos = changes.refuse_later_changes(photos, digests)  # values are stored under them
        self._augmentation = training_views.make_augmentation(
            config.augment, config.data.image_size, identity.draw_addresses(digests, len(photos.ids))
        )
        self._pace = forecast.Pace()
        self.bar = progress.bar(count, "features")
        self._count, self._done = count, 0

    def values(self, view, positions):
        """Yields (activation, pooled) of photos, a batch at a time, NumPy.

        Args:
          view: `PLAIN`, `MIRRORED` or the name of an epoch's view, such as "view-002".
          positions: int [count], of the photos.

        Raises:
          An error that `pipeline.photo_errors` turns into a UserError: a photo has changed since the split.
        """
        image_size, batch_size = self._config.data.image_size, self._config.data.batch_size
        if view in (PLAIN, MIRRORED):
            batches = pipeline.plain_batches(self._photos, positions, image_size, batch_size)
        else:
            epoch = int(view.removeprefix("view-"))
            batches = pipeline.view_batches(self._photos, positions, epoch, batch_size, self._augmentation)
        last = self._done + len(positions)
        for batch in batches.as_numpy_iterator():  # which every backend takes
            values = self._compute(batch[:, :, ::-1] if view == MIRRORED else batch)
            self._done += len(batch)
            self._pace.add(len(batch))
            self.bar.update(len(batch))
            if self._done == last:
                self._forecast()
            yield values

    def _compute(self, batch):
        """(activation, pooled) of a batch; filled up under JAX, which compiles again for another size."""
        if keras.backend.backend() != "jax":
            return self._trunk.predict_on_batch(batch)
        return inference.predict_filled_up(self._trunk, batch, self._config.data.batch_size)

    def _forecast(self):
        """Prints, once per run and after the first view, how long the rest of the run will take."""
        if self._run.counts and not self._run.expected and (spent := self._pace.seconds_a_photo()):
            self._run.expected = forecast.forecast(self._config, self._run.counts, spent)
            left = spent * (self._count - self._done) + sum(self._run.expected.values())
            progress.note(
                f"features: {1 / spent:.1f} photos/s; the run has about {progress.duration(left)} left"
            )

    def note_progress(self):
        """Saves the run's seconds and, if verbose, prints the progress."""
        self._run.note_seconds()
        if spent := self._pace.seconds_a_photo():
            left = f"{1 / spent:.1f} photos/s, {progress.duration((self._count - self._done) * spent)} left"
            progress.detail(f"features: {self._done:,} of {self._count:,} are computed, {left}")
