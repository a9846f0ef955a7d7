"""export: what leaves the house says what the model says, for photos of any size, or does not leave."""

import json
import pathlib
import re
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from flowers_keras import export, predict
from flowers_keras.errors import UserError
from flowers_keras.model import inference
from flowers_keras.photos import decoding, synthetic
from flowers_keras.photos.resize import resize
from flowers_keras.serving import exporting, formats, portable

ROOT = pathlib.Path(__file__).parents[2]
SIZE = 75
NAMES = ["daisy", "rose ✿", "tulips"]
CARD = {"class_names": NAMES, "image_size": SIZE, "recipe": {"data": {"batch_size": 4}}}
SHAPES = [(1, 1), (1, 9), (2, 3), (75, 75), (74, 76), (150, 150), (240, 320), (333, 500), (5, 900)]


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def small_network():
    """The kinds of layers that InceptionV3 has, few of each; sharp, so that one level matters."""
    keras.utils.set_random_seed(0)
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(photo)
    x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization(scale=False)(x)
    x = keras.layers.Activation("relu")(x)
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    around = keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = keras.layers.Concatenate()([keras.layers.Conv2D(8, (1, 7), padding="same")(x), around])
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(16, "relu")(x))
    probabilities = keras.layers.Dense(3, "softmax", kernel_initializer=keras.initializers.Orthogonal(9.0))(x)
    return keras.Model(photo, probabilities)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that holds a model."""
    folder = tmp_path_factory.mktemp("run")
    small_network().save(folder / "model.keras")
    with zipfile.ZipFile(folder / "model.keras", "a") as archive:
        archive.writestr("flowers_keras.json", json.dumps(CARD))
    return folder


@pytest.fixture(scope="module")
def model(run):
    return inference.load_classifier(run)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of photos, and one file in it that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(60):
        picture = Image.fromarray(synthetic.draw_flower(i % 5, (3, i), 90))
        picture.resize((60 + i, 100 - i)).save(folder / f"{i:02}.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture
def fake(monkeypatch):
    """fake(change): a format "fake" whose runtime says `change(what the model says)`."""

    def install(change):
        def write(model, path, calibration=None):
            path.write_text("a file")
            fake_format["model"] = model

        fake_format = {}
        serve = lambda photo: change(fake_format["model"].predict([photo])[0])  # noqa: E731
        kind = formats.Format({}, write, lambda path: serve)
        monkeypatch.setitem(formats.FORMATS, "litert", kind)
        monkeypatch.setattr(formats, "QUANTIZER", {})

    return install


@pytest.mark.parametrize("shape", SHAPES)
def test_portable_resize_is_that_of_training_bit_for_bit(shape):
    photo = noise(shape)
    expected = resize(photo, SIZE).numpy()
    np.testing.assert_array_equal(portable.resize(photo[None], SIZE)[0], expected)
    if min(shape) > 1 and shape != (SIZE, SIZE):
        plain = tf.round(tf.image.resize(photo, (SIZE, SIZE), "nearest"))
        assert not np.array_equal(plain, expected)


def test_taps_of_a_resize_to_half_the_size():
    taps, weights = portable.resize_taps(8, 4)
    np.testing.assert_array_equal(taps[:, 1], [1, 2, 3, 4])
    np.testing.assert_allclose(weights[:, 1], [1 / 8, 3 / 8, 3 / 8, 1 / 8])
    np.testing.assert_allclose(np.sum(weights, axis=0), 1, rtol=1e-6)


def labels_of_saved_model(path):
    return (path / "assets.extra" / "labels.txt").read_text("utf-8").splitlines()


def labels_of_litert(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("labels.txt").decode().splitlines()


def labels_of_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    assert [axis if isinstance(axis, int) else "any" for axis in session.get_inputs()[0].shape] == [
        *["any"] * 3,
        3,
    ]
    return json.loads(session.get_modelmeta().custom_metadata_map["class_names"])


LABELS = {"saved_model": labels_of_saved_model, "litert": labels_of_litert, "onnx": labels_of_onnx}


@pytest.mark.parametrize("name", formats.FORMATS)
def test_export_says_what_the_model_says_for_any_size(name, run, model, photos, tmp_path):
    for package in formats.FORMATS[name].packages:
        pytest.importorskip(package)
    path = tmp_path / "deep" / "flowers.bin"
    check = exporting.export(run, name, path, photos)
    assert check.largest <= 1e-5
    assert (check.same, check.count) == (1, 60 + len(exporting.SIZES))
    assert [each.name for each in path.parent.iterdir()] == ["flowers.bin"]

    serve = formats.FORMATS[name].read(path)
    for shape in SHAPES:
        photo = noise(shape, seed=1)
        np.testing.assert_allclose(serve(photo), model.predict([photo])[0], atol=1e-5)
    assert LABELS[name](path) == NAMES


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Photos of all kinds as files, by name."""
    folder = tmp_path_factory.mktemp("pictures")
    flower = Image.fromarray(synthetic.draw_flower(1, (0, 1), 400))
    turned = Image.Exif()
    turned[0x0112] = 6
    alpha = flower.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))
    flower.resize((1, 1)).save(folder / "one_pixel.png")
    flower.resize((3, 2)).save(folder / "tiny.png")
    flower.resize((640, 480)).save(folder / "usual.jpg")
    flower.resize((4000, 3000)).save(folder / "large.jpg")
    flower.convert("L").save(folder / "grey.jpg")
    flower.convert("P").save(folder / "palette.gif")
    flower.resize((300, 200)).save(folder / "turned.jpg", exif=turned)
    alpha.save(folder / "alpha.png")
    return {path.stem: path for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", formats.FORMATS)
def test_one_photo_says_the_same_in_four_ways(name, run, model, pictures, tmp_path, capsys):
    """The door, the library, and an export in its own runtime, whose photo Pillow's two lines prepare."""
    for package in formats.FORMATS[name].packages:
        pytest.importorskip(package)
    exporting.export(run, name, tmp_path / "flowers.bin")
    serve = formats.FORMATS[name].read(tmp_path / "flowers.bin")
    predict.main([f"--model={run}", "--format=json", *map(str, pictures.values())])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row, (kind, path) in zip(rows, pictures.items(), strict=True):
        said = np.array([row["probabilities"][each] for each in NAMES])
        pixels = decoding.read_pixels(path)
        if kind != "alpha":  # which shows on white run, and is dropped by the two lines
            photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            assert np.array_equal(np.asarray(photo), pixels), kind
        assert np.abs(model.predict([path])[0] - said).max() < 1e-4, kind
        assert np.abs(serve(pixels) - said).max() < 1e-4, kind
    assert np.ptp([row["probability"] for row in rows]) > 0.01  # the photos differ


def test_saved_model_serves_batches_by_the_signature_of_tensorflow_serving(run, model, tmp_path):
    exporting.export(run, "saved_model", tmp_path / "1")
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    batch = np.stack([noise((40, 60), seed) for seed in range(3)])
    found = serve(photo=tf.constant(batch))["probabilities"]
    np.testing.assert_allclose(found, model.predict(list(batch)), atol=1e-5)


def test_int8_is_small_takes_any_size_and_stays_close(model, photos, tmp_path):
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("litert_quantizer")
    calibration = sorted(photos.glob("*.png"))[::2]
    formats.write_litert(model, tmp_path / "int8.tflite", calibration)
    serve = formats.read_litert(tmp_path / "int8.tflite")
    differences = [
        np.abs(serve(decoding.read_pixels(path)) - model.predict([path])[0]).max()
        for path in sorted(photos.glob("*.png"))[1::2]
    ]
    # Not simply the floating-point model, and not far from it: the network above is a sharp one.
    assert 1e-4 < np.mean(differences) < 0.15


@pytest.mark.parametrize("change", [lambda p: p + 2e-4, lambda p: p[::-1], lambda p: p * np.nan])
def test_export_that_differs_is_refused_and_leaves_no_file(change, fake, run, tmp_path):
    fake(change)
    with pytest.raises(UserError, match=r"differs from .* not kept"):
        exporting.export(run, "litert", tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []


def test_export_within_the_tolerance_is_kept(fake, run, tmp_path):
    fake(lambda p: p + 5e-5)
    assert exporting.export(run, "litert", tmp_path / "x.tflite").largest == pytest.approx(5e-5, rel=0.01)
    assert [each.name for each in tmp_path.iterdir()] == ["x.tflite"]


def test_failed_export_keeps_the_file_that_was_there(fake, run, tmp_path):
    fake(lambda p: p[::-1])
    (tmp_path / "x.tflite").write_text("an earlier export")
    with pytest.raises(UserError):
        exporting.export(run, "litert", tmp_path / "x.tflite")
    assert (tmp_path / "x.tflite").read_text() == "an earlier export"


def test_int8_is_judged_by_the_class_on_photos_that_did_not_calibrate(fake, run, photos, tmp_path):
    fake(lambda p: p * 0.8 + 0.2 / 3)  # far from the model, the same class
    check = exporting.export(run, "litert", tmp_path / "x.tflite", photos, int8=True)
    assert (check.same, check.count) == (1, 30)
    fake(lambda p: np.roll(p, 1))
    with pytest.raises(UserError, match="leave out --int8"):
        exporting.export(run, "litert", tmp_path / "y.tflite", photos, int8=True)
    assert not (tmp_path / "y.tflite").exists()


def test_int8_needs_photos_and_enough_of_them(fake, run, photos, tmp_path):
    fake(lambda p: p)
    with pytest.raises(UserError, match="--photos=FOLDER"):
        exporting.export(run, "litert", tmp_path / "x.tflite", int8=True)
    with pytest.raises(UserError, match="--format=litert"):
        exporting.export(run, "onnx", tmp_path / "x.onnx", photos, int8=True)
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(photos.glob("*.png"))[:9]:
        (few / path.name).symlink_to(path)
    with pytest.raises(UserError, match="needs 50 photos, and .*few holds 9"):
        exporting.export(run, "litert", tmp_path / "x.tflite", few, int8=True)


def test_photos_are_spread_over_the_folder_and_broken_ones_left_out(photos, tmp_path):
    found = [int(path.stem) for path in exporting.find_photos(photos, 7)]
    assert len(found) == 6 and found[0] == 0 and min(np.diff(found)) >= 9  # the last is broken.jpg
    with pytest.raises(UserError, match="holds no photo"):
        exporting.find_photos(tmp_path, 7)


def test_missing_package_is_one_line_that_says_what_to_install(monkeypatch, run, tmp_path):
    kind = formats.FORMATS["onnx"]
    broken = formats.Format({"no_such_module": "no-such-package"}, kind.write, kind.read)
    monkeypatch.setitem(formats.FORMATS, "onnx", broken)
    with pytest.raises(UserError, match="pip install no-such-package"):
        exporting.export(run, "onnx", tmp_path / "x.onnx")


def test_the_readme_installs_what_the_formats_need():
    (line,) = re.findall(r"^pip install \"ai-edge.*$", (ROOT / "README.md").read_text("utf-8"), re.M)
    needed = [*(kind.packages for kind in formats.FORMATS.values()), formats.QUANTIZER]
    assert set(line.split()[2:]) == {each for packages in needed for each in packages.values()}


def test_output_must_not_destroy_anything(run, tmp_path):
    for model_path in (run, run / "model.keras"):
        with pytest.raises(UserError, match="is the model itself"):
            exporting.export(model_path, "saved_model", run / "model.keras")
    with pytest.raises(UserError, match="already there"):
        exporting.export(run, "saved_model", tmp_path)
    assert inference.load_classifier(run)


def test_door_announces_the_file(fake, run, tmp_path, capsys):
    fake(lambda p: p)
    output = tmp_path / "flowers.tflite"
    assert export.main([f"--model={run}", "--format=litert", f"--output={output}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{output}: litert, 0.0 MB; largest difference of a probability 0.0e+00")
    assert said.count("\n") == 1 and pathlib.Path(output).exists()
