"""Unusual JPEG files: with more pixels than fit in memory, or without their last bytes."""

import re

import numpy as np
from PIL import Image

from flowers_keras.photos.containers import JPEG_SCAN

REDUCED_PIXELS = 16_000_000  # of a photo above the limit: far more than any network looks at
MAX_COEFFICIENTS = 640 << 20  # bytes that libjpeg keeps of a photo of several scans, 2 a coefficient
MOST_UNKNOWN = 1 / 20  # of the picture may be lost, and at most its last row of blocks:
MENDED_PIXELS = 32_000_000  # of such a photo, which is in memory several times; larger ones are reduced, too
LAST_ROW = 18  # pixels, 16 of two blocks and what enlarging the colours makes of their border
END = b"\xff\xd9"
FOREIGN = re.compile(rb"\xff[^\x00\xc4\xd0-\xd7\xda-\xdd\xe0-\xef\xfe\xff]")  # a marker of no scan
# Entropy-coded data that differ from what libjpeg makes of none, before and after any restart marker.
_NOISE = bytes((151 * number + 89) % 255 for number in range(1000))
FILLER = _NOISE + b"".join(bytes((0xFF, restart)) + _NOISE for restart in range(0xD0, 0xD8))


def reduce(image):
    """Sets an image that is not loaded yet to be decoded at 1/2, 1/4 or 1/8 of its width and height.

    Args:
      image: PIL.JpegImagePlugin.JpegImageFile.
    """
    width, height = image.size
    scale = next((each for each in (2, 4) if width * height <= REDUCED_PIXELS * each**2), 8)
    image.draft(None, (width // scale, height // scale))


def coefficients(image, picture):
    """Bytes of memory that libjpeg takes besides the pixels; 0 for a photo of one scan."""
    if picture.count(_marker(JPEG_SCAN)) < 2:
        return 0
    sampling = np.array(image.layer)[:, 1:3]
    return int(2 * image.width * image.height * sampling.prod(1).sum() / sampling.max(0).prod())


def without_end(picture, decode):
    """The picture of a photo whose file ends too early, if no visible part is lost.

    Decoding twice, with nothing and with other data in place of the missing bytes, shows which pixels are
    lost.

    Args:
      picture: bytes of the file; something else may follow where the end is missing, as the video of
        some phones does (libjpeg-turbo#163).
      decode: bytes of a whole file -> loaded PIL.Image.Image.

    Returns:
      PIL.Image.Image, where lost pixels repeat the row above them; None if too many are lost.
    """
    after = FOREIGN.search(picture, max(0, picture.find(_marker(JPEG_SCAN))))
    body = picture[: after.start()] if after else picture.removesuffix(b"\xff")  # half of the end
    try:
        image, other = decode(body + END), decode(body + FILLER + END)
    except OSError:  # it stops between two scans
        return None
    if not _has_all_scans(body, [each[0] for each in image.layer]):
        return None
    pixels = np.array(image)
    unknown = (pixels != np.asarray(other)).reshape(*pixels.shape[:2], -1).any(-1)
    if not unknown.any():
        return image
    top, left = unknown.any(1).argmax(), unknown.any(0).argmax()
    height, width = unknown.shape
    lost = (height - top) * (width - left) / unknown.size
    if lost > MOST_UNKNOWN or height - top > LAST_ROW:
        return None
    if not image.info.get("progressive"):  # whose earlier scans show that part already
        pixels[top:, left:] = pixels[top - 1, left:]
    return Image.fromarray(pixels, image.mode)


def _has_all_scans(picture, channels):
    """Whether the last scan has begun: each coefficient of each channel comes to its last bit."""
    missing = {(channel, coefficient) for channel in channels for coefficient in range(64)}
    at = picture.find(_marker(JPEG_SCAN))
    while at >= 0:
        count = picture[at + 4]
        first, last, bits = picture[at + 5 + 2 * count : at + 8 + 2 * count]
        if bits & 15 == 0:
            scan = picture[at + 5 : at + 5 + 2 * count : 2]
            missing -= {(channel, each) for channel in scan for each in range(first, last + 1)}
        at = picture.find(_marker(JPEG_SCAN), at + 2)
    return not missing


def _marker(code):
    return bytes((0xFF, code))
