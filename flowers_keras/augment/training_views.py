"""What a photo looks like in training: mirrored, cropped, then changed by TrivialAugmentWide.

Every draw is a pure function of (seed, epoch, photo): the order of the workers does not matter, a run
that is resumed sees what it would have seen, and a stored view equals a fresh one. `tf.random.*` in
`Dataset.map` gave the same draws every epoch (tensorflow#35682).
"""

import tensorflow as tf

from flowers_keras.augment.trivial_augment import trivial_augment_wide
from flowers_keras.photos.resize import resize

SMALLEST_AREA = 0.7  # of a crop, as a part of the photo

LARGEST_DISTORTION = 4 / 3  # of a crop's aspect ratio, from the photo's own


def make_augmentation(settings, image_size, addresses=None):
    """How a photo becomes what the network trains on.

    Args:
      settings: `policy` ("trivial_wide" or "none"), `flip_and_crop` (bool), `seed` (int).
      image_size: int, pixels.
      addresses: int [photos], what the draws of each photo depend on; its index by default.

    Returns:
      (photo uint8 [height, width, 3], epoch, index of the photo) -> uint8 [image_size, image_size, 3].
    """

    def augmentation(photo, epoch, index):
        address = index if addresses is None else tf.gather(tf.constant(addresses, tf.int64), index)
        seed = photo_seed(settings.seed, epoch, address)
        crop_seed, policy_seed = tf.unstack(tf.random.split(seed))
        if settings.flip_and_crop:
            photo = random_flip_and_crop(photo, crop_seed, image_size)
        else:
            photo = resize(photo, image_size)
        if settings.policy == "trivial_wide":
            photo = trivial_augment_wide(photo, policy_seed)
        return photo

    return augmentation


def photo_seed(seed, epoch, index):
    """The address of all that is drawn for one photo in one epoch.

    Args:
      seed: whole number or integer scalar tensor, up to 64 bits.
      epoch: likewise, up to 31 bits.
      index: likewise, up to 32 bits.

    Returns:
      int32 [2], a seed for `tf.random.stateless_*`.
    """
    seed, epoch, index = (tf.convert_to_tensor(each, dtype_hint=tf.int64) for each in (seed, epoch, index))
    # One draw of 64 bits, as a `tf.random.fold_in` a part would keep only 32 bits of each.
    place = tf.cast(epoch, tf.int64) * 2**32 + tf.cast(index, tf.int64)
    address = tf.stack((tf.cast(seed, tf.int64), place))
    return tf.random.stateless_uniform([2], address, minval=None, maxval=None, dtype=tf.int32)


def random_flip_and_crop(image, seed, image_size):
    """A mild crop, squashed to a square, and its mirror image half of the time.

    The crop has 0.7 to 1 of the photo's area (uniform) and up to 4/3 or down to 3/4 of its aspect ratio
    (log-uniform), is cut where it is larger than the photo, and lies anywhere in it (uniform).

    Args:
      image: uint8 [height, width, 3], 0 to 255.
      seed: int32 [2].
      image_size: int, pixels.

    Returns:
      uint8 [image_size, image_size, 3], 0 to 255.
    """
    image = tf.convert_to_tensor(image)
    area, aspect, top, left, mirror = tf.unstack(tf.random.stateless_uniform([5], seed))
    area = SMALLEST_AREA + (1 - SMALLEST_AREA) * area
    aspect = LARGEST_DISTORTION ** (2 * aspect - 1)
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    part = tf.minimum(tf.sqrt(tf.stack((area / aspect, area * aspect))), 1)
    crop = tf.maximum(tf.round(size * part), 1)
    corner = tf.minimum(tf.floor(tf.stack((top, left)) * (size - crop + 1)), size - crop)
    (y, x), (height, width) = tf.unstack(tf.cast(corner, tf.int32)), tf.unstack(tf.cast(crop, tf.int32))
    cropped = resize(image[y : y + height, x : x + width], image_size)
    return tf.cond(mirror < 0.5, lambda: tf.reverse(cropped, axis=(1,)), lambda: cropped)
