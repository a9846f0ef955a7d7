"""Whether a photo is unlike anything a model was trained on, by its distance to training photos.

The distance is that to the k-th nearest training photo in feature space (Sun et al. 2022, arXiv
2204.06507). The score is the share of the validation photos that are nearer: 1 less a conformal p-value
(Bates et al. 2023, arXiv 2104.08279).
"""

import dataclasses

import numpy as np

NEIGHBOURS = 5  # k: a few odd training photos do not make a photo like them usual

ONE_IN = 100  # photos of the kind of the validation photos may be called unlike them

# Photos of each part that a reference holds, as each costs a pass through the whole network. With 1,000
# training photos AUROC is 0.02 higher (flowers of a class that was left out, ImageNet's features).
LARGEST = {"train": 500, "validation": 1000, "test": 1000}


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
      features: float16 [training photos, pooled features + 1], as of `embed`.
      distances: float32 [validation photos], ascending: theirs to the training photos.

    Raises:
      ValueError: an array is of another shape or holds what is no distance.
    """

    features: np.ndarray
    distances: np.ndarray

    def __post_init__(self):
        if (
            self.features.ndim != 2
            or self.distances.ndim != 1
            or not (self.features.size and self.distances.size)
        ):
            raise ValueError(f"a reference of shapes {self.features.shape} and {self.distances.shape}")
        if not (np.isfinite(self.features).all() and (np.diff(self.distances) >= 0).all()):
            raise ValueError("a reference of values that are no features or no distances")

    @property
    def false_alarms(self):
        """Share of photos like the validation photos that are called unlike them.

        At most 1 in `ONE_IN`; with fewer validation photos, 1 in their number and 1.
        """
        return self._farther_allowed() / (len(self.distances) + 1)

    def judge(self, pooled):
        """A Novelty for each row of `pooled`, float [photos, pooled features]."""
        distances = kth_distances(pooled, self.features)
        count, nearer = len(self.distances) + 1, np.searchsorted(self.distances, distances, side="left")
        unlike = count - nearer <= self._farther_allowed()  # the photo itself is one of the count
        return [
            Novelty(float(distance), below / count, flag, self.false_alarms)
            for distance, below, flag in zip(distances, nearer.tolist(), unlike.tolist(), strict=True)
        ]

    def _farther_allowed(self):
        return max(1, (len(self.distances) + 1) // ONE_IN)


def make_reference(training, validation):
    """The Reference of pooled features of training photos, calibrated on those of validation photos.

    Args:
      training, validation: float [photos, pooled features], at least one photo each.

    Example:
      >>> random = np.random.default_rng(0)
      >>> known, other = random.normal(1, 0.2, (300, 8)), np.eye(8)[:1]
      >>> reference = make_reference(known[:200], known[200:])
      >>> [each.unlike for each in reference.judge(np.concatenate([known[:2], other]))]
      [False, False, True]
      >>> round(reference.false_alarms, 4)
      0.0099
    """
    features = embed(training).astype(np.float16)
    return Reference(features, np.sort(kth_distances(validation, features)))


def kth_distances(pooled, features):
    """Distances to the `NEIGHBOURS`-th nearest row, or to the farthest of fewer.

    Args:
      pooled: float [photos, width].
      features: float16 [count, width + 1], as of `embed`.

    Returns:
      float32 [photos].
    """
    one, other = embed(pooled), features.astype(np.float32)
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    place = min(NEIGHBOURS, len(other)) - 1
    return np.sqrt(np.maximum(np.partition(squares, place, axis=1)[:, place], 0))


def embed(pooled):
    """Pooled features as a place in the space where photos are compared.

    Square roots keep a few strong channels from deciding alone. Blank pictures differ most in how
    strong all channels are together, which the last column holds beside their directions.

    Args:
      pooled: float [photos, width], at least 0.

    Returns:
      float32 [photos, width + 1]: the square roots scaled to length 1, and the logarithm of that length.

    Example:
      >>> embed(np.array([[9.0, 16.0]])).round(3).tolist()
      [[0.6000000238418579, 0.800000011920929, 1.6089999675750732]]
    """
    roots = np.sqrt(np.maximum(pooled, 0)).astype(np.float32)
    length = np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-6)
    return np.concatenate([roots / length, np.log(length)], axis=1)
