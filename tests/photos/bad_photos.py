"""A corpus of bad photos: strange but good ones, which must be read correctly, and broken ones.

Every photo shows the same scene, four coloured quarters, so that a test can tell by its corners
whether it was turned, mirrored, inverted, clipped or composited wrongly.
"""

import dataclasses
import io
import os
import pathlib
import socket
import struct
import textwrap
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

USED, LEFT_OUT = "used", "left out"
RED, GREEN, BLUE, YELLOW = (200, 30, 40), (30, 160, 60), (40, 60, 200), (205, 190, 50)
CORNERS = (RED, GREEN, BLUE, YELLOW)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
HEIGHT, WIDTH = 32, 48


@dataclasses.dataclass(frozen=True)
class Case:
    """One file of the corpus.

    Attributes:
      path: of the file.
      expected: `USED` or `LEFT_OUT`.
      reason: words that the reason holds, of a photo that is left out.
      shape: (height, width, 3) of a photo that is used.
      corners: its RGB at the top left, top right, bottom left and bottom right.
      tolerance: the largest difference of a corner's channel, grey levels.
    """

    path: pathlib.Path
    expected: str
    reason: str = ""
    shape: tuple[int, int, int] = (HEIGHT, WIDTH, 3)
    corners: tuple = CORNERS
    tolerance: int = 0


class _Corpus:
    """Writes files and keeps the list of their cases."""

    def __init__(self, folder):
        self.folder, self.cases = folder, []

    def use(self, name, data, **expected):
        (self.folder / name).write_bytes(data)
        self.cases.append(Case(self.folder / name, USED, **expected))

    def leave_out(self, name, data, reason):
        if data is not None:
            (self.folder / name).write_bytes(data)
        self.cases.append(Case(self.folder / name, LEFT_OUT, reason))


def make_corpus(folder):
    """Writes the corpus into `folder`, which must be empty; takes about a second.

    Returns:
      List of Case, more than a hundred.
    """
    corpus = _Corpus(pathlib.Path(folder))
    for add in (
        *(_encodings, _jpeg_colours, _png_modes, _transparent, _other_modes, _orientations),
        *(_tiff, _avif_and_heic, _damaged_exif, _metadata, _animations, _sizes, _false_names),
        *(_nearly_whole, _not_photos, _truncated, _damaged, _bombs, _odd_files),
    ):
        add(corpus)
    return corpus.cases


def scene(mode="RGB"):
    """The four quarters as a Pillow image."""
    quarters = np.array(CORNERS, np.uint8).reshape(2, 2, 3)
    return Image.fromarray(quarters.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)).convert(mode)


def encode(image, kind, **options):
    """The bytes of a file of a Pillow image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def heic(image, **options):
    """The bytes of a HEIC file; an orientation in `exif` is written as a box, as a phone does."""
    file = io.BytesIO()
    container = pillow_heif.from_pillow(image)
    container[0].info.update(options)
    container.save(file, quality=95)
    return file.getvalue()


def chunk(kind, data):
    """A PNG chunk with its length and checksum."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, bits, colour, rows, *extra, interlace=0, after=b""):
    """A PNG file whose scan lines, filter bytes included, are `rows`."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    picture = chunk(b"IDAT", zlib.compress(rows, 1))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + b"".join(extra) + picture + after + chunk(b"IEND", b"")


def _scan_lines(samples):
    """Scan lines without a filter of uint8 or big-endian uint16 [height, ...]."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def _four_quarters(values, dtype):
    """[HEIGHT, WIDTH, channels] of four values, one a quarter."""
    quarters = np.array(values, dtype).reshape(2, 2, -1)
    return quarters.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)


def _encodings(corpus):
    image = scene()
    corpus.use("plain.jpg", encode(image, "JPEG", quality=95), tolerance=8)
    corpus.use("CAPITALS.JPG", encode(image, "JPEG", quality=95), tolerance=8)
    corpus.use("Mixed.JpEg", encode(image, "JPEG", subsampling=0), tolerance=8)
    corpus.use("progressive.jpg", encode(image, "JPEG", progressive=True), tolerance=8)
    corpus.use("restarts.jpg", encode(image, "JPEG", restart_marker_rows=1), tolerance=8)
    corpus.use("worst.jpg", encode(image, "JPEG", quality=5), tolerance=40)
    corpus.use("plain.png", encode(image, "PNG"))
    corpus.use("lossy.webp", encode(image, "WEBP", quality=95), tolerance=12)
    corpus.use("lossless.webp", encode(image, "WEBP", lossless=True))
    corpus.use("plain.gif", encode(image, "GIF"))
    corpus.use("interlaced.gif", encode(image, "GIF", interlace=1))
    corpus.use("plain.bmp", encode(image, "BMP"))
    corpus.use("plain.jp2", encode(image, "JPEG2000"))
    corpus.use("stream.j2k", encode(image, "JPEG2000", no_jp2=True))
    corpus.use("portable.bmp.jpg", encode(image, "PPM"))
    corpus.use("sign.ppm", encode(image, "PPM"))  # as a set of traffic signs has them
    deep = b"P6\n# 16 bits\n%d %d\n65535\n" % (WIDTH, HEIGHT)
    corpus.use("deep.ppm", deep + (np.asarray(image).astype(">u2") * 257).tobytes())
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    pixels = np.asarray(image)
    rows = b"".join(_scan_lines(pixels[y::dy, x::dx]) for x, y, dx, dy in (*passes, (0, 1, 1, 2)))
    corpus.use("interlaced.png", png(WIDTH, HEIGHT, 8, 2, rows, interlace=1))


def _jpeg_colours(corpus):
    grey = _greys(scene("L"))
    corpus.use("grey.jpg", encode(scene("L"), "JPEG"), corners=grey, tolerance=4)
    corpus.use("rgb.jpg", encode(scene(), "JPEG", keep_rgb=True), tolerance=8)
    black = 40  # ink, so that wrong arithmetic with K shows
    inks = 255 - np.asarray(scene()).astype(np.float64) * 255 / (255 - black)
    cmyk = np.dstack([inks.round().astype(np.uint8), np.full((HEIGHT, WIDTH), black, np.uint8)])
    corpus.use("cmyk.jpg", encode(Image.fromarray(cmyk, "CMYK"), "JPEG"), tolerance=12)
    # Adobe's YCCK holds the inks as YCbCr. Pillow writes inverted CMYK and says so in the Adobe
    # segment's last byte, 0; give it YCbCr in place of the inks and say 2.
    ycc = np.asarray(Image.fromarray(cmyk[..., :3]).convert("YCbCr"))
    ycck = Image.fromarray(np.dstack([255 - ycc, cmyk[..., 3]]), "CMYK")
    data = bytearray(encode(ycck, "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    corpus.use("ycck.jpg", bytes(data), tolerance=16)


def _greys(image):
    """Corners of a Pillow image of one channel."""
    corner = ((0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1))
    return tuple((image.getpixel(at),) * 3 for at in corner)


def _png_modes(corpus):
    corpus.use("grey.png", encode(scene("L"), "PNG"), corners=_greys(scene("L")))
    corpus.use("palette.png", encode(scene().quantize(4), "PNG"))
    corpus.use("palette8.png", encode(scene("P"), "PNG"), tolerance=40)
    bits = _four_quarters([0, 1, 1, 0], np.uint8)[..., 0]
    one_bit = (BLACK, WHITE, WHITE, BLACK)
    corpus.use("1bit.png", encode(Image.fromarray(bits * 255).convert("1"), "PNG"), corners=one_bit)
    levels = _four_quarters([0, 1, 2, 3], np.uint8)[..., 0]
    packed = levels[:, ::4] << 6 | levels[:, 1::4] << 4 | levels[:, 2::4] << 2 | levels[:, 3::4]
    two_bits = tuple((85 * level,) * 3 for level in range(4))
    corpus.use("2bit.png", png(WIDTH, HEIGHT, 2, 0, _scan_lines(packed)), corners=two_bits)
    # Clipped to 8 bits instead of scaled, all but the first would be white.
    grey = _scan_lines(_four_quarters([0, 20000, 40000, 65535], ">u2"))
    greys = ((0,) * 3, (78,) * 3, (156,) * 3, (255,) * 3)
    corpus.use("16bit_grey.png", png(WIDTH, HEIGHT, 16, 0, grey), corners=greys, tolerance=1)
    deep = np.array(CORNERS, np.uint16) * 257
    rgb = _scan_lines(_four_quarters(deep, ">u2"))
    corpus.use("16bit_rgb.png", png(WIDTH, HEIGHT, 16, 2, rgb), tolerance=1)


def _transparent(corpus):
    """Over white: the second quarter half seen through, the last one not seen."""
    alpha = _four_quarters([255, 128, 255, 0], np.uint8)
    half = tuple((c + 255) // 2 for c in GREEN)
    expected = {"corners": (RED, half, BLUE, WHITE), "tolerance": 2}
    rgba = Image.fromarray(np.dstack([np.asarray(scene()), alpha]))
    corpus.use("rgba.png", encode(rgba, "PNG"), **expected)
    corpus.use("rgba.webp", encode(rgba, "WEBP", lossless=True), **expected)
    deep = _scan_lines(np.asarray(rgba).astype(">u2") * 257)
    corpus.use("16bit_rgba.png", png(WIDTH, HEIGHT, 16, 6, deep), **expected)
    greys = _greys(scene("L"))
    half = ((greys[1][0] + 255) // 2,) * 3
    expected = {"corners": (greys[0], half, greys[2], WHITE), "tolerance": 2}
    corpus.use("grey_alpha.png", encode(rgba.convert("LA"), "PNG"), **expected)
    deep = _scan_lines(np.asarray(rgba.convert("LA")).astype(">u2") * 257)
    corpus.use("16bit_grey_alpha.png", png(WIDTH, HEIGHT, 16, 4, deep), **expected)
    cut_out = {"corners": (WHITE, GREEN, BLUE, YELLOW)}
    palette = scene().quantize(4)
    first = palette.getpixel((0, 0))
    corpus.use("palette_alpha.png", encode(palette, "PNG", transparency=first), **cut_out)
    corpus.use("transparent.gif", encode(palette, "GIF", transparency=first), **cut_out)
    ramp = bytes(0 if i == first else 254 for i in range(4))  # an alpha for each colour
    data = encode(palette, "PNG", transparency=ramp)
    corpus.use("palette_ramp.png", data, tolerance=2, **cut_out)
    corpus.use("colour_key.png", encode(scene(), "PNG", transparency=RED), **cut_out)
    grey, key = scene("L"), greys[0][0]
    cut_out = {"corners": (WHITE, *greys[1:])}
    corpus.use("grey_key.png", encode(grey, "PNG", transparency=key), **cut_out)


def _other_modes(corpus):
    corpus.use("grey.gif", encode(scene("L"), "GIF"), corners=_greys(scene("L")))
    corpus.use("grey.webp", encode(scene("L"), "WEBP"), corners=_greys(scene("L")), tolerance=12)
    corpus.use("grey.bmp", encode(scene("L"), "BMP"), corners=_greys(scene("L")))
    corpus.use("palette.bmp", encode(scene().quantize(4), "BMP"))
    opaque = scene("RGBA")
    corpus.use("alpha.bmp", encode(opaque, "BMP"))
    pixels = np.asarray(scene())
    head = struct.pack("<iiHHIIiiII", WIDTH, -HEIGHT, 1, 24, 0, 0, 0, 0, 0, 0)
    top_down = struct.pack("<IHHII", 54, 0, 0, 54, 40) + head
    corpus.use("top_down.bmp", b"BM" + top_down + pixels[..., ::-1].tobytes())
    runs = b"".join(
        bytes([WIDTH // 2, left, WIDTH // 2, right, 0, 0])
        for left, right in [(2, 3)] * (HEIGHT // 2) + [(0, 1)] * (HEIGHT // 2)
    )
    head = struct.pack("<iiHHIIiiII", WIDTH, HEIGHT, 1, 8, 1, len(runs), 0, 0, 4, 0)
    colours = b"".join(bytes([b, g, r, 0]) for r, g, b in CORNERS)
    start = struct.pack("<IHHII", 70 + len(runs), 0, 0, 70, 40)
    corpus.use("run_lengths.bmp", b"BM" + start + head + colours + runs + b"\0\1")


AS_TAKEN = {  # orientation -> how the camera stored a scene that is upright after it is turned
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _exif(orientation, order="<", of_type=3):
    """An EXIF block of a TIFF header and a directory of two entries."""
    value = struct.pack(order + ("H2x" if of_type == 3 else "I"), orientation)
    make = struct.pack(order + "HHI4s", 0x010F, 2, 4, b"us\0\0")
    entry = struct.pack(order + "HHI", 0x0112, of_type, 1) + value
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, 2)
    return b"Exif\0\0" + start + make + entry + bytes(4)


def _orientations(corpus):
    for orientation in range(1, 9):
        turn = AS_TAKEN.get(orientation)
        image = scene() if turn is None else scene().transpose(turn)
        order = "<>"[orientation % 2]
        data = encode(image, "JPEG", quality=95, exif=_exif(orientation, order))
        corpus.use(f"turned{orientation}.jpg", data, tolerance=8)
    image = scene().transpose(AS_TAKEN[6])
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        corpus.use(f"turned.{kind.lower()}", encode(image, kind, exif=_exif(6), **options))
    digits = textwrap.fill(_exif(6).hex(), 72)
    words = f"\nexif\n{len(_exif(6)):8}\n{digits}\n"
    for packed in (False, True):
        text = PngImagePlugin.PngInfo()
        text.add_text("Raw profile type exif", words, zip=packed)
        corpus.use(f"turned_by_text{packed:d}.png", encode(image, "PNG", pnginfo=text))
    deep = _four_quarters([0, 20000, 40000, 65535], ">u2")[::-1]
    data = png(WIDTH, HEIGHT, 16, 0, _scan_lines(deep), chunk(b"eXIf", _exif(4)[6:]))
    greys = ((0,) * 3, (78,) * 3, (156,) * 3, (255,) * 3)
    corpus.use("turned_16bit.png", data, corners=greys, tolerance=1)
    data = encode(image, "JPEG", quality=95, exif=_exif(6, ">", of_type=4))
    corpus.use("turned_long.jpg", data, tolerance=8)


def _tiff_of_16_bits(channels, colours, planes):
    """A TIFF of the scene; Pillow writes none whose white is 0, and none with a plane for each colour."""
    picture = np.asarray(scene())[..., :channels].astype("<u2") * 257
    data = (np.moveaxis(picture, 2, 0) if planes == 2 else picture).tobytes()
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [16] * channels, 259: [1], 262: [colours], 277: [channels]}
    strips = channels if planes == 2 else 1
    lengths, end = [len(data) // strips] * strips, 8 + 2 + 12 * 10 + 4
    start = end + 6 * channels + 8 * strips  # three tables of values are before the picture
    tags |= {278: [HEIGHT], 284: [planes], 273: [start + i * lengths[0] for i in range(strips)], 279: lengths}
    entries, tables = b"", b""
    for tag, values in sorted(tags.items()):
        letter, kind = ("I", 4) if tag in (273, 279) else ("H", 3)
        value = struct.pack(f"<{len(values)}{letter}", *values)
        if len(value) > 4:
            value, tables = struct.pack("<I", end + len(tables)), tables + value
        entries += struct.pack("<HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    start_of_file = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + tables
    return start_of_file.ljust(start, b"\0") + data


def _tiff(corpus):
    image = scene()
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        corpus.use(f"{compression}.tif", encode(image, "TIFF", compression=compression), tolerance=8)
    corpus.use("pages.tiff", encode(image, "TIFF", save_all=True, append_images=[scene("L")]))
    turned = image.transpose(AS_TAKEN[6])
    corpus.use("turned.tif", encode(turned, "TIFF", exif=_exif(6)[6:]))
    corpus.use("turned_lzw.tif", encode(turned, "TIFF", exif=_exif(6)[6:], compression="tiff_lzw"))
    corpus.use("palette.tif", encode(image.quantize(4), "TIFF"))
    corpus.use("cmyk.tif", encode(scene("CMYK"), "TIFF"))
    corpus.use("grey.tif", encode(scene("L"), "TIFF"), corners=_greys(scene("L")))
    clear = Image.fromarray(np.dstack([np.asarray(image), _four_quarters([255, 255, 255, 0], np.uint8)]))
    corpus.use("clear.tif", encode(clear, "TIFF"), corners=(*CORNERS[:3], WHITE))
    for order in "<>":
        deep = _four_quarters([0, 20000, 40000, 65535], f"{order}u2")[..., 0]
        data = encode(
            Image.frombytes("I;16" if order == "<" else "I;16B", (WIDTH, HEIGHT), deep.tobytes()), "TIFF"
        )
        corpus.use(
            f"16_bits{'<>'.index(order)}.tif", data, corners=((0,) * 3, (78,) * 3, (156,) * 3, (255,) * 3)
        )
    corpus.use("16_bits_colours.tif", _tiff_of_16_bits(3, 2, 1))
    corpus.leave_out("16_bits_planes.tif", _tiff_of_16_bits(3, 2, 2), "a plane for each colour")
    corpus.leave_out("16_bits_white_is_0.tif", _tiff_of_16_bits(1, 0, 1), "white is 0")
    whole = encode(image, "TIFF")
    corpus.leave_out("cut_end.tif", whole[:-1], "truncated")
    corpus.leave_out("cut_half.tif", whole[: len(whole) // 2], "truncated")
    corpus.leave_out("only_start.tif", whole[:8], "truncated")
    corpus.leave_out("float.tif", encode(scene("L").convert("F"), "TIFF"), "32 bits")
    corpus.leave_out("preview.nef", encode(image, "TIFF", tiffinfo={254: 1}), "raw file")
    corpus.leave_out("canon.cr2", b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "raw file")
    width = whole.index(struct.pack("<HHI", 256, 4, 1)) + 8
    huge = whole[:width] + struct.pack("<I", 60000) + whole[width + 4 : width + 12] + struct.pack("<I", 60000)
    corpus.leave_out("bomb.tif", huge + whole[width + 16 :], "60000x60000 pixels")
    many = whole.index(struct.pack("<HHI", 277, 3, 1)) + 8
    corpus.leave_out("channels.tif", whole[:many] + b"\x0d" + whole[many + 1 :], "6 channels")


def _avif_and_heic(corpus):
    image, clear = scene(), scene("RGBA")
    turned, exif = image.transpose(AS_TAKEN[6]), _exif(6)[6:]
    frames = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}
    corpus.use("plain.avif", encode(image, "AVIF", quality=95), tolerance=8)
    corpus.use("turned.avif", encode(turned, "AVIF", quality=95, exif=exif), tolerance=8)
    corpus.use("animated.avif", encode(image, "AVIF", quality=95, **frames), tolerance=8)
    corpus.use("alpha.avif", encode(clear, "AVIF", quality=95), tolerance=8)
    corpus.use("plain.heic", heic(image), tolerance=8)
    corpus.use("turned.heic", heic(turned, exif=exif), tolerance=8)
    corpus.use("heic.jpg", heic(image), tolerance=8)
    corpus.use("grey.heic", heic(scene("L")), corners=_greys(scene("L")), tolerance=8)
    for name, data in (("avif", encode(image, "AVIF")), ("heic", heic(image))):
        corpus.leave_out(f"cut_end.{name}", data[:-1], "truncated")
        corpus.leave_out(f"cut_half.{name}", data[: len(data) // 2], "truncated")


def _damaged_exif(corpus):
    """What says nothing about the orientation leaves the picture as it is stored."""
    whole = _exif(6)
    for name, exif in {
        "zero": _exif(0),
        "nine": _exif(9),
        "cut": whole[:-14],
        "no_directory": whole[:12],
        "far_directory": whole[:10] + b"\xff\xff\xff\x7f" + whole[14:],
        "many_entries": whole[:14] + b"\xff\xff" + bytes(24),
        "no_order": b"Exif\0\0??" + whole[8:],
        "too_large_tag": whole[:16] + struct.pack("<HHII", 0x011A, 5, 1, 0x7FFFFFFF) + bytes(16),
    }.items():
        data = encode(scene(), "JPEG", quality=95, exif=exif)
        corpus.use(f"exif_{name}.jpg", data, tolerance=8)


def _metadata(corpus):
    jpeg = encode(scene(), "JPEG", quality=95)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(scene(), "JPEG", quality=95, icc_profile=profile, comment="x" * 60000)
    corpus.use("profile.jpg", data, tolerance=8)
    corpus.use("profile.png", encode(scene(), "PNG", icc_profile=profile))
    corpus.use("bytes_after.jpg", jpeg + bytes(1000) + jpeg, tolerance=8)
    at = jpeg.index(b"\xff\xdb")
    corpus.use("bytes_between.jpg", jpeg[:at] + b"\0\1\xff\xff" + jpeg[at:], tolerance=8)
    # As a frame of a Motion JPEG has none, libjpeg then takes the tables of the standard.
    corpus.use("no_huffman_tables.jpg", jpeg.replace(b"\xff\xc4", b"\xff\xfe"), tolerance=8)
    both = encode(scene(), "MPO", quality=95, save_all=True, append_images=[scene("L")])
    corpus.use("stereo.jpg", both, tolerance=8)
    rows = _scan_lines(np.asarray(scene()))
    bomb = zlib.compress(bytes(50 << 20))
    for kind, start in ((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")):
        evil = chunk(kind, start + bomb)
        corpus.use(f"bomb_{kind.decode()}.png", png(WIDTH, HEIGHT, 8, 2, rows, evil, after=evil))
    gif = encode(scene(), "GIF")
    words = b"!\xfe\5hello\0" + b"!\xff\x0bXMP DataXMP\3any\0" + b"\0"
    corpus.use("words.gif", gif[:25] + words + gif[25:])
    corpus.use("small_screen.gif", gif[:6] + b"\1\0\1\0" + gif[10:])
    for i, text in enumerate((b"", b"\nexif\n", b"\nexif\n 4\nzz", b"\nexif\n 4\n457", b"\xff" * 99)):
        evil = chunk(b"tEXt", b"Raw profile type exif\0" + text)
        evil += chunk(b"zTXt", b"Raw profile type APP1\0\0" + (zlib.compress(text)[: 8 + i]))
        corpus.use(f"no_exif{i}.png", png(WIDTH, HEIGHT, 8, 2, rows, evil))
    evil = chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb)
    corpus.use("bomb_exif.png", png(WIDTH, HEIGHT, 8, 2, rows, evil))
    bad_crc = chunk(b"tEXt", b"x\0y")[:-1] + b"?"
    corpus.use("bad_text_checksum.png", png(WIDTH, HEIGHT, 8, 2, rows, bad_crc))


def _animations(corpus):
    """Of an animation the first frame counts."""
    frames = {"save_all": True, "append_images": [Image.new("RGB", (WIDTH, HEIGHT))]}
    corpus.use("animated.gif", encode(scene(), "GIF", **frames))
    corpus.use("animated.webp", encode(scene(), "WEBP", lossless=True, **frames))
    corpus.use("animated.png", encode(scene(), "PNG", **frames))
    rows = _scan_lines(np.asarray(scene()))
    no_frames = chunk(b"acTL", struct.pack(">II", 0, 0))
    corpus.use("no_frames.png", png(WIDTH, HEIGHT, 8, 2, rows, no_frames))


def _sizes(corpus):
    for height, width in ((1, 1), (1, 500), (500, 1), (3, 2)):
        shape = {"shape": (height, width, 3), "corners": (RED,) * 4}
        image = Image.new("RGB", (width, height), RED)
        for kind in ("PNG", "GIF", "BMP"):
            corpus.use(f"{height}x{width}.{kind.lower()}", encode(image, kind), **shape)
        for kind in ("JPEG", "WEBP"):
            data = encode(image, kind, quality=95)
            corpus.use(f"{height}x{width}.{kind.lower()}", data, tolerance=12, **shape)
    # 100 megapixels in 2 bits each, so that making it and reading it is cheap.
    colours = chunk(b"PLTE", bytes(sum(CORNERS, ())))
    upper, lower = (b"\0" + bytes([a]) * 1250 + bytes([b]) * 1250 for a, b in ((0, 85), (170, 255)))
    data = png(10000, 10000, 2, 3, upper * 5000 + lower * 5000, colours)
    corpus.use("100_megapixels.png", data, shape=(10000, 10000, 3))


def _false_names(corpus):
    image = scene()
    corpus.use("really_png.jpg", encode(image, "PNG"))
    corpus.use("really_jpeg.png", encode(image, "JPEG", quality=95), tolerance=8)
    corpus.use("really_webp.jpeg", encode(image, "WEBP", lossless=True))
    corpus.use("really_gif.webp", encode(image, "GIF"))
    corpus.use("really_bmp.gif", encode(image, "BMP"))
    corpus.use("really_tiff.jpg", encode(image, "TIFF"))


def _not_photos(corpus):
    corpus.leave_out("empty.jpg", b"", "empty file")
    for name, data in {
        "text.jpg": b"no photo, only words\n" * 50,
        "page.png": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "portable.bmp": b"P3\n1 1\n255\n1 2 3\n",  # numbers that are written out
        "road.ppm": b"P6 is a road of 5 lanes\n",
        "document.webp": b"%PDF-1.7\n" + bytes(100),
        "archive.gif": b"PK\3\4" + bytes(100),
        "zeros.jpg": bytes(5000),
        "one_byte.jpg": b"\xff",
        "words.bmp": b"BMW makes cars, not photos\n" * 50,
        "sound.webp": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
    }.items():
        corpus.leave_out(name, data, "not a photo")
    for name, line_end in (("sent_as_text.png", b"\n"), ("sent_to_windows.png", b"\r\r\n")):
        data = encode(scene(), "PNG").replace(b"\r\n", line_end)
        corpus.leave_out(name, data, "not a photo but a PNG that was sent as text")
    large = scene().resize((900, 600)).rotate(7)
    for kind in ("JPEG", "WEBP", "GIF", "AVIF"):
        data = encode(large, kind).replace(b"\n", b"\r\n")
        corpus.leave_out(f"sent_to_windows.{kind.lower()}", data, "sent as text; send it again as binary")
    corpus.leave_out("photos.jpg", b"PK\3\4" + bytes(100), "not a photo but an archive; unpack it")
    corpus.leave_out("cut.jp2", encode(scene(), "JPEG2000")[:-20], "JPEG2000")
    corpus.leave_out("no_picture.heic", b"\0\0\0\x18ftypheic" + bytes(100), "HEIC")
    corpus.leave_out("only_start.jpg", b"\xff\xd8\xff", "truncated")
    corpus.leave_out("only_start.png", b"\x89PNG\r\n\x1a\n", "truncated")
    corpus.leave_out("only_start.gif", b"GIF89a", "truncated")


def _nearly_whole(corpus):
    """Nothing of the picture is lost, or nothing that one could see."""
    image = scene()
    jpeg, png_file = encode(image, "JPEG", quality=95), encode(image, "PNG")
    progressive = encode(image, "JPEG", quality=95, progressive=True)
    for length in (1, 2):
        corpus.use(f"without_last_{length}.jpg", jpeg[:-length], tolerance=8)
        corpus.use(f"without_last_{length}_progressive.jpg", progressive[:-length], tolerance=8)
    cmyk = encode(scene("CMYK"), "JPEG", quality=95)
    corpus.use("cmyk_without_last_2.jpg", cmyk[:-2], tolerance=8)
    corpus.use(
        "grey_without_last_2.jpg", encode(scene("L"), "JPEG")[:-2], corners=_greys(scene("L")), tolerance=4
    )
    video = b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).bytes(3000)
    corpus.use("motion_photo.jpg", jpeg + video, tolerance=8)
    scans = b"\xff\xda" * 40_000  # which a long video holds by chance
    corpus.use("motion_photo_progressive.jpg", progressive + video + scans, tolerance=8)
    note = b"\xff\xfe\0\4\xff\xd9"  # a comment between two scans
    at = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    corpus.use("note_between_scans.jpg", progressive[:at] + note + progressive[at:], tolerance=8)
    corpus.use("panorama.jpg", jpeg[:-2] + video, tolerance=8)
    corpus.use("panorama_progressive.jpg", progressive[:-2] + video, tolerance=8)
    for length in (1, 11, 12):
        corpus.use(f"without_last_{length}.png", png_file[:-length])
    for name, text in {"line": b"\r\n", "lines": b"\n \t\n", "mark": b"\xef\xbb\xbf"}.items():
        for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
            options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
            corpus.use(f"{name}_before.{kind.lower()}", text + encode(image, kind, **options), tolerance=8)


def _truncated(corpus):
    """Noise, so that the picture and not the header is most of the file."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    image = Image.fromarray(noise)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        data = encode(image, kind)
        for percent in (1, 5, 30, 60, 90):
            name = f"cut{percent}.{kind.lower()}"
            corpus.leave_out(name, data[: max(15, len(data) * percent // 100)], "truncated")
    data = encode(image, "JPEG", progressive=True)
    corpus.leave_out("cut_progressive.jpg", data[: len(data) // 2], "truncated")
    corpus.leave_out("cut_end.png", encode(image, "PNG")[:-13], "truncated")
    half = encode(image, "JPEG")
    half = half[: len(half) // 2]
    corpus.leave_out("cut_download.jpg", half + bytes(len(half)), "truncated")


def _damaged(corpus):
    rows = _scan_lines(np.asarray(scene()))
    good = png(WIDTH, HEIGHT, 8, 2, rows)
    at = good.index(b"IDAT")
    corpus.leave_out("header_checksum.png", good[:20] + b"\7" + good[21:], "checksum of IHDR")
    flipped = good[: at + 9] + b"?" + good[at + 10 :]
    corpus.leave_out("data_checksum.png", flipped, "checksum of IDAT")
    start = good[: at - 4]
    end = chunk(b"IEND", b"")
    corpus.leave_out("not_deflated.png", start + chunk(b"IDAT", b"?" * 99) + end, "damaged PNG")
    half = chunk(b"IDAT", zlib.compress(rows)[:-20])
    corpus.leave_out("half_deflated.png", start + half + end, "truncated")
    corpus.leave_out("no_data.png", start + end, "PNG")
    jpeg = encode(scene(), "JPEG")
    size = jpeg.index(b"\xff\xc0") + 5
    corpus.leave_out("no_pixels.jpg", jpeg[:size] + bytes(4) + jpeg[size + 4 :], "damaged JPEG")
    corpus.leave_out("12_bits.jpg", jpeg[: size - 1] + b"\x0c" + jpeg[size:], "12-bit")
    corpus.leave_out("no_tables.jpg", jpeg.replace(b"\xff\xdb", b"\xff\xfe"), "damaged JPEG")
    webp = bytearray(encode(scene(), "WEBP", lossless=True))
    webp[24:] = bytes(len(webp) - 24)
    corpus.leave_out("zeroed.webp", bytes(webp), "damaged WebP")
    gif = encode(scene(), "GIF")
    corpus.leave_out("no_frame.gif", gif[:25] + b";", "no picture")
    corpus.leave_out("far_frame.gif", gif[:26] + b"\xff\xff" + gif[28:], "out of sight")
    bmp = encode(scene(), "BMP")
    corpus.leave_out("compression.bmp", bmp[:30] + b"\x09" + bmp[31:], "damaged BMP")


def _bombs(corpus):
    """Small files that claim, or unfold to, more than a memory holds; refused by their header."""
    corpus.leave_out("bomb.png", png(50000, 50000, 8, 2, b"\0"), "50000x50000 pixels")
    corpus.leave_out("just_too_large.png", png(12800, 10001, 1, 0, b"\0"), "128 million")
    corpus.leave_out("long.png", png(100_000, 1, 1, 0, bytes(12501)), "65535 on a side")
    jpeg = encode(scene(), "JPEG", progressive=True)
    at = jpeg.index(b"\xff\xc2") + 5
    huge = jpeg[:at] + struct.pack(">HH", 65500, 65500) + jpeg[at + 4 :]
    corpus.leave_out("bomb.jpg", huge, "65500x65500 pixels")
    large = jpeg[:at] + struct.pack(">HH", 10000, 12000) + jpeg[at + 4 : -2]
    corpus.leave_out("scans.jpg", large + b"\xff\xda" * 20, "too long")
    gif = encode(scene(), "GIF")
    corpus.leave_out("bomb.gif", gif[:6] + b"\xff" * 4 + gif[10:], "65535x65535 pixels")
    bmp = encode(scene(), "BMP")
    huge = bmp[:18] + struct.pack("<ii", 50000, 50000) + bmp[26:]
    corpus.leave_out("bomb.bmp", huge, "50000x50000 pixels")
    webp = encode(scene(), "WEBP", lossless=True)
    (size,) = struct.unpack_from("<I", webp, 21)  # two times 14 bits, then flags
    for side in (11999, 16383):
        huge = struct.pack("<I", size >> 28 << 28 | side << 14 | side)
        corpus.leave_out(f"bomb_{side}.webp", webp[:21] + huge + webp[25:], "more than 128 million")
    few = jpeg[:at] + struct.pack(">HH", 10000, 10000) + jpeg[at + 4 :]
    corpus.leave_out("few_bytes.jpg", few, "10000x10000 pixels cannot be in")


def _odd_files(corpus):
    folder = corpus.folder
    (folder / "link.png").symlink_to("plain.png")
    corpus.cases.append(Case(folder / "link.png", USED))
    (folder / "circle.jpg").symlink_to("round.jpg")
    (folder / "round.jpg").symlink_to("circle.jpg")
    corpus.leave_out("circle.jpg", None, "symbolic links")
    corpus.leave_out("round.jpg", None, "symbolic links")
    (folder / "nowhere.jpg").symlink_to("vanished.jpg")
    corpus.leave_out("nowhere.jpg", None, "no such file")
    (folder / "folder.jpg").mkdir()
    corpus.leave_out("folder.jpg", None, "is a directory")
    os.mkfifo(folder / "pipe.jpg")
    corpus.leave_out("pipe.jpg", None, "not a regular file")
    (folder / "device.jpg").symlink_to("/dev/zero")
    corpus.leave_out("device.jpg", None, "not a regular file")
    with open(folder / "too_large.jpg", "wb") as file:
        file.truncate((256 << 20) + 1)  # holes: no disk is used
    corpus.leave_out("too_large.jpg", None, "larger than 256 MiB")
    if len(str(folder)) < 90:  # a socket's path is at most 107 bytes long
        with socket.socket(socket.AF_UNIX) as ear:
            ear.bind(str(folder / "socket.jpg"))
        corpus.leave_out("socket.jpg", None, "no such device")
    if os.geteuid() != 0:  # root may read everything
        corpus.leave_out("secret.jpg", encode(scene(), "JPEG"), "permission denied")
        (folder / "secret.jpg").chmod(0)
