"""Removes from image files what does not make the picture.

Photos come from strangers. Colour profiles, comments, thumbnails and parts of animations are removed before
a decoder sees the file: nothing needs them, compressed ones may expand to gigabytes, and Pillow prints a
warning about each damaged one.
"""

import re
import struct
import zlib

from flowers_keras.photos import exif_block

MAX_SEGMENTS = 100_000  # of a JPEG, PNG or GIF; more is an attempt to keep us busy

JPEG_SCAN, JPEG_END = 0xDA, 0xD9
MOST_ZEROS = 2  # at the end of what a JPEG decoder is given
JPEG_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xDA), 0xFF}  # and fill bytes
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # one that is followed by a length, or the end
JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # not JFIF, E0, and Adobe, EE: they tell colours
PNG_TEXT = (b"tEXt", b"zTXt")
PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
# Size, bits, compression, colours, strips or tiles and tables of the first page; not the orientation.
TIFF_PICTURE = {
    *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320),
    *(322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532),
}
TIFF_SUBFILE, TIFF_BITS, TIFF_COLOURS, TIFF_CHANNELS, TIFF_PLANES = 254, 258, 262, 277, 284
TIFF_PLACES = {273: 279, 324: 325}  # of strips and tiles -> their lengths
TIFF_LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q", 7: "B"}  # of `struct`, by the type of a value
MAX_CHANNELS = 6  # of a TIFF; Pillow complains on standard error about more
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
GIF_EXTENSION, GIF_FRAME, GIF_END, GIF_CONTROL = 0x21, 0x2C, 0x3B, 0xF9


class BrokenPhoto(ValueError):
    """These bytes are not a usable photo; the text is the reason, in a few words."""


def strip_metadata(kind, data):
    """Removes everything that does not contribute to the picture.

    Args:
      kind: the format, as `formats.format_of` names it.
      data: bytes of the file.

    Returns:
      (bytes of a file with the same picture, its EXIF block); the block is b"" if there is none, if the
      decoder turns the picture itself (HEIC, AVIF) or if it returns the block itself (WebP).

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
    if kind == "TIFF":
        return _strip_tiff(data), data
    if kind in ("AVIF", "HEIC"):  # the boxes that turn the picture count there, not its EXIF block
        return re.sub(rb"(?s)(infe[\2\3].{7,9})(?:Exif|mime)", rb"\1free", data), b""
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
            return b"".join([*kept, memoryview(data)[at : _end_of_scans(data, at)]]), exif
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


def _end_of_scans(data, at):
    """Where a JPEG ends, from its first scan on: decoders stop there, but a phone's video may follow."""
    for _ in range(MAX_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if not found:
            break
        if data[found.start() + 1] == JPEG_END:
            return found.end()
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    # A download that was cut off leaves zeros, which would be decoded as something grey.
    return len(data.rstrip(b"\0")) if data.endswith(bytes(MOST_ZEROS + 1)) else len(data)


def _strip_png(data):
    kept, kinds, exif, at, view = [data[:8]], set(), b"", 8, memoryview(data)
    for _ in range(MAX_SEGMENTS):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) and b"IDAT" in kinds and PNG_END.startswith(data[at:]):
            return b"".join([*kept, PNG_END]), exif  # only its end is missing, which holds nothing
        if end > len(data):
            raise BrokenPhoto("truncated")
        kind = data[at + 4 : at + 8]
        if kind in PNG_PICTURE:
            if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
                raise BrokenPhoto(f"damaged PNG (checksum of {kind.decode()})")
            kept.append(view[at:end])
            kinds.add(kind)
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind in PNG_TEXT and not exif:
            exif = exif_block.of_chunk(kind, data[at + 8 : end - 4])
        if kind == b"IEND":
            return b"".join(kept), exif
        at = end
    raise BrokenPhoto(f"damaged PNG (more than {MAX_SEGMENTS} chunks)")


def _strip_gif(data):
    screen_end = 13 + _colour_table(data[10])
    at, control, in_extension = screen_end, b"", False
    for _ in range(MAX_SEGMENTS):
        mark = data[at]
        if in_extension:  # `at` is at the length of one of its blocks; the last one is empty
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
    # A frame that exceeds the screen makes it larger, as in browsers.
    size = max(screen[0], left + width), max(screen[1], top + height)
    if max(size) > 0xFFFF:
        raise BrokenPhoto("damaged GIF (its frame is out of sight)")
    start = data[:6] + struct.pack("<2H", *size) + data[10:screen_end]
    return b"".join([start, control, memoryview(data)[at:]])


def _strip_tiff(data):
    """The file with a new directory at its end that holds only the picture's tags; nothing else moves."""
    order = "<" if data[0] == ord("I") else ">"
    entries = {}
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, of_type, length = struct.unpack_from(order + "HHI", data, at)
        if tag in TIFF_PICTURE:
            if of_type not in TIFF_LETTERS or length > MAX_SEGMENTS:
                raise BrokenPhoto(f"damaged TIFF (tag {tag})")
            entries[tag] = data[at : at + 12]
    values = {tag: _tiff_values(data, order, entry) for tag, entry in entries.items()}
    _refuse_tiff(values)
    for places, lengths in TIFF_PLACES.items():
        for place, length in zip(values.get(places, ()), values.get(lengths, ()), strict=False):
            if place + length > len(data):
                raise BrokenPhoto("truncated")
    padding = bytes(len(data) % 2)
    place = struct.pack(order + "I", len(data) + len(padding))
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries.values()) + bytes(4)
    return b"".join([data[:4], place, memoryview(data)[8:], padding, directory])


def _refuse_tiff(values):
    """Refuses a TIFF whose tags say that it is not a photo, or that Pillow would show it in wrong colours."""
    channels = max(values.get(TIFF_CHANNELS, (1,)), default=1)
    if sum(values.get(TIFF_SUBFILE, ())) & 1:
        raise BrokenPhoto("not a photo but a preview, as in a camera's raw file; export it as JPEG")
    if channels > MAX_CHANNELS:
        raise BrokenPhoto(f"a TIFF of more than {MAX_CHANNELS} channels")
    if max(values.get(TIFF_BITS, (1,)), default=1) <= 8:
        return
    if channels > 1 and values.get(TIFF_PLANES) == (2,):
        raise BrokenPhoto("a TIFF of 16 bits with a plane for each colour; save it with 8, or interleaved")
    if values.get(TIFF_COLOURS) == (0,):
        raise BrokenPhoto("a TIFF of 16 bits whose white is 0; save it with 8, or with black at 0")


def _tiff_values(data, order, entry):
    """The values of an entry of a directory; struct.error where they are outside of the file."""
    _, of_type, length = struct.unpack_from(order + "HHI", entry)
    letter = TIFF_LETTERS[of_type]
    if struct.calcsize(letter) * length <= 4:
        return struct.unpack_from(f"{order}{length}{letter}", entry, 8)
    (place,) = struct.unpack_from(order + "I", entry, 8)
    return struct.unpack_from(f"{order}{length}{letter}", data, place)


def _colour_table(flags):
    """Length in bytes of the colour table that follows flags of a GIF."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
