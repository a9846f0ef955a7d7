"""Small pictures that travel inside a page."""

import base64
import dataclasses
import io

from PIL import Image

from flowers_keras.photos import reader

SIDE = 160  # pixels, the longer one
QUALITY = 82  # of the JPEG


@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A picture as a `data:` address, and its size in pixels."""

    data: str
    width: int
    height: int


def photo_thumbnail(photos, position):
    """The photo at `position`; None where it cannot be read, since the report is written all the same."""
    try:
        image = Image.fromarray(reader.read_photo(photos.read(position)))
    except reader.BrokenPhoto:
        return None
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _encode(image)


def overlay_thumbnail(overlay, photo):
    """A picture of what the network sees, in the shape of the photo again.

    Args:
      overlay: uint8 [S, S, 3], of the photo squashed to a square.
      photo: the photo's Thumbnail.
    """
    return _encode(Image.fromarray(overlay).resize((photo.width, photo.height), Image.Resampling.LANCZOS))


def _encode(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return Thumbnail(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}", *image.size)
