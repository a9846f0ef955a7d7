"""export: every file gives the probabilities of the model, or is not kept."""

import json
import pathlib
import re
import tempfile
import types
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from flowers_keras import export, predict
from flowers_keras.errors import UserError
from flowers_keras.model import archive, inference
from flowers_keras.photos import decoding, synthetic
from flowers_keras.photos.resize import resize
from flowers_keras.serving import exported, exporting, formats, portable

ROOT = pathlib.Path(__file__).parents[2]
SIZE = 75
NAMES = ["daisy", "rose ✿", "tulips"]
CARD = {"class_names": NAMES, "image_size": SIZE, "recipe": {"data": {"batch_size": 4}}}
TEMPERATURE = 1.7
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
    x = keras.layers.Concatenate(name="mixed10")([keras.layers.Conv2D(8, (1, 7), padding="same")(x), around])
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(keras.layers.Dense(16, "relu", name="hidden")(x))
    sharp = keras.initializers.Orthogonal(9.0 * TEMPERATURE)
    x = keras.layers.Dense(3, "softmax", kernel_initializer=sharp, name="probabilities")(x)
    return keras.Model(photo, x)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run that holds a model."""
    folder = tmp_path_factory.mktemp("run")
    archive.save(small_network(), folder / "model.keras", CARD, TEMPERATURE)
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
    """fake(change): a format whose runtime gives `change(probabilities of the model)`."""

    def install(change):
        def write(model, path, calibration=None, any_size=False):
            path.write_text("a file")
            written["model"] = model

        written = {}
        serve = lambda photo: change(written["model"].predict([photo])[0])  # noqa: E731
        monkeypatch.setattr(exporting, "format_module", lambda name: types.SimpleNamespace(write=write))
        monkeypatch.setattr(exported, "read", lambda name, path: (serve, {}))
        monkeypatch.setitem(formats.PACKAGES, "litert", {})
        monkeypatch.setattr(formats, "QUANTIZER", {})

    return install


def need(name):
    for package in formats.PACKAGES[name]:
        pytest.importorskip(package)


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
    with zipfile.ZipFile(path) as file:
        return file.read("labels.txt").decode().splitlines()


def labels_of_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    assert [axis if isinstance(axis, int) else "any" for axis in session.get_inputs()[0].shape] == [
        *["any"] * 3,
        3,
    ]
    return json.loads(session.get_modelmeta().custom_metadata_map["class_names"])


LABELS = {"saved_model": labels_of_saved_model, "litert": labels_of_litert, "onnx": labels_of_onnx}


@pytest.mark.parametrize("kind", ["saved_model", "onnx", "litert", "litert of any size"])
def test_export_gives_the_probabilities_of_the_model(kind, run, model, photos, tmp_path):
    name = kind.split()[0]
    need(name)
    path = tmp_path / "deep" / "flowers.bin"
    check = exporting.export(run, name, path, photos, any_size="any" in kind)
    assert check.largest <= 1e-5
    assert (check.same, check.count) == (1, 60 + len(exporting.SIZES))
    assert [each.name for each in path.parent.iterdir()] == ["flowers.bin"]

    serve, _ = exported.read(name, path)
    for shape in SHAPES:
        photo = noise(shape, seed=1)
        np.testing.assert_allclose(serve(photo), model.predict([photo])[0], atol=1e-5)
    assert LABELS[name](path) == NAMES


PATHS = {"saved_model": "exported", "litert": "flowers.tflite", "onnx": "flowers.onnx"}


@pytest.fixture(scope="module")
def exports(run, tmp_path_factory):
    """exports(name): a folder that holds an export and `photo.jpg`, as the examples call them."""
    folder = tmp_path_factory.mktemp("exports")
    Image.fromarray(synthetic.draw_flower(1, (0, 1), 400)).resize((320, 240)).save(folder / "photo.jpg")

    def made(name):
        need(name)
        if not (folder / PATHS[name]).exists():
            exporting.export(run, name, folder / PATHS[name])
        return folder

    return made


# Of a probability, in the usual client: Pillow's resize rounds after the width and again after the height.
# 0.0006 was measured; MediaPipe does not average the pixels that it drops, which costs up to 0.1.
CLIENT_TOLERANCE, MEDIAPIPE_TOLERANCE = 0.005, 0.15


@pytest.mark.parametrize("name", formats.PACKAGES)
def test_example_of_the_format_runs(name, exports, model, monkeypatch):
    """The client's code in the module's docstring, as it stands there."""
    monkeypatch.chdir(exports(name))
    lines = exporting.format_module(name).__doc__.splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    names = {}
    exec(code, names)
    (expected,) = model.predict(["photo.jpg"])
    assert names["probabilities"].argmax() == expected.argmax()
    tolerance = CLIENT_TOLERANCE if name == "litert" else 1e-5
    np.testing.assert_allclose(names["probabilities"], expected, atol=tolerance)
    assert names.get("class_names", NAMES) == NAMES


@pytest.mark.parametrize("name", formats.PACKAGES)
def test_exports_are_calibrated(name, exports):
    """The temperature of the saved model is inside them."""
    serve, _ = exported.read(name, exports(name) / PATHS[name])
    photo = noise((SIZE, SIZE))
    logits = np.log(small_network().predict_on_batch(photo[None])[0]) / TEMPERATURE
    np.testing.assert_allclose(serve(photo), np.exp(logits) / np.exp(logits).sum(), atol=1e-4)


def client_squares(count=20):
    """Drawn photos and what the usual client makes of them, uint8 [SIZE, SIZE, 3]."""
    photos = [synthetic.draw_flower(i % 5, (7, i), 300)[: 200 + 5 * i] for i in range(count)]
    return photos, [
        np.asarray(Image.fromarray(photo).resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for photo in photos
    ]


def test_litert_has_the_size_that_clients_take_from_it_and_takes_batches(exports, model):
    folder = exports("litert")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / "flowers.tflite"))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert taken["shape"].tolist() == [1, SIZE, SIZE, 3] and taken["dtype"] == np.uint8
    photos, squares = client_squares()
    expected = model.predict(photos)
    for count in (1, len(photos), 3):
        interpreter.resize_tensor_input(taken["index"], [count, SIZE, SIZE, 3])
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], np.stack(squares[:count]))
        interpreter.invoke()
        found = interpreter.get_tensor(given["index"])
        assert np.array_equal(found.argmax(axis=1), expected[:count].argmax(axis=1))
        assert np.abs(found - expected[:count]).max() < CLIENT_TOLERANCE


def test_mediapipe_classifies_by_the_file_alone(exports, model):
    """It resizes by its own code; the names come from the metadata."""
    folder = exports("litert")
    mediapipe = pytest.importorskip("mediapipe")
    vision = pytest.importorskip("mediapipe.tasks.python.vision")
    photos, squares = client_squares()
    with vision.ImageClassifier.create_from_model_path(str(folder / "flowers.tflite")) as classifier:
        for given, tolerance in ((squares, 1e-5), (photos, MEDIAPIPE_TOLERANCE)):
            for photo, expected in zip(given, model.predict(given), strict=True):
                image = mediapipe.Image(
                    image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(photo)
                )
                found = classifier.classify(image).classifications[0].categories
                found = {each.category_name: each.score for each in found}
                assert max(found, key=found.get) == NAMES[expected.argmax()]
                np.testing.assert_allclose([found[name] for name in NAMES], expected, atol=tolerance)


def test_class_names_cannot_break_the_list_of_labels(exports, model, tmp_path):
    names = ["two\nlines", "tab\tand\u2028line", "\udcff", "rose ✿ "]
    assert formats.label_lines(names).splitlines() == [
        r"two\nlines", r"tab\tand\u2028line", r"\udcff", "rose ✿ "
    ]  # fmt: skip
    about = formats.description(names, SIZE, True)
    assert json.loads(about["class_names"]) == names
    for text in formats.texts(about, names).values():
        assert text.encode()


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


@pytest.mark.parametrize("name", formats.PACKAGES)
def test_command_library_and_export_agree_on_each_kind_of_photo(name, run, model, pictures, exports, capsys):
    serve, _ = exported.read(name, exports(name) / PATHS[name])
    predict.main([f"--model={run}", "--format=json", *map(str, pictures.values())])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row, (kind, path) in zip(rows, pictures.items(), strict=True):
        command = np.array([row["probabilities"][each] for each in NAMES])
        pixels = decoding.read_pixels(path)
        if kind != "alpha":  # which the reader lays over white, and dropped by the examples' line
            photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            assert np.array_equal(np.asarray(photo), pixels), kind
        assert np.abs(model.predict([path])[0] - command).max() < 1e-4, kind
        assert np.abs(serve(pixels) - command).max() < 1e-4, kind
    assert np.ptp([row["probability"] for row in rows]) > 0.01  # the photos differ


def test_saved_model_answers_requests_of_tensorflow_servings_rest(exports, model):
    """Its own conversion, by the signature: JSON numbers become tensors of the input's type."""
    serve = tf.saved_model.load(str(exports("saved_model") / "exported")).signatures["serving_default"]
    batch = np.stack([noise((40, 60), seed) for seed in range(3)])
    request = json.loads(json.dumps({"instances": batch.tolist()}))
    (taken,), (given,) = serve.structured_input_signature[1].values(), serve.structured_outputs.values()
    assert given.shape.as_list() == [None, 3]  # one output: its rows are the predictions
    found = serve(photo=tf.constant(request["instances"], taken.dtype))["probabilities"]
    np.testing.assert_allclose(found, model.predict(list(batch)), atol=1e-5)


def test_saved_model_is_a_layer_of_keras_and_called_by_position(exports, model):
    folder = str(exports("saved_model") / "exported")
    batch = np.stack([noise((40, 60), seed) for seed in range(3)])
    expected = model.predict(list(batch))
    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
    photo = keras.Input((None, None, 3), dtype="uint8")
    network = keras.Model(photo, layer(photo))
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    for found in (layer(batch), network.predict(batch, verbose=0), serve(tf.constant(batch))):
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    with pytest.raises(Exception, match="uint8"):  # no nonsense from photos of another type
        layer(batch.astype(np.float32) / 255)


def test_litert_needs_no_name_of_its_signature_and_takes_the_files_bytes(exports, model):
    """Ways in which clients open it besides those above; the labels are in the order of the output."""
    path = exports("litert") / "flowers.tflite"
    from ai_edge_litert.interpreter import Interpreter

    photos, squares = client_squares(5)
    expected = model.predict(photos)
    interpreter = Interpreter(model_content=path.read_bytes())
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["photo"], "outputs": ["probabilities"]}
    }
    found = interpreter.get_signature_runner()(photo=np.stack(squares))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=CLIENT_TOLERANCE)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    for details in (taken, given):  # no scale by which a client would stretch its values
        assert details["quantization"] == (0.0, 0)
    with pytest.raises(ValueError, match="UINT8"):
        interpreter.set_tensor(taken["index"], squares[0][None].astype(np.float32))
    assert labels_of_litert(path)[expected[0].argmax()] == NAMES[expected[0].argmax()]


def test_onnx_refuses_photos_of_another_type_or_order_of_axes(exports, model):
    folder = exports("onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "flowers.onnx"))
    name = session.get_inputs()[0].name
    batch = np.stack([noise((40, 60), seed) for seed in range(3)])
    np.testing.assert_allclose(session.run(None, {name: batch})[0], model.predict(list(batch)), atol=1e-5)
    for other in (batch.astype(np.float32) / 255, batch.transpose(0, 3, 1, 2)):
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            session.run(None, {name: other})


def test_litert_is_made_where_the_system_has_no_place_for_temporary_files(model, tmp_path, monkeypatch):
    need("litert")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    exporting.format_module("litert").write(model, tmp_path / "flowers.tflite")
    assert [each.name for each in tmp_path.iterdir()] == ["flowers.tflite"]


@pytest.mark.parametrize("any_size", [False, True])
def test_int8_is_small_and_stays_close(any_size, model, photos, tmp_path):
    need("litert")
    pytest.importorskip("litert_quantizer")
    litert = exporting.format_module("litert")
    calibration = sorted(photos.glob("*.png"))[::2]
    litert.write(model, tmp_path / "int8.tflite", calibration, any_size)
    serve, _ = exported.read("litert", tmp_path / "int8.tflite")
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
    monkeypatch.setitem(formats.PACKAGES, "onnx", {"no_such_module": "no-such-package"})
    with pytest.raises(UserError, match="pip install no-such-package"):
        exporting.export(run, "onnx", tmp_path / "x.onnx")


def test_the_readme_installs_what_the_formats_need():
    assert "pip install -r requirements/export.txt\n" in (ROOT / "README.md").read_text("utf-8")
    needed = [*formats.PACKAGES.values(), formats.QUANTIZER]
    needed = {each for packages in needed for each in packages.values()}
    extra = (ROOT / "requirements" / "export.txt").read_text().splitlines()
    assert {f'"{each}"' for each in extra} == needed


def test_output_must_not_destroy_anything(run, tmp_path):
    for model_path in (run, run / "model.keras"):
        with pytest.raises(UserError, match="is the model itself"):
            exporting.export(model_path, "saved_model", run / "model.keras")
    with pytest.raises(UserError, match="already there"):
        exporting.export(run, "saved_model", tmp_path)
    assert inference.load_classifier(run)
    with pytest.raises(UserError, match="any size anyway"):
        exporting.export(run, "onnx", tmp_path / "x.onnx", any_size=True)
    for name, output, advised in (
        ("onnx", "x.tflite", "x.onnx"),  # which `predict` would open as LiteRT
        ("litert", "x.onnx", "x.tflite"),
        ("saved_model", "x.onnx", "x"),
    ):
        with pytest.raises(UserError, match=f"not the name of a file of {name}; .*{tmp_path}/{advised}$"):
            exporting.export(run, name, tmp_path / output)


def test_command_announces_the_file(fake, run, tmp_path, capsys):
    fake(lambda p: p)
    output = tmp_path / "flowers.tflite"
    assert export.main([f"--model={run}", "--format=litert", f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    start = re.escape(f"{output}: litert, 0.0 MB; largest difference of a probability ")
    assert re.match(start + r"\d\.\de[+-]\d\d, same class on 100\.0% of 6 photos\n", shown)
    assert shown.count("\n") == 1 and pathlib.Path(output).exists()
