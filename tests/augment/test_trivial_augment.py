"""TrivialAugmentWide: what Pillow does, drawn evenly, one operation a photo."""

import runpy
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from flowers_keras.augment import __main__, contact_sheet, training_views, trivial_augment
from flowers_keras.errors import UserError

NAMES = [
    *("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color"),
    *("Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"),
]
SIGNED = NAMES[1:10]
GEOMETRIC = NAMES[1:6]


def photo_like(seed, height, width):
    """uint8 [height, width, 3] with soft shapes, a cast of colour, fine noise and clipped lights."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    pixels = soft * random.uniform(0.6, 1.3, 3) + random.normal(0, 6, soft.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def gradients():
    across, down = np.meshgrid(np.arange(256), np.arange(64) * 4)
    return np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)


PICTURES = {
    "photo": photo_like(1, 60, 81),
    "square photo": photo_like(2, 64, 64),
    "dark photo": photo_like(3, 37, 52) // 5 + 20,
    "gradients": gradients(),
    "black": np.zeros((20, 30, 3), np.uint8),
    "white": np.full((20, 30, 3), 255, np.uint8),
    "one colour": np.full((21, 20, 3), (200, 13, 91), np.uint8),
    "two values": np.where(np.indices((24, 24)).sum(0)[..., None] % 2, [90, 3, 254], [91, 0, 255]).astype(
        np.uint8
    ),
    "1 pixel wide": photo_like(4, 40, 1),
    "1 pixel high": photo_like(5, 1, 40),
    "2 by 2": photo_like(6, 2, 2),
    "1 pixel": photo_like(7, 1, 1),
}
PHOTO = PICTURES["photo"]


def table(name, level):
    """The magnitude of the table in arXiv 2103.10158's "wide" space, as torchvision has it."""
    r = level / 30
    if name in ("ShearX", "ShearY", "Brightness", "Color", "Contrast", "Sharpness"):
        return 0.99 * r
    if name.startswith("Translate"):
        return int(32 * r)
    others = {"Rotate": 135 * r, "Posterize": 8 - round(level / 5), "Solarize": 8.5 * (30 - level)}
    return others.get(name, 0.0)


def settings_of(name):
    """All (signed magnitudes) of an operation, by the table."""
    signs = (1, -1) if name in SIGNED else (1,)
    levels = range(1) if name in ("Identity", "AutoContrast", "Equalize") else range(31)
    return [sign * table(name, level) for level in levels for sign in signs]


def by_pillow(pixels, name, magnitude):
    """uint8 [height, width, 3]: the operation, made with Pillow as torchvision makes it."""
    image = Image.fromarray(pixels)
    affine = {
        "ShearX": (1, magnitude, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, magnitude, 1, 0),
        "TranslateX": (1, 0, -magnitude, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, -magnitude),
    }
    if name in affine:
        changed = image.transform(
            image.size, Image.Transform.AFFINE, affine[name], Image.Resampling.NEAREST, fillcolor=(0, 0, 0)
        )
    elif name == "Rotate":
        changed = image.rotate(magnitude, Image.Resampling.NEAREST, fillcolor=(0, 0, 0))
    elif name in ("Brightness", "Color", "Contrast", "Sharpness"):
        changed = getattr(ImageEnhance, name)(image).enhance(1 + magnitude)
    elif name == "Posterize":
        changed = ImageOps.posterize(image, magnitude)
    elif name == "Solarize":
        changed = ImageOps.solarize(image, magnitude)
    elif name == "AutoContrast":
        changed = ImageOps.autocontrast(image)
    elif name == "Equalize":
        changed = ImageOps.equalize(image)
    else:
        changed = image
    return np.asarray(changed)


def all_settings(name):
    """A function: uint8 [height, width, 3] -> [settings, height, width, 3], one for each magnitude."""
    return tf.function(
        lambda photo, magnitudes: tf.map_fn(
            lambda magnitude: trivial_augment.apply_operation(photo, name, magnitude),
            magnitudes,
            fn_output_signature=tf.uint8,
        ),
        input_signature=(tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((None,), tf.float64)),
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_at_every_level_and_sign_is_pillows(name):
    changed = all_settings(name)
    for title, pixels in PICTURES.items():
        magnitudes = settings_of(name)
        for ours, magnitude in zip(changed(pixels, magnitudes).numpy(), magnitudes, strict=True):
            theirs = by_pillow(pixels, name, magnitude)
            case = f"{name} {magnitude} of {title}"
            different = (ours != theirs).any(axis=-1).mean()
            assert different <= 0.005, f"{case}: {different:.2%} of the pixels differ"
            if name not in GEOMETRIC:
                assert np.abs(ours.astype(int) - theirs).max() <= 1, case


@pytest.mark.parametrize("name", NAMES)
def test_levels_mean_what_the_table_says(name):
    operation = trivial_augment.OPERATIONS[NAMES.index(name)]
    assert operation.name == name and operation.signed == (name in SIGNED)
    expected = [table(name, level) for level in range(31)]
    np.testing.assert_allclose(operation.magnitudes, expected, rtol=0, atol=1e-12)
    assert operation.allowed[0] <= min(expected) and max(expected) <= operation.allowed[1]


@pytest.mark.parametrize("name", NAMES)
def test_magnitude_may_be_a_number_or_a_tensor(name):
    pixels = PHOTO
    for magnitude in settings_of(name)[-2:]:
        theirs = by_pillow(pixels, name, magnitude)
        for kind in (float, np.float64, tf.convert_to_tensor):
            ours = trivial_augment.apply_operation(tf.constant(pixels), name, kind(magnitude))
            assert ours.dtype == tf.uint8 and ours.shape == pixels.shape
            assert (ours.numpy() != theirs).any(axis=-1).mean() <= 0.05
    if name in ("TranslateX", "TranslateY", "Posterize"):
        np.testing.assert_array_equal(trivial_augment.apply_operation(pixels, name, int(magnitude)), theirs)


def test_known_pixels():
    row = np.arange(40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    moved = trivial_augment.apply_operation(row, "TranslateX", 5.9).numpy()
    np.testing.assert_array_equal(moved[0, :, 0], [0] * 5 + list(range(35)))
    moved = trivial_augment.apply_operation(row, "TranslateX", -5.9).numpy()
    np.testing.assert_array_equal(moved[0, :, 0], list(range(5, 40)) + [0] * 5)
    turned = trivial_augment.apply_operation(row.repeat(40, axis=0), "Rotate", 90).numpy()
    np.testing.assert_array_equal(turned[:, 7, 0], np.arange(39, -1, -1))  # counterclockwise
    grey = np.array([[[99, 100, 101]]], np.uint8)
    for name, magnitude, values in (("Solarize", 100, [99, 155, 154]), ("Brightness", 0.99, [197, 199, 200])):
        np.testing.assert_array_equal(trivial_augment.apply_operation(grey, name, magnitude), [[values]])


@pytest.mark.parametrize("name", SIGNED)
def test_magnitude_zero_changes_nothing(name):
    for pixels in PICTURES.values():
        np.testing.assert_array_equal(trivial_augment.apply_operation(pixels, name, 0.0), pixels)


@pytest.mark.parametrize(
    ("image", "name", "magnitude", "error", "message"),
    [
        (PHOTO, "Invert", 0.0, ValueError, "unknown operation 'Invert'; allowed: Identity"),
        (PHOTO, "shearx", 0.0, ValueError, "unknown operation 'shearx'"),
        (PHOTO.astype(np.float32), "Rotate", 0.0, TypeError, "image is float32; it must be uint8"),
        (PHOTO.astype(np.int32), "Rotate", 0.0, TypeError, "image is int32"),
        (PHOTO[None], "Rotate", 0.0, ValueError, r"shape \(1, 60, 81, 3\); it must be \[height"),
        (PHOTO[..., 0], "Rotate", 0.0, ValueError, r"shape \(60, 81\)"),
        (PHOTO[..., :1], "Rotate", 0.0, ValueError, r"shape \(60, 81, 1\)"),
        (PHOTO[:0], "Rotate", 0.0, ValueError, "not empty"),
        (PHOTO, "ShearX", 1.5, ValueError, "magnitude 1.5 is not allowed; ShearX takes -1 to 1"),
        (PHOTO, "TranslateY", -33, ValueError, "TranslateY takes -32 to 32"),
        (PHOTO, "Rotate", 181, ValueError, "Rotate takes -180 to 180"),
        (PHOTO, "Color", -1.01, ValueError, "Color takes -1 to 1"),
        (PHOTO, "Posterize", 0, ValueError, "Posterize takes 1 to 8"),
        (PHOTO, "Posterize", 9, ValueError, "Posterize takes 1 to 8"),
        (PHOTO, "Solarize", 256, ValueError, "Solarize takes 0 to 255"),
        (PHOTO, "Solarize", -1, ValueError, "Solarize takes 0 to 255"),
        (PHOTO, "Rotate", float("nan"), ValueError, "magnitude nan is not allowed"),
        (PHOTO, "Equalize", float("inf"), ValueError, "Equalize takes any finite number"),
        (PHOTO, "Rotate", tf.constant(400.0), ValueError, "magnitude 400.0 is not allowed"),
        (PHOTO, "Rotate", "45", TypeError, "'45' is not a real number; Rotate takes"),
        (PHOTO, "Rotate", None, TypeError, "None is not a real number"),
        (PHOTO, "Rotate", True, TypeError, "True is not a real number"),
        (PHOTO, "Rotate", [1.0, 2.0], TypeError, "is not a real number"),
    ],
)
def test_wrong_arguments_are_refused(image, name, magnitude, error, message):
    with pytest.raises(error, match=message):
        trivial_augment.apply_operation(image, name, magnitude)


def test_a_wrong_magnitude_is_refused_inside_a_graph():
    rotated = tf.function(lambda magnitude: trivial_augment.apply_operation(PHOTO, "Rotate", magnitude))
    for magnitude in (200.0, float("nan")):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Rotate takes -180 to 180"):
            rotated(tf.constant(magnitude))


def test_trivial_augment_wide_refuses_wrong_arguments():
    with pytest.raises(TypeError, match="image is float32"):
        trivial_augment.trivial_augment_wide(PHOTO.astype(np.float32), (0, 1))
    for seed in (3, (1, 2, 3), (0.5, 0.5)):
        with pytest.raises(ValueError, match=r"must be int32 \[2\]"):
            trivial_augment.trivial_augment_wide(PHOTO, seed)


# Draws


def drawn(seed, epochs, photos):
    """Operations, levels and signs of all photos in all epochs, NumPy [epochs, photos] each."""
    epoch, photo = np.meshgrid(np.arange(epochs), np.arange(photos), indexing="ij")
    each = tf.function(
        lambda: tf.map_fn(
            lambda address: trivial_augment.draw(training_views.photo_seed(seed, address[0], address[1])),
            (epoch.ravel(), photo.ravel()),
            fn_output_signature=(tf.int32, tf.int32, tf.int32),
            parallel_iterations=1,  # the draws are so small that more only get in each other's way
        )
    )
    return [part.numpy().reshape(epochs, photos) for part in each()]


@pytest.fixture(scope="module")
def draws():
    return drawn(seed=0, epochs=10, photos=10_000)


def assert_even(counts, expected=None):
    """Chi-square test of counts against `expected` (all equal): fails once in 20,000 fair draws."""
    counts = np.asarray(counts, np.float64).ravel()
    expected = np.full(counts.size, counts.mean()) if expected is None else expected.ravel()
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    spread = 2 / (9 * freedom)
    limit = freedom * (1 - spread + 3.89 * np.sqrt(spread)) ** 3  # Wilson and Hilferty, 1931
    assert statistic < limit, f"chi-square {statistic:.0f}, at most {limit:.0f}"


def test_operations_levels_and_signs_are_drawn_evenly(draws):
    operations, levels, signs = (part.ravel() for part in draws)
    assert operations.size == 100_000
    assert_even(np.bincount(operations, minlength=14))
    assert_even(np.bincount(levels, minlength=31))
    assert set(signs) == {-1, 1}
    assert_even([(signs < 0).sum(), (signs > 0).sum()])
    together = np.bincount((operations * 31 + levels) * 2 + (signs > 0), minlength=14 * 31 * 2)
    assert together.size == 14 * 31 * 2
    assert_even(together)


def test_draws_of_other_photos_epochs_and_seeds_are_independent(draws):
    operations, levels, signs = draws
    others = drawn(seed=1, epochs=1, photos=10_000)
    for part, other, kinds in zip(
        (operations, levels, signs > 0), (others[0], others[1], others[2] > 0), (14, 31, 2), strict=True
    ):
        for first, second in (
            (part[:, :-1], part[:, 1:]),
            (part[:-1], part[1:]),
            (part[:-1, :-1], part[1:, 1:]),
            (part[:-1, 1:], part[1:, :-1]),
            (part[:1], other),
        ):
            assert_even(np.bincount((first * kinds + second).ravel(), minlength=kinds**2))


def test_the_chi_square_test_notices_a_bias():
    with pytest.raises(AssertionError, match="chi-square"):
        assert_even([7000] * 13 + [7700])


@pytest.fixture(scope="module")
def seeds_of_all_operations():
    """int32 [14, 2]: a seed that draws each operation, in the order of the table."""
    found = {}
    for index in range(500):
        seed = training_views.photo_seed(0, 0, index)
        found.setdefault(int(trivial_augment.draw(seed)[0]), seed.numpy())
    return np.stack([found[number] for number in range(14)])


def test_eager_function_and_dataset_give_what_was_drawn(seeds_of_all_operations):
    pixels = PHOTO
    expected = []
    for seed in seeds_of_all_operations:
        operation, level, sign = (int(part) for part in trivial_augment.draw(seed))
        name = NAMES[operation]
        magnitude = table(name, level) * (sign if name in SIGNED else 1)
        expected.append(trivial_augment.apply_operation(pixels, name, magnitude).numpy())
    eager = [trivial_augment.trivial_augment_wide(pixels, seed) for seed in seeds_of_all_operations]
    function = tf.function(trivial_augment.trivial_augment_wide)
    traced = [function(tf.constant(pixels), tf.constant(seed)) for seed in seeds_of_all_operations]
    dataset = tf.data.Dataset.from_tensor_slices(seeds_of_all_operations)
    mapped = dataset.map(lambda seed: trivial_augment.trivial_augment_wide(pixels, seed), tf.data.AUTOTUNE)
    assert mapped.element_spec == tf.TensorSpec(pixels.shape, tf.uint8)
    for results in (eager, traced, list(mapped)):
        np.testing.assert_array_equal(np.stack(results), expected)


# The layer


def batch_of(count, pixels=PHOTO):
    return np.repeat(pixels[None], count, axis=0)


def test_layer_draws_anew_for_each_photo_and_each_call():
    layer = trivial_augment.TrivialAugmentWide(seed=1)
    first, second = layer(batch_of(40)).numpy(), layer(batch_of(40)).numpy()
    assert len({photo.tobytes() for photo in first}) > 20
    assert (first != second).any(axis=(1, 2, 3)).sum() > 25
    again = trivial_augment.TrivialAugmentWide(seed=1)
    np.testing.assert_array_equal(again(batch_of(40)), first)
    one_by_one = trivial_augment.TrivialAugmentWide(seed=1)
    np.testing.assert_array_equal([one_by_one(photo) for photo in batch_of(40)], first)
    mapped = tf.data.Dataset.from_tensors(batch_of(40)).map(trivial_augment.TrivialAugmentWide(seed=1))
    np.testing.assert_array_equal(next(iter(mapped)), first)
    possible = {
        trivial_augment.apply_operation(PHOTO, name, magnitude).numpy().tobytes()
        for name in NAMES
        for magnitude in settings_of(name)
    }
    assert all(photo.tobytes() in possible for photo in first)


@pytest.mark.parametrize("kind", ["float32", "float16", "float64"])
def test_layer_takes_floats_and_rounds_them(kind):
    whole = trivial_augment.TrivialAugmentWide(seed=2)(batch_of(20)).numpy()
    photos = batch_of(20).astype(kind)
    photos[photos == 0] -= 0.4
    photos[photos > 254] += 0.4
    photos[(photos > 4) & (photos < 200)] -= 0.25
    floats = trivial_augment.TrivialAugmentWide(seed=2)(photos)
    assert floats.dtype == kind
    np.testing.assert_array_equal(floats, whole.astype(kind))


@pytest.mark.parametrize(("scale", "offset"), [(255, 0), (127.5, -1), (58, -2.1), (1, -128)])
def test_layer_refuses_floats_that_were_scaled(scale, offset):
    """Rounded, they would be all black (keras-team/keras-cv#248)."""
    photos = (PICTURES["gradients"] / scale + offset).astype(np.float32)
    layer = trivial_augment.TrivialAugmentWide()
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels go from 0 to 255"):
        layer(photos)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels go from 0 to 255"):
        list(tf.data.Dataset.from_tensors(photos[None]).map(layer))


@pytest.mark.parametrize("name", ["dark photo", "black", "two values"])
def test_layer_takes_what_resizing_gives(name):
    photos = tf.image.resize(PICTURES[name], (75, 75), method="bicubic")
    assert trivial_augment.TrivialAugmentWide()(photos).shape == (75, 75, 3)
    spots = np.eye(20, dtype=np.float32)[..., None].repeat(3, -1)  # of the darkest grey there is
    np.testing.assert_array_less(trivial_augment.TrivialAugmentWide()(spots), 256)


def test_layers_without_a_seed_repeat_by_that_of_keras():
    def drawn():
        keras.utils.set_random_seed(7)
        return [trivial_augment.TrivialAugmentWide()(batch_of(10)).numpy() for _ in range(2)]

    first, second = drawn(), drawn()
    np.testing.assert_array_equal(first, second)
    assert (first[0] != first[1]).any()
    assert trivial_augment.TrivialAugmentWide().get_config()["seed"] is None


def test_a_layer_may_be_made_inside_a_function_of_a_dataset():
    photos = tf.data.Dataset.from_tensor_slices(batch_of(20))
    mapped = photos.map(lambda photo: trivial_augment.TrivialAugmentWide()(photo))
    assert len({photo.numpy().tobytes() for photo in mapped}) > 10


def test_a_model_with_the_layer_is_not_compiled_by_xla():
    """Keras would choose XLA where there is a GPU, and XLA has no bincount of a size it does not know."""
    layers = [trivial_augment.TrivialAugmentWide(), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("sgd", "mse", jit_compile=True)
    model.fit(batch_of(2, PHOTO[:8, :8]), np.zeros(2), verbose=0)


def test_layer_leaves_labels_and_other_entries_alone():
    inputs = {"images": batch_of(6), "labels": np.eye(6, dtype=np.int64), "weights": np.arange(6.0)}
    outputs = trivial_augment.TrivialAugmentWide(seed=3)(inputs)
    assert sorted(outputs) == ["images", "labels", "weights"]
    assert (outputs["images"].numpy() != inputs["images"]).any()
    for name in ("labels", "weights"):
        assert outputs[name].dtype == inputs[name].dtype
        np.testing.assert_array_equal(outputs[name], inputs[name])
    single = trivial_augment.TrivialAugmentWide(seed=3)(
        {"images": batch_of(1)[0], "targets": np.array([0.0, 1.0])}
    )
    np.testing.assert_array_equal(single["targets"], [0.0, 1.0])


def test_layer_refuses_what_it_cannot_change():
    layer = trivial_augment.TrivialAugmentWide()
    with pytest.raises(TypeError, match="image is int32"):
        layer(batch_of(2).astype(np.int32))
    with pytest.raises(ValueError, match="rank 3"):
        layer(batch_of(2)[..., 0][0])
    with pytest.raises(ValueError, match="cannot move segmentation_masks"):
        layer({"images": batch_of(2), "segmentation_masks": batch_of(2)})


def test_layer_computes_only_the_operation_that_was_drawn(monkeypatch):
    computed = []

    def counting(number):
        def apply(image, magnitude):
            del magnitude
            return tf.numpy_function(lambda photo: computed.append(number) or photo, [image], tf.uint8)

        return apply

    counted = [
        each._replace(apply=counting(number)) for number, each in enumerate(trivial_augment.OPERATIONS)
    ]
    monkeypatch.setattr(trivial_augment, "OPERATIONS", counted)
    list(tf.data.Dataset.from_tensors(batch_of(50)).map(trivial_augment.TrivialAugmentWide(seed=4)))
    assert len(computed) == 50
    assert len(set(computed)) > 10


def test_layer_survives_saving_inside_a_model(tmp_path):
    photo = keras.Input((60, 81, 3), dtype="float32")
    model = keras.Model(photo, trivial_augment.TrivialAugmentWide(seed=5, name="augment")(photo))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    layer = loaded.get_layer("augment")
    assert type(layer) is trivial_augment.TrivialAugmentWide
    assert layer.get_config() == model.get_layer("augment").get_config() and layer.seed == 5
    photos = batch_of(8).astype(np.float32)
    np.testing.assert_array_equal(loaded.predict(photos, verbose=0), photos)  # only in training
    expected = trivial_augment.TrivialAugmentWide(seed=5)(photos)
    np.testing.assert_array_equal(loaded(photos, training=True), expected)
    assert (expected.numpy() != photos).any()


# The command


def test_the_command_draws_every_operation(tmp_path, monkeypatch, capsys):
    Image.new("RGB", (50, 40), (30, 60, 90)).save(tmp_path / "photo.png")
    monkeypatch.setattr(sys, "argv", ["augment", f"--output={tmp_path}/sheet.png", f"{tmp_path}/photo.png"])
    # Run as a program, the module registers its layer again: not for the other tests.
    monkeypatch.setattr(keras.saving, "register_keras_serializable", lambda package: lambda layer: layer)
    monkeypatch.delitem(sys.modules, "flowers_keras.augment")
    runpy.run_module("flowers_keras.augment", run_name="__main__")
    assert "sheet.png" in capsys.readouterr().out
    sheet = Image.open(tmp_path / "sheet.png")

    def colour(name, column):
        row = contact_sheet.TILE + contact_sheet.CAPTION + contact_sheet.GAP
        x = contact_sheet.MARGIN + column * (contact_sheet.TILE + contact_sheet.GAP)
        y = contact_sheet.CAPTION + contact_sheet.GAP + NAMES.index(name) * row
        return sheet.getpixel((x + 9, y + 9))

    assert colour("Identity", 0) == colour("Equalize", 0) == (30, 60, 90)
    assert colour("Identity", 1) == (255, 255, 255)  # no levels
    assert colour("Brightness", 6) == (59, 119, 179)
    assert colour("Solarize", 6) == (225, 195, 165)
    assert colour("Posterize", 6) == (0, 0, 64)
    assert colour("TranslateY", 6) == colour("Rotate", 3) == (0, 0, 0)
    assert not list(tmp_path.glob("*.part*"))


def test_the_command_draws_without_a_photo(tmp_path):
    assert __main__.main([f"--output={tmp_path}/sheet.png"]) == 0
    assert len(Image.open(tmp_path / "sheet.png").getcolors(1 << 24)) > 1000


@pytest.mark.parametrize(
    ("output", "photo", "message"),
    [
        ("sheet.png", "absent.jpg", "absent.jpg: no such file"),
        ("sheet.png", "broken.jpg", "broken.jpg: not a photo"),
        ("sheet.jpg", "photo.png", "sheet.jpg is not a PNG"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, output, photo, message):
    (tmp_path / "broken.jpg").write_bytes(b"hello")
    Image.new("RGB", (5, 5)).save(tmp_path / "photo.png")
    with pytest.raises(UserError, match=message):
        __main__.main([f"--output={tmp_path / output}", str(tmp_path / photo)])
    assert not (tmp_path / output).exists()
