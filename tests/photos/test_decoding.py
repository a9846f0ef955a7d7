"""Photos as a program has them: a PIL image is read as its file is."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from flowers_keras.photos import decoding, reader
from tests.photos.bad_photos import encode, scene

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d:Description d:o="" tiff:Orientation="6"/></x:xmpmeta>'


def turned_by_text():
    text = PngImagePlugin.PngInfo()
    text.add_text(
        "Raw profile type exif",
        "\nexif\n 26\n" + (b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6" + bytes(7)).hex(),
    )
    return encode(scene(), "PNG", pnginfo=text)


def grey_of_16_bits():
    pixels = np.linspace(0, 65535, 24).astype(">u2")
    return b"P5 6 4 65535\n" + pixels.tobytes()


@pytest.mark.parametrize(
    "data",
    [
        encode(scene(), "JPEG", xmp=XMP),  # an editor's word, which the pixels no longer follow
        encode(scene(), "TIFF", tiffinfo={0x0112: 6}),
        turned_by_text(),
        grey_of_16_bits(),
    ],
    ids=["orientation in XMP", "turned TIFF", "turned by a text of a PNG", "16 bits of a PGM"],
)
def test_an_image_is_read_as_its_file_is(data):
    image = Image.open(io.BytesIO(data))
    assert np.array_equal(decoding.read_pixels(image), reader.read_photo(data))
