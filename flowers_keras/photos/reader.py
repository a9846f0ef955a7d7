"""From a file to pixels: the only reader of photos, for training, `evaluate` and `predict`.

A photo is either read correctly (upright, RGB, 8 bits) or refused with a `BrokenPhoto` that says why. No
file crashes the reader, takes it long or fills the memory.
"""

import errno
import io
import os
import re
import stat
import struct
import time

import numpy as np
from PIL import Image, ImageFile

from flowers_keras.photos import containers, exif_block, folders, formats, jpeg
from flowers_keras.photos.containers import BrokenPhoto

TRANSIENT = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT)  # how a network drive fails for a moment
MAX_BYTES = 256 << 20  # of an encoded photo
MAX_PIXELS = 128_000_000  # of a decoded one
MAX_SIDE = 65_535  # pixels; the maximum of JPEG and GIF
MAX_EFFORT = 16 * MAX_PIXELS  # pixels times the passes, or the slowness, of their decoder
MAX_EXPANSION = 10_000  # pixels per byte; deflate, the densest except WebP, reaches 8,256
DENSE = ("WEBP", "AVIF", "HEIF", "JPEG2000")  # formats without such a limit
NO_PHOTO = "not a photo"
LEAST_LINES = 4  # from so many on, a carriage return before every line feed is not chance
UNCOMPRESSED = ("BMP", "PPM", "TIFF")  # whose pixels may be any bytes
STRIP_PIXELS = 1 << 22  # converted at a time, so that memory does not hold a large photo three times

UPRIGHT = {  # EXIF orientation -> the operation that turns the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def find_photos(folder, skipped=None, others=None):
    """Photos in a folder and its subfolders, by their name or their first bytes.

    A file that is named like a photo is included whatever it holds; `read_photo` says what is wrong with it.

    Args:
      folder: path, searched as `folders.list_files` does.
      skipped: a list that gets the path of each file or folder of the system.
      others: a list that gets the path of each file that is not a photo.

    Returns:
      Sorted list of pathlib.Path.

    Raises:
      UserError: the folder, or one inside it, cannot be listed.
    """
    photos = []
    for path in folders.list_files(folder, skipped):
        if looks_like_photo(path):
            photos.append(path)
        elif others is not None:
            others.append(path)
    return photos


def name_others(others):
    """One line for the console about files that are not photos.

    Example:
      >>> name_others(["notes.txt", "labels.csv"])
      'left out 2 files that are not photos: notes.txt, labels.csv'
    """
    names = folders.join_some([folders.printable(each) for each in others])
    if len(others) == 1:
        return f"left out 1 file that is not a photo: {names}"
    return f"left out {len(others)} files that are not photos: {names}"


def looks_like_photo(path):
    """Whether a file, a pathlib.Path, is one by its name or its first bytes."""
    if path.name.lower().removesuffix(formats.IN_ICLOUD).endswith(formats.SUFFIXES):
        return True
    try:
        with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return False
            return formats.format_of(file.read(formats.START)) is not None
    except OSError:
        return False


def read_file(path):
    """The bytes of a regular file, or of the one that a symbolic link leads to.

    Raises:
      BrokenPhoto: it is absent, unreadable, too large, or no regular file.
    """
    for pause in (0.1, 1, None):
        try:
            return _read_regular(path)
        except OSError as error:
            if pause is None or error.errno not in TRANSIENT:
                raise BrokenPhoto((error.strerror or type(error).__name__).lower()) from error
            time.sleep(pause)


def _read_regular(path):
    with open(path, "rb", opener=_open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BrokenPhoto("not a regular file")
        if status.st_size > MAX_BYTES:
            raise BrokenPhoto(f"larger than {MAX_BYTES >> 20} MiB")
        return file.read(status.st_size)


def _open_without_waiting(path, flags):
    """Opens a file without waiting: a named pipe without a writer would block for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_photo(data):
    """Decodes a photo of any format of `formats`. May be called by many threads.

    Args:
      data: bytes of the file. Of an animation or of many pages, the first counts.

    Returns:
      uint8 [height, width, 3], RGB, 0 to 255, upright by its EXIF orientation, read-only. Transparency
      becomes white, 16 bits are scaled to 8, colour profiles are not applied, and a JPEG above `MAX_PIXELS`
      is decoded at a reduced scale.

    Raises:
      BrokenPhoto: the bytes are no photo, are damaged or incomplete, or make over `MAX_PIXELS`.
    """
    if not data:
        raise BrokenPhoto("empty file")
    data, kind = formats.trimmed(data), formats.format_of(data)
    if kind is None:
        raise BrokenPhoto(formats.why_no_photo(data))
    # Another library in this process may have told Pillow to fill missing parts with grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        picture, exif = containers.strip_metadata(kind, data)
        if kind not in UNCOMPRESSED and _was_sent_as_text(picture):
            raise BrokenPhoto(f"damaged {kind}, as it was sent as text; send it again as binary")
        image = _load(kind, picture)
        return upright_pixels(image, exif_block.orientation(exif or image.info.get("exif") or b""))
    except BrokenPhoto:
        raise
    except Exception as error:  # with broken bytes Pillow raises nearly any exception
        raise BrokenPhoto(_reason(kind, error)) from error


def _was_sent_as_text(picture):
    """Whether FTP or Git converted line feeds to those of Windows; decoders would show a wrong picture."""
    count = picture.count(b"\n")
    return count >= LEAST_LINES and count == picture.count(b"\r\n")


def _load(kind, picture):
    """A loaded PIL.Image.Image, also of a JPEG whose last bytes are missing."""
    try:
        return _decode(kind, picture)
    except OSError as error:
        if kind != "JPEG" or not re.search("truncated|broken data stream", str(error)):
            raise
        most = min(MAX_PIXELS, jpeg.MENDED_PIXELS)
        image = jpeg.without_end(picture, lambda whole: _decode(kind, whole, most))
        if image is None:
            raise
        return image


def _decode(kind, picture, most_pixels=None):
    """A loaded PIL.Image.Image; of a JPEG of more than `most_pixels` (`MAX_PIXELS`), a smaller one."""
    image = formats.open_image(kind, io.BytesIO(picture))
    _check_size(image, picture)
    if image.width * image.height > (most_pixels or MAX_PIXELS):
        jpeg.reduce(image)
    image.load()
    return image


def _check_size(image, picture):
    """Refuses, by its header, a picture that would take too much memory or time."""
    width, height = image.size
    if image.format == "TIFF" and image.mode in ("I", "F"):
        raise BrokenPhoto("a TIFF of 32 bits a channel; save it with 8 or 16")
    if max(width, height) > MAX_SIDE:
        raise BrokenPhoto(f"{width}x{height} pixels, more than {MAX_SIDE} on a side")
    if width * height > MAX_PIXELS and image.format != "JPEG":
        raise BrokenPhoto(f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} million")
    effort = 1
    if image.info.get("progressive"):  # JPEG; cameras make about 10 scans
        effort = picture.count(bytes([0xFF, containers.JPEG_SCAN]))
    elif image.info.get("compression") in (1, 2):  # run lengths of a BMP, which Python decodes
        effort = 256
    if effort * max(width * height, len(picture)) > MAX_EFFORT:
        raise BrokenPhoto(f"{width}x{height} pixels that would take too long to decode")
    if width * height > MAX_EXPANSION * len(picture) and image.format not in DENSE:
        raise BrokenPhoto(f"{width}x{height} pixels cannot be in {len(picture)} bytes")
    if width * height > MAX_PIXELS and jpeg.coefficients(image, picture) > jpeg.MAX_COEFFICIENTS:
        raise BrokenPhoto(f"{width}x{height} pixels in several scans, which takes too much memory")


def upright_pixels(image, orientation):
    """uint8 [height, width, 3] of a loaded Pillow image of an EXIF orientation, 1 to 8."""
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    if rows >= height:
        return _rgb(image)
    photo = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        photo[top : top + rows] = _rgb(image.crop((0, top, width, min(top + rows, height))))
    return photo


def _rgb(image):
    """uint8 [height, width, 3] of a Pillow image of any mode."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip to 255
        grey = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image)
        image = paper
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _reason(kind, error):
    """A few words about what a decoder raised."""
    if isinstance(error, ImportError):
        return f"{kind}, which needs another package; type pip install pillow-heif"
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MAX_PIXELS // 10**6} million pixels"
    text = " ".join(str(error).split())
    ends = isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error))
    cut = ends or any(words in text.lower() for words in ("truncated", "end of file", "cannot read full"))
    return "truncated" if cut else f"damaged {kind} ({text[:60]})"
