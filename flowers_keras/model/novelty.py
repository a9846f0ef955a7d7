"""Whether a photo is unlike anything a model was trained on, by its distance to training photos.

The distance is that to the k-th nearest training photo (Sun et al. 2022, arXiv 2204.06507) by what the
network sees and by how the picture looks. The score is the share of the validation photos that are
nearer: 1 less a conformal p-value (Bates et al. 2023, arXiv 2104.08279).
"""

import dataclasses
import functools

import numpy as np

from flowers_keras.model import image_statistics

NEIGHBOURS = 5  # k: a few odd training photos do not make a photo like them usual

# Of a logarithm: what all training photos have in common, such as no colour, makes no photo infinitely far.
LEAST_DEVIATION = 0.05

ONE_IN = 100  # photos of the kind of the validation photos may be called unlike them

LARGEST = {"train": 500, "validation": 1000}  # photos of each part that a reference is made of


@dataclasses.dataclass(frozen=True)
class Novelty:
    """How far a photo is from those that a model was trained on.

    Attributes:
      distance: at least 0.
      score: from 0 to 1, the share of validation photos that are nearer.
      unlike: whether it is among the farthest.
      false_alarms: share of photos like the validation photos that are called unlike them.
    """

    distance: float
    score: float
    unlike: bool
    false_alarms: float


@dataclasses.dataclass(frozen=True)
class Reference:
    """What new photos are compared with.

    Attributes:
      traits: float16 [training photos, traits], as of `make_traits`.
      distances: float32 [validation photos], ascending: theirs to the training photos.

    Raises:
      ValueError: an array is of another shape or holds what is not a distance.
    """

    traits: np.ndarray
    distances: np.ndarray

    def __post_init__(self):
        if (
            self.traits.ndim != 2
            or self.distances.ndim != 1
            or not (self.traits.size and self.distances.size)
        ):
            raise ValueError(f"a reference of shapes {self.traits.shape} and {self.distances.shape}")
        if not (np.isfinite(self.traits).all() and (np.diff(self.distances) >= 0).all()):
            raise ValueError("a reference of values that are no traits or no distances")

    @property
    def false_alarms(self):
        """Share of photos like the validation photos that are called unlike them.

        At most 1 in `ONE_IN`; with fewer validation photos, 1 in their number and 1.
        """
        return self._farther_allowed() / (len(self.distances) + 1)

    def judge(self, traits):
        """A Novelty for each row of `traits`, as of `make_traits`."""
        distances = self._space.distances(traits)
        count, nearer = len(self.distances) + 1, np.searchsorted(self.distances, distances, side="left")
        unlike = count - nearer <= self._farther_allowed()  # the photo itself is one of the count
        return [
            Novelty(float(distance), below / count, flag, self.false_alarms)
            for distance, below, flag in zip(distances, nearer.tolist(), unlike.tolist(), strict=True)
        ]

    @functools.cached_property
    def _space(self):
        return Space(self.traits)

    def _farther_allowed(self):
        return max(1, (len(self.distances) + 1) // ONE_IN)


class Space:
    """Where photos are compared: what the network sees of them and how they look count alike.

    The unit of either part is the distance that training photos have from each other. So the measure
    is of the training photos alone, and validation photos are to it what any new ones are. Of flowers of
    a class that was left out (ImageNet's features, 500 photos, 128 pixels) AUROC is 0.68 by both parts,
    0.60 by the network's alone.
    """

    def __init__(self, traits):
        """Takes the traits of training photos."""
        traits = traits.astype(np.float32)
        scales = np.ones(traits.shape[1], np.float32)
        scales[: image_statistics.WIDTH] = traits[:, : image_statistics.WIDTH].std(axis=0) + LEAST_DEVIATION
        for part in (slice(image_statistics.WIDTH), slice(image_statistics.WIDTH, None)):
            places = traits[:, part] / scales[part]
            unit = np.median(_kth_distances(places, places, NEIGHBOURS + 1))  # the nearest is itself
            scales[part] *= max(unit, 1e-6)
        self.scales, self.places = scales, traits / scales

    def distances(self, traits):
        """float32 [photos]: those to the `NEIGHBOURS`-th nearest training photo, or the farthest of fewer."""
        return _kth_distances(traits / self.scales, self.places, NEIGHBOURS)


def make_reference(training, validation):
    """The Reference of traits of training photos, calibrated on those of validation photos.

    Args:
      training, validation: float32 [photos, traits], as of `make_traits`, at least one photo each.

    Example:
      >>> random = np.random.default_rng(0)
      >>> known, other = random.normal(1, 0.2, (300, 90)), np.eye(90)[:1]
      >>> reference = make_reference(known[:200], known[200:])
      >>> [each.unlike for each in reference.judge(np.concatenate([known[:2], other]))]
      [False, False, True]
      >>> round(reference.false_alarms, 4)
      0.0099
    """
    training = training.astype(np.float16)
    return Reference(training, np.sort(Space(training).distances(validation)).astype(np.float32))


def _kth_distances(places, others, count):
    """float [places]: distances to the `count`-th nearest of the others, or to the farthest of fewer."""
    squares = (places**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * places @ others.T
    place = min(count, len(others)) - 1
    return np.sqrt(np.maximum(np.partition(squares, place, axis=1)[:, place], 0))


def make_traits(pooled, squares):
    """What photos are compared by: pixel statistics (`image_statistics`) and what the network sees.

    Square roots of pooled features keep a few strong channels from deciding alone. Blank pictures differ
    most in how strong all channels are together, which the last column holds beside their directions.

    Args:
      pooled: float [photos, width], at least 0.
      squares: uint8 [photos, S, S, 3], that the network saw.

    Returns:
      float32 [photos, image_statistics.WIDTH + width + 1]: the statistics, the square roots scaled to
      length 1, and the logarithm of that length.

    Example:
      >>> blank = np.zeros((1, 75, 75, 3), np.uint8)
      >>> make_traits(np.array([[9.0, 16.0]]), blank)[0, -3:].round(3).tolist()
      [0.6000000238418579, 0.800000011920929, 1.6089999675750732]
    """
    roots = np.sqrt(np.maximum(pooled, 0)).astype(np.float32)
    length = np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-6)
    return np.concatenate(
        [image_statistics.describe_squares(squares), roots / length, np.log(length)], axis=1
    )
