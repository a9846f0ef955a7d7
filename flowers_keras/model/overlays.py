"""Pictures for people: a photo, and where in it the winning class comes from."""

import io

import numpy as np
from PIL import Image

HEAT = np.array(  # from cold to hot: rising in lightness, so that it can be read without colours
    [[20, 11, 52], [110, 30, 110], [190, 55, 82], [240, 110, 32], [250, 190, 50], [252, 252, 180]], np.float32
)

PICTURE_SIDE = 448  # pixels, the longer side of a photo in a picture

GAP = 8  # pixels between a photo and its heat map


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


def shrink(photo):
    """A photo for showing: uint8 [height, width, 3], its longer side at most `PICTURE_SIDE`."""
    if max(photo.shape[:2]) <= PICTURE_SIDE:
        return photo
    image = Image.fromarray(photo)
    image.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def side_by_side(picture, explained):
    """A JPEG of two pictures of one size, the photo left and its heat map right, as bytes."""
    gap = np.full((len(picture), GAP, 3), 255, np.uint8)
    return jpeg(np.concatenate([picture, gap, explained], axis=1))


def jpeg(picture):
    """The bytes of a JPEG of uint8 [height, width, 3]."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()
