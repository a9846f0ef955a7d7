"""The parts of a photo's file that make the picture, and how the camera was held.

Photos come from strangers. Colour profiles, comments, thumbnails and what belongs to an animation
are cut out before a decoder sees the file: nobody needs them here, compressed ones may unfold to
gigabytes, and Pillow warns on standard error about each of them that is damaged.
"""

import struct
import zlib

MAX_SEGMENTS = 100_000  # of a JPEG, PNG or GIF; more is an attempt to keep us busy

JPEG_SCAN = 0xDA
JPEG_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xDA), 0xFF}  # and fill bytes
JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # not JFIF, E0, and Adobe, EE: they tell colours
PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
GIF_EXTENSION, GIF_FRAME, GIF_END, GIF_CONTROL = 0x21, 0x2C, 0x3B, 0xF9
EXIF_ORIENTATION = 0x0112


class BrokenPhoto(ValueError):
    """These bytes are not a photo that can be used; its text is the reason, in a few words."""


def strip_metadata(kind, data):
    """Cuts out what does not make the picture.

    Args:
      kind: "JPEG", "PNG", "WebP", "GIF" or "BMP".
      data: bytes of the file.

    Returns:
      (bytes of a file with the same picture, its EXIF block); b"" where it has none, or is a WebP,
      which Pillow parses without harm.

    Raises:
      BrokenPhoto: the file is incomplete or damaged.
      IndexError, struct.error: it ends in its header.
    """
    if kind == "JPEG":
        return _strip_jpeg(data)
    if kind == "PNG":
        return _strip_png(data)
    if kind == "GIF":
        return _strip_gif(data), b""
    if kind == "WebP" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise BrokenPhoto("truncated")
    return data, b""


def _strip_jpeg(data):
    kept, exif, at = [data[:2]], b"", 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)  # libjpeg skips bytes between segments, too
        if at < 0 or at + 4 > len(data):
            raise BrokenPhoto("truncated")
        marker = data[at + 1]
        if marker == JPEG_SCAN:
            return b"".join([*kept, memoryview(data)[at:]]), exif
        if marker in JPEG_WITHOUT_LENGTH:
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker not in JPEG_METADATA:
            kept.append(data[at:end])
        elif data[at + 4 : at + 10] == b"Exif\0\0":
            exif = exif or data[at + 4 : end]
        at = end
    raise BrokenPhoto(f"damaged JPEG (more than {MAX_SEGMENTS} segments)")


def _strip_png(data):
    kept, exif, at, view = [data[:8]], b"", 8, memoryview(data)
    for _ in range(MAX_SEGMENTS):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise BrokenPhoto("truncated")
        kind = data[at + 4 : at + 8]
        if kind in PNG_PICTURE:
            if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
                raise BrokenPhoto(f"damaged PNG (checksum of {kind.decode()})")
            kept.append(view[at:end])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        if kind == b"IEND":
            return b"".join(kept), exif
        at = end
    raise BrokenPhoto(f"damaged PNG (more than {MAX_SEGMENTS} chunks)")


def _strip_gif(data):
    screen_end = 13 + _colour_table(data[10])
    at, control, in_extension = screen_end, b"", False
    for _ in range(MAX_SEGMENTS):
        mark = data[at]
        if in_extension:  # at the length of a block of it; the last one is empty
            in_extension = mark > 0
            at += 1 + mark
        elif mark == GIF_EXTENSION:
            if data[at + 1] == GIF_CONTROL:  # only its flag and index of transparency are kept
                control = bytes([GIF_EXTENSION, GIF_CONTROL, 4, data[at + 3] & 1, 0, 0])
                control += bytes([data[at + 6], 0])
            in_extension = True
            at += 2
        elif mark == GIF_FRAME:
            break
        elif mark == GIF_END:
            raise BrokenPhoto("damaged GIF (no picture in it)")
        else:
            at += 1  # a stray byte, as some old programs wrote
    else:
        raise BrokenPhoto(f"damaged GIF (more than {MAX_SEGMENTS} blocks)")
    left, top, width, height = struct.unpack_from("<4H", data, at + 1)
    screen = struct.unpack_from("<2H", data, 6)
    # A frame that sticks out makes the screen larger, as browsers have it.
    size = max(screen[0], left + width), max(screen[1], top + height)
    if max(size) > 0xFFFF:
        raise BrokenPhoto("damaged GIF (its frame is out of sight)")
    start = data[:6] + struct.pack("<2H", *size) + data[10:screen_end]
    return b"".join([start, control, memoryview(data)[at:]])


def _colour_table(flags):
    """Length in bytes of the colour table that follows flags of a GIF."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


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
            if tag == EXIF_ORIENTATION:
                letter = "H" if of_type == 3 else "I"  # some programs write 32 bits
                (value,) = struct.unpack_from(order + letter, tiff, entry + 8)
                return value
    except struct.error:
        pass  # a damaged block tells nothing about the picture
    return 1
