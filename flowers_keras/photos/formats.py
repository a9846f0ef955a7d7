"""Image formats, recognised by the first bytes of a file: its name may claim another one, or none.

Pillow's classes are used directly: `Image.open` would print warnings about photos that are below our limit,
and about stereo JPEGs that it cannot parse.
"""

import re

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

START = 256  # bytes of a file that tell its format
NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF, JPEG 2000 or PPM"

# A file with such a name is meant to be a photo: if it is not one, a message names it.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".ppm", ".pgm"),
)

IN_ICLOUD = ".icloud"  # suffix of a file that is only on Apple's servers; its name begins with a dot


class TiffImageFile(TiffImagePlugin.TiffImageFile):
    """Pillow's class without its warning about sizes that are below our limit."""

    def load_prepare(self):
        if self._im is None:
            self.im = Image.core.new(self.mode, self._tile_size)
        ImageFile.ImageFile.load_prepare(self)


# Raw files that begin like a TIFF: Canon's, and those whose first picture is a preview (NEF, ARW, DNG).
_RAW_TIFF = (
    rb"II\*\0(?:....CR|\x08\0{3}..\xfe\0\x04\0\x01\0{3}\x01)"
    rb"|MM\0\*\0{3}\x08..\0\xfe\0\x04\0{3}\x01\0{3}\x01"
)

_BEGINS = re.compile(
    rb"""(?P<JPEG>\xff\xd8\xff)
    |(?P<PNG>\x89PNG\r\n\x1a\n)
    |(?P<WebP>RIFF....WEBP)
    |(?P<GIF>GIF8[79]a)
    |(?P<BMP>BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0)
    |(?P<JPEG2000>\xff\x4f\xff\x51|\0{3}\x0cjP\x20{2}\r\n\x87\n)
    |(?P<PPM>P[456](?:\s|\#[^\n]*\n)+\d+\s+\d)  # not those in which numbers are written out
    |(?P<TIFF>(?!"""
    + _RAW_TIFF
    + rb""")(?:II\*\0|MM\0\*))
    |(?P<AVIF>....ftyp(?:avi[fs]|m[is]f1....(?:(?!hei|hev)....){0,9}avi[fs]))  # mif1 and msf1 hold either
    |(?P<HEIC>....ftyp(?:hei[cxms]|hev[cxms]|mif[12]|msf1))""",
    re.DOTALL | re.VERBOSE,
)

_CLASSES = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}

_CAMERA_RAW = rb"(?s)" + _RAW_TIFF + rb"|II[RU]|MMOR|FUJIFILMCCD|\0MRM|FOVb|....ftypcrx"

_IN_FRONT = re.compile(rb"(?:\xef\xbb\xbf|\s){1,128}")  # which some web servers and editors add

_OTHERS = (  # what files that are named like a photo often are
    (rb"\s*<", "a web page or a drawing"),
    (rb"version https://git-lfs", "a pointer of Git LFS; type git lfs pull"),
    (_CAMERA_RAW, "a camera's raw file; export it as JPEG"),
    (rb"(?s)\0...(?:ftyp|moov|mdat|wide)|\x1aE\xdf\xa3|RIFF....AVI", "a video"),
    (rb"bplist00", "what iCloud leaves in the place of a file; download it"),
    (rb"PK\x03\x04|Rar!\x1a|7z\xbc\xaf|\x1f\x8b", "an archive; unpack it"),
    (rb"%PDF-|8BPS", "a PDF or a Photoshop file; export it as JPEG"),
    (rb"\0\x05\x16[\0\x07]", "what a Mac keeps beside a file"),
    (rb"\x89PNG[\r\n]", "a PNG that was sent as text; send it again as binary"),  # what its start shows
    (rb"\0+$", "nothing but zeros"),
)


def trimmed(data):
    """The bytes of a file without white space, or a byte order mark, in front of a photo."""
    text = _IN_FRONT.match(data)
    return data[text.end() :] if text else data


def format_of(data):
    """The format of a photo, or None.

    Args:
      data: the bytes of a file, or its first `START`.

    Example:
      >>> format_of(b"GIF89a"), format_of(b"\\r\\n\\xff\\xd8\\xff\\xe0"), format_of(b"GIFT")
      ('GIF', 'JPEG', None)
    """
    found = _BEGINS.match(trimmed(data[:START]))
    return found and found.lastgroup


def open_image(name, file):
    """A PIL.Image.Image of a file of a format, whose size is known and whose pixels are not decoded.

    Raises:
      ImportError: the package that reads HEIC is not installed.
      Exception: whatever the library raises about damaged bytes.
    """
    if name == "HEIC":
        import pillow_heif  # only where such a photo is read

        return pillow_heif.HeifImageFile(file)
    return _CLASSES[name](file)


def why_no_photo(data):
    """A few words about bytes that are of no format that is read."""
    for begins, words in _OTHERS:
        if re.match(begins, data[:START]):
            return f"not a photo but {words}"
    return f"not a photo ({NAMES})"
