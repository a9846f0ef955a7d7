"""Pictures for people: heat over photos."""

import io

import numpy as np
from PIL import Image

from flowers_keras.model import overlays

SIDE = 203  # pixels


def test_overlay_glows_where_the_map_does():
    photo = np.zeros((1, 2, 3, 3), np.uint8) + np.array([40, 90, 140], np.uint8)
    heat = np.zeros((1, 2, 3), np.float32)
    heat[0, 1, 2] = 1
    shown = overlays.overlay(photo, heat)
    assert shown.dtype == np.uint8 and shown.shape == photo.shape
    cold, hot = shown[0, 0, 0].astype(int), shown[0, 1, 2].astype(int)
    assert hot.sum() > 2 * cold.sum() and hot[0] > hot[2]
    assert (shown.reshape(-1, 3)[:5] == cold).all()
    lightness = [overlays.overlay(photo, np.full((1, 2, 3), x)).mean() for x in np.linspace(0, 1, 9)]
    assert lightness == sorted(lightness)


def test_pictures_keep_the_shape_of_the_photo():
    heat = np.zeros((SIDE,) * 2, np.float32)
    heat[:, : SIDE // 2] = 1
    for height, width in ((300, 1200), (1, 1), (447, 3)):
        picture = overlays.shrink(np.full((height, width, 3), 128, np.uint8))
        assert max(picture.shape) <= overlays.PICTURE_SIDE
        explained = overlays.explain_picture(picture, heat)
        assert explained.shape == picture.shape
        if width > 1:
            assert explained[:, 0].mean() > explained[:, -1].mean() + 20
        both = Image.open(io.BytesIO(overlays.side_by_side(picture, explained)))
        assert both.format == "JPEG"
        assert both.size == (2 * picture.shape[1] + overlays.GAP, picture.shape[0])
