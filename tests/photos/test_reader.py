"""The reader reads a photo correctly or leaves it out with a reason; nothing crashes or stalls it."""

import concurrent.futures
import errno
import io
import os
import pathlib
import random
import re
import shutil
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from flowers_keras.errors import UserError
from flowers_keras.photos import inspection, jpeg, reader, sources, synthetic
from tests.photos import bad_photos
from tests.photos.bad_photos import LEFT_OUT, USED, encode

MUTANTS = 500  # of each format
LONGEST = 2.0  # seconds for one mutant
MEBIBYTE = 1 << 20
ORIENTATION = 0x0112  # tag of EXIF


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    yield bad_photos.make_corpus(folder)
    shutil.rmtree(folder)


@pytest.fixture
def noise():
    """A photo whose every pixel tells where it belongs: uint8 [23, 37, 3]."""
    return np.random.default_rng(7).integers(0, 256, (23, 37, 3), np.uint8)


@pytest.fixture
def silence(capfd):
    """Fails the test if anything warned, or was printed on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [str(each.message) for each in caught] == []
    assert capfd.readouterr().err == ""


def read(path):
    return reader.read_photo(reader.read_file(path))


def complaint(case):
    """What is wrong with how a case was treated, or None."""
    try:
        photo = read(case.path)
    except reader.BrokenPhoto as error:
        if case.expected == USED:
            return f"left out: {error}"
        return None if case.reason in str(error) else f"reason: {error}"
    if case.expected == LEFT_OUT:
        return "used"
    if photo.dtype != np.uint8 or photo.shape != case.shape:
        return f"{photo.dtype} {photo.shape}"
    corners = [photo[:4, :4], photo[:4, -4:], photo[-4:, :4], photo[-4:, -4:]]
    seen = [corner.mean((0, 1)).round().astype(int).tolist() for corner in corners]
    wrong = np.abs(np.array(seen) - case.corners).max() > case.tolerance
    return f"corners {seen} instead of {case.corners}" if wrong else None


def refusal(data):
    """The reason why bytes are no photo."""
    with pytest.raises(reader.BrokenPhoto) as caught:
        reader.read_photo(data)
    return str(caught.value)


def memory_peak(reset=False):
    """Largest resident memory so far, or since the last reset, in MiB; Linux only."""
    try:
        if reset:
            pathlib.Path("/proc/self/clear_refs").write_text("5")
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        pytest.skip("the peak of memory cannot be measured")
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def test_corpus_is_read_correctly_or_left_out(corpus, silence):
    complaints = {case.path.name: complaint(case) for case in corpus}
    assert {name: text for name, text in complaints.items() if text} == {}
    assert sum(case.expected == USED for case in corpus) > 40
    assert sum(case.expected == LEFT_OUT for case in corpus) > 40


def test_reasons_are_one_short_line(corpus):
    for case in corpus:
        if case.expected == LEFT_OUT:
            with pytest.raises(reader.BrokenPhoto) as caught:
                read(case.path)
            assert 5 < len(str(caught.value)) < 90 and "\n" not in str(caught.value)


def test_complaint_sees_what_is_wrong(tmp_path):
    path = tmp_path / "scene.png"
    path.write_bytes(encode(bad_photos.scene(), "PNG"))
    mirrored = tuple(bad_photos.CORNERS[i] for i in (1, 0, 3, 2))
    assert complaint(bad_photos.Case(path, USED)) is None
    assert complaint(bad_photos.Case(path, LEFT_OUT)) == "used"
    assert "(32, 48, 3)" in complaint(bad_photos.Case(path, USED, shape=(48, 32, 3)))
    assert "corners" in complaint(bad_photos.Case(path, USED, corners=mirrored))
    path.write_bytes(b"")
    assert complaint(bad_photos.Case(path, USED)) == "left out: empty file"
    assert complaint(bad_photos.Case(path, LEFT_OUT, "truncated")) == "reason: empty file"


def test_photo_larger_than_a_strip_is_the_same(corpus, monkeypatch):
    monkeypatch.setattr(reader, "STRIP_PIXELS", 7 * bad_photos.WIDTH)
    small = [case for case in corpus if "100" not in case.path.name]
    assert {case.path.name: complaint(case) for case in small if complaint(case)} == {}


def test_many_threads_read_the_same(corpus):
    cases = [case for case in corpus if case.expected == USED and "100" not in case.path.name] * 3
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        photos = list(pool.map(lambda case: read(case.path), cases))
    for case, photo in zip(cases, photos, strict=True):
        assert np.array_equal(photo, read(case.path)), case.path.name


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(kind, noise):
    data = encode(Image.fromarray(noise), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(reader.read_photo(data), noise)


def test_every_value_of_16_bits_is_scaled_and_rounded():
    values = np.arange(65536, dtype=">u2").reshape(256, 256)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    photo = reader.read_photo(bad_photos.png(256, 256, 16, 0, rows))
    expected = np.rint(values.astype(np.float64) / 257)
    assert np.array_equal(photo, np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_as_pillow_has_it(orientation, noise):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(Image.fromarray(noise), "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(reader.read_photo(data), ImageOps.exif_transpose(image))


def test_truncated_anywhere_is_left_out(noise):
    """Whatever was lost at the end: what is used is the whole picture."""
    image = Image.fromarray(noise)
    for kind, options in (
        *(("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("BMP", {})),
        *(("WEBP", {}), ("WEBP", {"lossless": True})),
    ):
        data = encode(image, kind, **options)
        whole = reader.read_photo(data)
        for length in range(len(data)):
            try:
                photo = reader.read_photo(data[:length])
            except reader.BrokenPhoto:
                continue
            unlike = (photo != whole).any(-1)
            assert kind in ("JPEG", "GIF", "BMP", "PNG"), (kind, length)  # their end holds no pixels
            assert length > (0.9 if kind == "JPEG" else 0.985) * len(data), (kind, length)
            assert unlike.mean() <= (1.3 * jpeg.MOST_UNKNOWN if kind == "JPEG" else 0), (kind, length)


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 95},
        {"quality": 75, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"restart_marker_blocks": 3},
    ],
)
def test_a_jpeg_without_its_last_bytes_is_nearly_the_whole_one(options):
    flower = Image.fromarray(synthetic.draw_flower(2, 5, 300))
    data = encode(flower, "JPEG", **options)
    whole = reader.read_photo(data).astype(int)
    for lost in (1, 2, 3, 5, 10, 30):
        photo = reader.read_photo(data[:-lost]).astype(int)
        assert np.abs(photo - whole).mean() < 0.5, lost
        assert np.array_equal(photo[:-20], whole[:-20])
    for lost in range(len(data) // 10, len(data) - 1000, 197):
        assert refusal(data[:-lost]) == "truncated", lost
    markers = list(re.finditer(b"\xff[\xda\xd0-\xd7]", data[: -len(data) // 10]))
    for scan in markers[:: 1 + len(markers) // 10]:
        for at in range(scan.start() - 1, scan.start() + 12, 2):
            assert refusal(data[:at]) == "truncated", at


def test_a_photo_of_200_megapixels_is_read_at_a_reduced_scale():
    stored = Image.new("L", (12240, 16320), 40)  # upright, its left third is white
    stored.paste(255, (0, 0, 12240, 4000))
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    data = encode(stored, "JPEG", quality=30, exif=exif)
    del stored
    before = memory_peak(reset=True)
    photo = reader.read_photo(data)
    assert memory_peak() - before < 200
    assert photo.shape == (3060, 4080, 3)
    shades = [photo[y, x].tolist() for y in (0, -1) for x in (0, 990, 1010, -1)]
    assert np.abs(np.array(shades) - np.array([255, 255, 40, 40] * 2)[:, None]).max() < 5, shades


def test_a_progressive_photo_whose_coefficients_fill_the_memory_is_refused():
    data = encode(bad_photos.scene(), "JPEG", progressive=True, subsampling=0)
    at = data.index(b"\xff\xc2") + 5
    data = data[:at] + struct.pack(">HH", 12240, 14000) + data[at + 4 : -2] + b"?" * 20000 + data[-2:]
    assert "too much memory" in refusal(data)


def test_settings_of_other_libraries_do_not_matter(monkeypatch, noise):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    image = Image.fromarray(noise)
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        data = encode(image, kind)
        assert reader.read_photo(data).shape == noise.shape
        assert refusal(data[: len(data) // 2]) == "truncated"
    data = encode(image, "GIF", disposal=2)
    assert reader.read_photo(data[:6] + b"\1\0\1\0" + data[10:]).shape == noise.shape


def test_the_limit_of_pixels_is_the_last_that_is_used(monkeypatch, noise):
    data = encode(Image.fromarray(noise), "PNG")
    monkeypatch.setattr(reader, "MAX_PIXELS", noise.size // 3)
    assert reader.read_photo(data).shape == noise.shape
    monkeypatch.setattr(reader, "MAX_PIXELS", noise.size // 3 - 1)
    assert refusal(data).startswith("37x23 pixels, more than")


def test_bombs_take_no_memory(corpus):
    bombs = [case for case in corpus if case.expected == LEFT_OUT and "bomb" in case.path.name]
    assert len(bombs) >= 5
    before = memory_peak(reset=True)
    assert [complaint(case) for case in bombs] == [None] * len(bombs)
    assert memory_peak() - before < 50


def test_100_megapixels_take_little_more_memory_than_the_pixels(corpus):
    (large,) = [case for case in corpus if "100_mega" in case.path.name]
    before = memory_peak(reset=True)
    assert complaint(large) is None
    pixels = 3 * 10000 * 10000 // MEBIBYTE
    assert pixels - 1 <= memory_peak() - before < 2 * pixels


SMALL_GIF = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
SMALL_BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 62, 40, 9, 9, 1, 8, 1, 0, 0, 0, 2, 0)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"\xff\xd8", b"\xff"),
        (b"\xff\xd8\xff\xe0\0\2", b"\0"),
        (b"\xff\xd8", b"\xff\xfe\0\2"),
        (b"\x89PNG\r\n\x1a\n", b"\0\0\0\0teXt\0\0\0\0"),
        (SMALL_GIF, b"\0"),
        (SMALL_GIF + b"!\xfe", b"\1a"),
        (SMALL_BMP + bytes(8), b"\0\2\0\0"),  # a run of no pixels, over and over
    ],
    ids=["fill", "zeros", "comments", "texts", "gif_zeros", "gif_comment", "run_lengths"],
)
def test_floods_of_tiny_parts_do_not_stall(start, part):
    data = start + part * (20_000_000 // len(part))
    before = time.thread_time()
    assert refusal(data)
    assert time.thread_time() - before < 1


def mutants(originals, count, seed):
    """Files with up to five places flipped, cut or filled with random bytes."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(draw.choice(originals))
        for _ in range(draw.choice((1, 1, 2, 3, 5))):
            at, length = draw.randrange(len(data)), draw.choice((1, 1, 1, 2, 4, 40))
            change = draw.randrange(8)
            if change < 5:
                data[at : at + length] = draw.randbytes(len(data[at : at + length]))
            elif change == 5:
                del data[at : at + length]
            elif change == 6:
                data[at:at] = draw.randbytes(length)
            elif draw.random() < 0.2:
                del data[at:]
            data = data or bytearray(b"\0")
        mended = data.startswith(b"\x89PNG") and draw.random() < 0.7
        yield with_checksums(bytes(data)) if mended else bytes(data)


def with_checksums(data):
    """A PNG whose chunks have the right checksums again, so that a change reaches the decoder."""
    at, parts = 8, [data[:8]]
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)


def originals(kind):
    """Valid files of one format, of every way in which it is decoded."""
    pixels = np.random.default_rng(1).integers(0, 256, (24, 40, 4), np.uint8)
    clear = Image.fromarray(pixels)
    image, grey = clear.convert("RGB"), clear.convert("L")
    colours, deep = image.quantize(9), Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    frames = {"save_all": True, "append_images": [Image.new("RGB", image.size)]}
    variants = {
        "JPEG": [(image, {"exif": exif}), (image, {"progressive": True}), (grey, {}),
                 (image.convert("CMYK"), {}), (image, {"restart_marker_rows": 1})],
        "PNG": [(image, {"exif": exif}), (clear, {}), (colours, {"transparency": 1}), (deep, {}),
                (grey.convert("1"), {}), (image, frames)],
        "WEBP": [(image, {"exif": exif}), (clear, {"lossless": True}), (clear, frames)],
        "GIF": [(image, {}), (grey, {}), (colours, {"transparency": 1}), (image, frames)],
        "TIFF": [(image, {}), (colours, {}), (grey, {"compression": "tiff_lzw"}), (deep, {}), (image, frames),
                 (clear, {"compression": "tiff_adobe_deflate"}), (image, {"compression": "jpeg"})],
        "AVIF": [(image, {"exif": exif}), (clear, {}), (image, frames)],
    }  # fmt: skip
    if kind == "HEIC":
        return [bad_photos.heic(picture) for picture in (image, clear, grey)]
    return [encode(picture, kind, **options) for picture, options in variants[kind]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC"])
def test_mutants_are_used_or_left_out(kind, silence, capfd):
    files, used, reasons, slowest = originals(kind), 0, set(), 0.0
    before = memory_peak(reset=True)
    for data in mutants(files, MUTANTS, seed=kind):
        start = time.thread_time()  # so that a busy machine does not fail the test
        try:
            photo = reader.read_photo(data)
            assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
            assert 0 < photo.size <= 3 * reader.MAX_PIXELS
            used += 1
        except reader.BrokenPhoto as error:
            reasons.add(str(error))
        slowest = max(slowest, time.thread_time() - start)
    assert slowest < LONGEST
    assert memory_peak() - before < 600
    if kind == "TIFF":
        capfd.readouterr()  # libtiff prints what is wrong, and Pillow has no way to keep it from that
    # The mutants reach the decoder, and reach it in several ways.
    assert 10 < used < MUTANTS - 10 and len(reasons) >= 4, (used, reasons)


def test_find_photos_searches_a_folder_once(tmp_path):
    wanted = ["B.JPG", "a.jpeg", "deep/er/c.WebP", "deep/d.gif", "deep/e.bmp", "z.Png", "x.tif", "y.HEIC"]
    hidden = [".hidden.jpg", "._a.jpeg", ".git/x.jpg", "__MACOSX/a.jpeg"]
    for name in [*wanted, *hidden, "notes.txt", "jpg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "twice").symlink_to("deep")
    (tmp_path / "circle.png").symlink_to("circle.png")
    expected, others = [tmp_path / name for name in sorted([*wanted, "circle.png"])], []
    assert reader.find_photos(tmp_path, others=others) == reader.find_photos(str(tmp_path)) == expected
    assert others == [tmp_path / "jpg", tmp_path / "notes.txt"]


def test_find_photos_goes_by_content_where_the_name_says_nothing(tmp_path):
    """A name alone hid 26 of 42 photos: .jfif, none at all, .HEIC with a JPEG inside."""
    photo = bad_photos.scene()
    for name, kind in {
        "download (1).jfif": "JPEG",
        "IMG_1.HEIC": "JPEG",
        "noext": "JPEG",
        "photo.jpg_large": "JPEG",
        "photo.jpg?size=large": "WEBP",
        "scan.dat": "TIFF",
        "picture.bin": "AVIF",
        "stereo": "MPO",
    }.items():
        (tmp_path / name).write_bytes(encode(photo, kind))
    (tmp_path / "in_front").write_bytes(b"\xef\xbb\xbf\r\n" + encode(photo, "JPEG"))
    wanted = sorted(tmp_path.iterdir())
    for name, data in {
        "notes.txt": b"BM is not a bitmap",
        "a.csv": b"",
        "clip.mov": b"\0\0\0\x14ftypqt  ",
        "raw.NEF": encode(photo, "TIFF", tiffinfo={254: 1}),  # beside its JPEG, as cameras keep both
    }.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("vanished")
    others = []
    assert reader.find_photos(tmp_path, others=others) == wanted
    assert [path.name for path in others] == ["a.csv", "clip.mov", "notes.txt", "nowhere", "pipe", "raw.NEF"]


def test_files_that_are_no_photos_are_named_up_to_five():
    assert reader.name_others(["a.txt"]) == "left out 1 file that is not a photo: a.txt"
    assert reader.name_others(list("abcdef")) == "left out 6 files that are not photos: a, b, c, d, e, ..."


def test_find_photos_follows_links_to_other_folders(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.jpg").touch()
    (tmp_path / "photos" / "link").symlink_to("../elsewhere")
    (tmp_path / "photos" / "b.jpg").symlink_to("../elsewhere/a.jpg")
    found = reader.find_photos(tmp_path / "photos")
    assert [path.name for path in found] == ["b.jpg", "a.jpg"]


def test_find_photos_names_a_folder_that_cannot_be_listed(tmp_path):
    with pytest.raises(UserError, match="cannot list the folder .*absent.*No such file"):
        reader.find_photos(tmp_path / "absent")


def test_read_file_takes_text_and_paths(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"1234")
    assert reader.read_file(path) == reader.read_file(str(path)) == b"1234"


@pytest.mark.parametrize("number, failures, tries", [
    (errno.EIO, 2, 3), (errno.ESTALE, 1, 2), (errno.EIO, 9, 3), (errno.EACCES, 1, 1),
])  # fmt: skip
def test_a_drive_that_fails_for_a_moment_is_asked_again(tmp_path, monkeypatch, number, failures, tries):
    path, whole, calls = tmp_path / "x.jpg", reader._open_without_waiting, []
    path.write_bytes(b"1234")

    def open_later(*arguments):
        calls.append(arguments)
        if len(calls) <= failures:
            raise OSError(number, os.strerror(number))
        return whole(*arguments)

    monkeypatch.setattr(reader, "_open_without_waiting", open_later)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    if failures < tries:
        assert reader.read_file(path) == b"1234"
    else:
        with pytest.raises(reader.BrokenPhoto, match=os.strerror(number).lower()):
            reader.read_file(path)
    assert len(calls) == tries


def test_read_file_has_a_limit(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"1234")
    monkeypatch.setattr(reader, "MAX_BYTES", 4)
    assert reader.read_file(path) == b"1234"
    monkeypatch.setattr(reader, "MAX_BYTES", 3)
    with pytest.raises(reader.BrokenPhoto, match="larger"):
        reader.read_file(path)


def test_names_of_what_is_left_out_stay_on_their_line(tmp_path, capsys):
    names = ["two\nlines.jpg", "\x1b[31mred.txt", "\U0001f469\u200d\U0001f33e.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(b"nothing")
    print(reader.name_others(names))
    inspection.fingerprint_photos(sources.Photos(tuple(names), np.zeros(3, np.int32), ("a",), lambda i: b""))
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 4 and "\x1b" not in out
    assert r"two\nlines.jpg" in out and r"\x1b[31mred.txt" in out and names[2] in out
