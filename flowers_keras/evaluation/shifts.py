"""Shift: accuracy on the test photos under changed conditions.

A classifier that memorised its photos, or learnt their backgrounds, then loses accuracy. The conditions are
simulated on the photo that the network would see; the idea and the three strengths come from Hendrycks and
Dietterich (2019), arXiv 1903.12261. All strengths of a condition share one draw, a pure function of (seed,
content of the photo, condition), so that only the strength differs. Runs with other seeds see the same
changes; added photos change few of them, as they may provide backgrounds.
"""

import collections
import concurrent.futures
import functools
import io
import itertools
import os

import numpy as np
from PIL import Image, ImageFilter

from flowers_keras import progress
from flowers_keras.model import folding, inference
from flowers_keras.photos import identity, pipeline
from flowers_keras.training import measured_photos, sharding

SEED = 0  # of all draws, in every run
BACKGROUNDS = 64  # photos whose background is used

BACKGROUND_SIDE = 24  # pixels that are left of a background

DISTANCE = 1.5  # of the camera, in sides of the photo; the closer, the stronger the perspective


def angle(photo, degrees, random, other):
    """Rolls the camera by `degrees` and looks from one side, by half as many; edges are mirrored."""
    del other
    roll = np.radians(degrees) * random.choice([-1, 1])
    side, tilt = random.uniform(0, 2 * np.pi), np.radians(degrees) / 2
    turned = _rotation(side, 2) @ _rotation(tilt, 0) @ _rotation(roll - side, 2)
    # The photo is the plane z = 0, its sides 1 long, and the camera stands over its middle.
    project = np.column_stack([turned[:, 0], turned[:, 1], [0, 0, DISTANCE]]) / [[1], [1], [DISTANCE]]
    size = len(photo)
    margin = size // 2
    to_units = np.array([[1 / size, 0, -0.5], [0, 1 / size, -0.5], [0, 0, 1]])
    to_pixels = np.array([[size, 0, size / 2 + margin], [0, size, size / 2 + margin], [0, 0, 1]])
    source = to_pixels @ np.linalg.inv(project) @ to_units
    wide = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), "symmetric")
    return np.asarray(
        Image.fromarray(wide).transform(
            (size, size),
            Image.Transform.PERSPECTIVE,
            (source / source[2, 2]).ravel()[:8].tolist(),
            Image.Resampling.BILINEAR,
        )
    )


def light(photo, stops, random, other):
    """More or less light by `stops`, and warmer or colder by a fifth of that; what is over 255 clips."""
    del other
    brighter, warmer = random.choice([-1, 1], 2) * stops
    gains = 2.0 ** (brighter + np.array([0.2, 0, -0.2]) * warmer)
    linear = (np.arange(256) / 255) ** 2.2  # light adds up in linear values, photos are not
    table = 255 * np.minimum(linear[:, None] * gains, 1) ** (1 / 2.2)
    table = np.rint(table).astype(np.uint8)
    return np.stack([table[:, channel][photo[..., channel]] for channel in range(3)], axis=-1)


def background(photo, share, random, other):
    """Replaces `share` of what is around the middle by another photo's, out of focus.

    Nothing says what is the flower: a soft ellipse in the middle, a half of the photo, is kept. A flower
    outside of it is covered, and what is behind one inside stays.
    """
    del random
    size = len(photo)
    large = Image.fromarray(other).resize((size, size), Image.Resampling.BICUBIC)
    weight = _surroundings(size) * np.float32(share)
    blended = photo + weight * (np.asarray(large, np.float32) - photo)
    return np.rint(blended).astype(np.uint8)


def blur(photo, share, random, other):
    """Out of focus: a Gaussian of `share` of the photo's side."""
    del random, other
    image = Image.fromarray(photo)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(share * len(photo))))


def noise(photo, deviation, random, other):
    """The noise of a sensor in dim light: Gaussian, `deviation` grey levels."""
    del other
    grain = random.standard_normal(photo.shape, np.float32) * np.float32(deviation)
    return np.clip(np.rint(photo + grain), 0, 255).astype(np.uint8)


def jpeg(photo, quality, random, other):
    """Saved as a JPEG of `quality`, 1 to 95, and opened again."""
    del random, other
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


# Each (photo uint8 [S, S, 3], strength, numpy.random.Generator, other uint8 [24, 24, 3]) ->
# uint8 [S, S, 3], and its strengths: slight, middle, strong.
CONDITIONS = {
    "angle": (angle, (10, 20, 40)),
    "light": (light, (0.5, 1.0, 2.0)),
    "background": (background, (0.35, 0.7, 1.0)),
    "blur": (blur, (1 / 300, 1 / 150, 1 / 75)),
    "noise": (noise, (8, 16, 32)),
    "jpeg": (jpeg, (50, 25, 10)),
}


def measure_shift(model, photos, split, config, policy="float32"):
    """Accuracy on the same photos as they are and under six conditions, three strengths each.

    Both are computed in the same precision, so that what differs is the change of the photos.

    Args:
      model: a float32 classifier.
      photos: sources.Photos.
      split: splits.Split, of whose test photos `evaluation.shift_photos` are drawn by their content.
      config: with `data.image_size`, `data.batch_size` and `evaluation.shift_photos`.
      policy: dtype policy of the passes, such as the run's, in which its machine is fast.

    Returns:
      {"photos": count, "precision": "float32" or "bfloat16", "accuracy": of the photos as they are,
      "conditions": {name: [slight, middle, strong]}}, plain accuracies from 0 to 1; None without photos.
    """
    positions = measured_photos.sample(split, "test", config.evaluation.shift_photos)
    if not len(positions):
        return None
    right = _count_right(folding.fast_copy(model, policy), photos, positions, split, config)
    share = {case: count / len(positions) for case, count in right.items()}
    return {
        "photos": len(positions),
        "precision": policy.removeprefix("mixed_"),
        "accuracy": share[None],
        "conditions": {name: [share[name, strength] for strength in range(3)] for name in CONDITIONS},
    }


def _count_right(network, photos, positions, split, config):
    """{(condition, strength): photos classified correctly}; None is the photos as they are."""
    addresses = identity.draw_addresses(split.digests, len(photos.ids))
    lenders = measured_photos.sample(split, "test", min(len(positions), BACKGROUNDS))
    backgrounds = _read_backgrounds(photos, lenders)
    size = min(config.data.batch_size, inference.LARGEST_BATCH)
    size = pipeline.even_batch_size(len(positions), size)  # so that none is filled up by many

    def count(mine):
        batches = pipeline.plain_batches(photos, positions[mine], config.data.image_size, size)
        with (
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
            progress.bar(len(mine) * (1 + 3 * len(CONDITIONS)), "shift", delay=5) as bar,
        ):
            for number, batch in enumerate(batches.as_numpy_iterator()):
                shown = positions[mine[number * size :][: len(batch)]]
                changed = _changed(batch, photos, shown, addresses, backgrounds, pool)
                for case, seen in itertools.chain([(None, batch)], changed):
                    found = inference.predict_batch(network, seen, size).argmax(axis=1)
                    yield case, int((found == photos.labels[shown]).sum())
                    bar.update(len(seen))

    right = collections.Counter()
    for case, found in sharding.compute_sharded(count, len(positions), size):
        right[case] += found
    return right


def change(photo, condition, strength, seed, address, other):
    """One photo under one condition.

    Args:
      photo: uint8 [S, S, 3].
      condition: a key of `CONDITIONS`.
      strength: 0, 1 or 2.
      seed, address: of the draw; see `identity.draw_addresses`.
      other: uint8 [24, 24, 3], another photo, whose background condition "background" takes.

    Returns:
      uint8 [S, S, 3].
    """
    apply, strengths = CONDITIONS[condition]
    which = list(CONDITIONS).index(condition)
    return apply(photo, strengths[strength], _generator(seed, address, which), other)


def _changed(batch, photos, positions, addresses, backgrounds, pool):
    """Yields ((condition, strength), photos uint8 [batch, S, S, 3]); the next is made meanwhile."""
    cases = [(name, strength) for name in CONDITIONS for strength in range(3)]
    others = [_another(photos, position, addresses, backgrounds) for position in positions]

    def begin(case):
        return [
            pool.submit(change, photo, *case, SEED, int(address), other)
            for photo, address, other in zip(batch, addresses[positions], others, strict=True)
        ]

    following = begin(cases[0])
    for case, after in zip(cases, [*cases[1:], None], strict=True):
        ready, following = following, begin(after) if after else []
        yield case, np.stack([each.result() for each in ready])


def _read_backgrounds(photos, positions):
    """Position -> uint8 [24, 24, 3]."""
    batches = pipeline.plain_batches(photos, positions, BACKGROUND_SIDE, len(positions))
    return dict(zip(positions.tolist(), next(batches.as_numpy_iterator()), strict=True))


def _another(photos, position, addresses, backgrounds):
    """A background that was not taken with this photo: of another class, if there is one."""
    label, seed = photos.labels[position], f"{SEED} {addresses[position]}"
    fit = [i for i in backgrounds if photos.labels[i] != label] or list(backgrounds)
    return backgrounds[min(fit, key=lambda i: identity.uniform_hash(addresses[i], seed))]


def _generator(*address):
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(address)))


def _rotation(radians, axis):
    """float [3, 3]: turns by `radians` about x (0) or z (2)."""
    cos, sin = np.cos(radians), np.sin(radians)
    if axis == 0:
        return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


@functools.lru_cache(maxsize=4)
def _surroundings(size):
    """float32 [size, size, 1]: 0 in a central ellipse, rising softly to 1 where it meets the edges."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    radius = np.hypot(axis[:, None], axis[None, :])
    rise = np.clip((radius - 0.65) / 0.35, 0, 1)
    return (rise * rise * (3 - 2 * rise))[..., None]
