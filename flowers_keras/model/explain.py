"""See why: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391), where the winning class comes from.

The gradient is that of the winning class's logit, not of its probability: a softmax that is sure
has almost no gradient left. After `mixed10` come only an average, a rectified layer and the logits,
so the gradient has a closed form, and the same few products give it in every backend.
"""

import io

import keras
import numpy as np
from PIL import Image

from flowers_keras.model import classifier

LAYER = "mixed10"  # the last mixed block

BATCH = 8  # photos at a time; their activations are all in memory, layer by layer

HEAT = np.array(  # from cold to hot: rising in lightness, so that it can be read without colours
    [[20, 11, 52], [110, 30, 110], [190, 55, 82], [240, 110, 32], [250, 190, 50], [252, 252, 180]], np.float32
)

PICTURE_SIDE = 448  # pixels, the longer side of a photo in a picture

GAP = 8  # pixels between a photo and its heat map


def heat_maps(model, photos, classes=None):
    """How much each place of each photo speaks for a class.

    Args:
      model: a classifier.
      photos: uint8 [count, S, S, 3], 0 to 255.
      classes: int [count], the class to explain of each photo; the most probable by default.

    Returns:
      float32 [count, S, S], 0 to 1; the strongest place of a photo is 1. All 0 where no place
      speaks for the class.
    """
    trunk, _ = classifier.cut(model, LAYER)
    maps = [np.zeros((0, *model.input_shape[1:3]), np.float32)]
    for start in range(0, len(photos), BATCH):
        piece = slice(start, start + BATCH)
        activations = trunk(keras.ops.convert_to_tensor(photos[piece]), training=False)
        chosen = None if classes is None else classes[piece]
        maps.append(_enlarge(class_activation(model, activations, chosen), model.input_shape[1]))
    return np.concatenate(maps)


def class_activation(model, activations, classes=None):
    """Grad-CAM of activations, at their own resolution and scale.

    Args:
      model: a classifier.
      activations: float [count, height, width, channels], the output of the layer `mixed10`.
      classes: as for `heat_maps`.

    Returns:
      float32 [count, height, width], at least 0.
    """
    activations = keras.ops.convert_to_numpy(activations).astype(np.float32)
    (kernel, bias), (last_kernel, last_bias) = (
        [keras.ops.convert_to_numpy(each) for each in (layer.kernel, layer.bias)]
        for layer in (model.get_layer("hidden"), model.get_layer("probabilities"))
    )
    hidden = activations.mean(axis=(1, 2)) @ kernel + bias
    if classes is None:
        classes = (np.maximum(hidden, 0) @ last_kernel + last_bias).argmax(axis=1)
    # d logit / d pooled: back through the logits' kernel, the rectifier's mask, the hidden kernel.
    slopes = (last_kernel.T[classes] * (hidden > 0)) @ kernel.T
    places = activations.shape[1] * activations.shape[2]
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, slopes / places), 0)


def _enlarge(maps, image_size):
    """float32 [count, image_size, image_size], scaled so that each map's maximum is 1."""
    enlarged = keras.ops.image.resize(
        maps[..., None], (image_size, image_size), "bicubic", data_format="channels_last"
    )
    enlarged = np.maximum(keras.ops.convert_to_numpy(enlarged)[..., 0], 0)
    strongest = enlarged.max(axis=(1, 2), keepdims=True)
    return np.divide(enlarged, strongest, out=np.zeros_like(enlarged), where=strongest > 0)


def overlay(photos, maps):
    """Heat over photos: greyish where the model did not look, glowing where it did.

    Args:
      photos: uint8 [count, height, width, 3], 0 to 255.
      maps: float [count, height, width], 0 to 1.

    Returns:
      uint8 [count, height, width, 3].
    """
    heat = np.asarray(maps, np.float32)
    steps = np.linspace(0, 1, len(HEAT))
    colours = np.stack([np.interp(heat, steps, HEAT[:, channel]) for channel in range(3)], axis=-1)
    photos = np.asarray(photos, np.float32)
    paper = 0.35 * photos + 0.55 * photos.mean(axis=-1, keepdims=True)
    strength = (0.15 + 0.6 * heat)[..., None]
    return np.rint((1 - strength) * paper + strength * colours).astype(np.uint8)


def shrink(photo):
    """A photo for showing: uint8 [height, width, 3], its longer side at most `PICTURE_SIDE`."""
    if max(photo.shape[:2]) <= PICTURE_SIDE:
        return photo
    image = Image.fromarray(photo)
    image.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def explain_picture(picture, heat_map):
    """The heat map of the squashed photo over a picture in the photo's own shape.

    Args:
      picture: uint8 [height, width, 3].
      heat_map: float32 [S, S], 0 to 1.

    Returns:
      uint8 [height, width, 3].
    """
    height, width = picture.shape[:2]
    stretched = Image.fromarray(heat_map).resize((width, height), Image.Resampling.BILINEAR)
    return overlay(picture[None], np.asarray(stretched)[None])[0]


def side_by_side(picture, explained):
    """A JPEG of two pictures of one size, the photo left and its heat map right, as bytes."""
    gap = np.full((len(picture), GAP, 3), 255, np.uint8)
    return jpeg(np.concatenate([picture, gap, explained], axis=1))


def jpeg(picture):
    """The bytes of a JPEG of uint8 [height, width, 3]."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()
