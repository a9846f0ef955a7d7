"""How the camera was held: the orientation in an EXIF block, and where a PNG may hide that block."""

import re
import struct
import zlib

ORIENTATION = 0x0112

TEXTS = ("Raw profile type exif", "Raw profile type APP1")  # names of such a text in a PNG
MAX_TEXT = 1 << 16  # characters that are looked at; the orientation is at the start


def orientation(exif):
    """The orientation in an EXIF block: 1 to 8 (CIPA DC-008); 1, upright, where it has none.

    Whatever else the block holds is not parsed, so that it cannot do harm.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, of_type = struct.unpack_from(order + "HH", tiff, entry)
            if tag == ORIENTATION:
                letter = "H" if of_type == 3 else "I"  # some programs write 32 bits
                (value,) = struct.unpack_from(order + letter, tiff, entry + 8)
                return value
    except struct.error:
        pass  # a damaged block tells nothing about the picture
    return 1


def of_chunk(kind, data):
    """The EXIF block in a text chunk of a PNG, as ImageMagick 6 and Exiv2 write it; b"" in any other.

    Args:
      kind: b"tEXt" or b"zTXt".
      data: bytes of the chunk.
    """
    name, _, text = data.partition(b"\0")
    if name.decode("latin-1") not in TEXTS:
        return b""
    try:
        text = zlib.decompressobj().decompress(text[1:], MAX_TEXT) if kind == b"zTXt" else text[:MAX_TEXT]
    except zlib.error:
        return b""
    return of_text(text.decode("latin-1"))


def of_text(text):
    """The EXIF block of the words "exif", its length and hexadecimal digits, as such a chunk has them.

    Example:
      >>> of_text("\\nexif\\n       8\\n4578696600004d\\n4d\\n")
      b'Exif\\x00\\x00MM'
    """
    digits = "".join(text[:MAX_TEXT].split()[2:])
    return bytes.fromhex(digits[: len(digits) // 2 * 2]) if re.fullmatch("[0-9a-fA-F]*", digits) else b""
