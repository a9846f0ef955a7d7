"""The fourteen operations at a glance: an operation a row, levels across, on one photo."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flowers_keras.augment import trivial_augment
from flowers_keras.augment.operations import OPERATIONS
from flowers_keras.errors import UserError
from flowers_keras.photos import reader, synthetic
from flowers_keras.photos.resize import resize

LEVELS_SHOWN = range(0, 31, 5)

IMAGE_SIZE = 299  # where the operations are applied: translations are in pixels

TILE = 96  # pixels, as all that follow

GAP = 4

CAPTION = 14

MARGIN = 88  # left of the tiles, for the names


def draw_sheet(photo):
    """Draws what every operation does to a photo, positive where the sign is random.

    Args:
      photo: uint8 [height, width, 3], 0 to 255, RGB.

    Returns:
      PIL.Image.Image.
    """
    photo = resize(photo, IMAGE_SIZE)
    width, row = MARGIN + len(LEVELS_SHOWN) * (TILE + GAP), TILE + CAPTION + GAP
    sheet = Image.new("RGB", (width, CAPTION + GAP + len(OPERATIONS) * row), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, level in enumerate(LEVELS_SHOWN):
        middle = MARGIN + column * (TILE + GAP) + TILE / 2
        pen.text((middle, GAP), f"level {level}", "black", font, anchor="ma")
        for number, operation in enumerate(OPERATIONS):
            top = CAPTION + GAP + number * row
            if column == 0:
                pen.text((GAP, top + TILE / 2), operation.name, "black", font, anchor="lm")
            elif not operation.magnitudes.any():
                continue  # all levels are the same
            magnitude = operation.magnitudes[level]
            changed = trivial_augment.apply_operation(photo, operation.name, magnitude)
            tile = Image.fromarray(np.asarray(changed)).resize((TILE, TILE), Image.Resampling.BOX)
            sheet.paste(tile, (MARGIN + column * (TILE + GAP), top))
            if operation.magnitudes.any():
                pen.text((middle, top + TILE), f"{magnitude:.3g}", "black", font, anchor="ma")
    return sheet


def read_subject(path):
    """uint8 [height, width, 3]: the photo at `path`, or a drawn one for None."""
    if path is None:
        return synthetic.draw_flower(0, seed=3, image_size=IMAGE_SIZE)
    try:
        return reader.read_photo(reader.read_file(path))
    except reader.BrokenPhoto as error:
        raise UserError(f"cannot draw {path}: {error}; give a photo that opens elsewhere") from error
