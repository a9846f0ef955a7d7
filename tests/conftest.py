"""What many tests share: networks at 75 pixels, made once, and small sets of photos."""

import concurrent.futures
import gc
import io
import os
import pickle
import shutil
import threading
import types

import hypothesis
import keras
import ml_collections
import numpy as np
import pytest
from PIL import Image

from configs import finetune
from flowers_keras import distributed, runtime
from flowers_keras.evaluation import calibration
from flowers_keras.model import classifier, conditioning
from flowers_keras.photos import sources, synthetic

if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: one thread each
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

hypothesis.settings.register_profile("project", deadline=None)  # a machine with other work is slow
hypothesis.settings.load_profile("project")

SIZE = 75  # pixels, the smallest that InceptionV3 takes


def pytest_collection_modifyitems(items):
    """The longest come first: else one worker would go on for minutes after the others have ended."""

    def minutes(item):
        mark = item.get_closest_marker("long")
        return mark.kwargs.get("minutes", 0) if mark else 0

    items.sort(key=minutes, reverse=True)


def pytest_collection_finish():
    """What was imported is no garbage: no collection looks at it again."""
    gc.freeze()


def build_network(class_count=3, image_size=SIZE, policy="float32", **fields):
    """A classifier of random weights and 16 hidden units; `fields` are those of section `model`."""
    config = finetune.get_config()
    config.data.image_size = image_size
    config.model.update({"weights": "", "hidden_units": 16} | fields)
    return classifier.build_classifier(config, class_count, policy)


def small_inception(include_top, weights, input_tensor):
    """Stands for `keras.applications.InceptionV3`: its blocks by name, a convolution each.

    For what is the same with any network: it is built, traced and saved in a tenth of the time.
    """
    x = input_tensor
    for block in range(11):
        strides = 2 if block in (0, 1, 3, 8) else 1
        x = keras.layers.Conv2D(32, 3, strides, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(scale=False)(x)
        x = keras.layers.Activation("relu", name=f"mixed{block}")(x)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)


@pytest.fixture
def small_backbone(monkeypatch):
    """Classifiers are built on `small_inception`."""
    monkeypatch.setattr(keras.applications, "InceptionV3", small_inception)


@pytest.fixture(scope="session")
def pristine():
    """A classifier of 3 classes with random, conditioned weights; use `network`, not this."""
    return make_pristine()


@pytest.fixture(scope="session")
def light_pristine():
    """The same on `small_inception`; use `light_network`, not this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "InceptionV3", small_inception)
        return make_pristine()


@pytest.fixture(scope="session")
def half_pristine(pristine):
    """The classifier in bfloat16; use `half`, not this."""
    model = classifier.with_policy(as_new(*pristine), "mixed_bfloat16")
    return model, pristine[1]


def make_pristine():
    """(classifier, its weights as new)."""
    runtime.prepare_keras(0, False)  # the same weights in every run: bounds on rounding depend on them
    model = build_network(dropout=0.2)
    photos = np.stack([synthetic.draw_flower(i % 5, i, SIZE) for i in range(32)])
    conditioning.condition_random_weights(model, [photos])
    return model, model.get_weights()


@pytest.fixture
def network(pristine):
    """The shared classifier, its weights and `trainable` flags as new."""
    return as_new(*pristine)


@pytest.fixture
def half(half_pristine):
    """`network` with its backbone in bfloat16, its weights and `trainable` flags as new."""
    return as_new(*half_pristine)


@pytest.fixture
def light_network(light_pristine):
    """The same on `small_inception`, for tests that are about no layer of the real one."""
    return as_new(*light_pristine)


def as_new(model, weights):
    """The model, everything in it trainable, with these weights."""
    for layer in model.layers:
        layer.trainable = True
    model.set_weights(weights)
    return model


@pytest.fixture
def config():
    """As `small_config` gives it."""
    return small_config()


def small_config():
    """configs/finetune.py made small: 75 pixels, random weights, two stored views, float32."""
    config = finetune.get_config()
    config.data.source = "synthetic"
    config.data.synthetic_photos = 60
    config.data.image_size = SIZE
    config.data.batch_size = 16
    config.data.validation_fraction = config.data.test_fraction = 0.2
    config.data.twin_distance = 0
    config.model.weights = ""
    config.model.hidden_units = 16
    config.features.views = 2
    config.frozen.epochs = config.finetune.epochs = 2
    config.evaluation.shift_photos = 0
    config.runtime.dtype_policy = "float32"
    config.runtime.deterministic = True
    return config


@pytest.fixture
def in_two(monkeypatch):
    """Calls a function in two threads, which are to it the two processes of a run; gives what both return."""
    here, together, said = threading.local(), threading.Barrier(2, timeout=60), [None, None]

    def rank_and_size():
        return getattr(here, "rank_and_size", (0, 1))

    def barrier(_):
        if rank_and_size()[1] == 2:
            together.wait()

    def all_gather(value):
        rank, size = rank_and_size()
        said[rank] = pickle.dumps(value)
        barrier("told")
        found = [pickle.loads(each) for each in said[:size]]
        barrier("heard")
        return found

    def call(number, function):
        here.rank_and_size = (number, 2)
        try:
            return function()
        except BaseException:
            together.abort()
            raise

    for each in (rank_and_size, barrier, all_gather):
        monkeypatch.setattr(distributed, each.__name__, each)

    def run(function):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return [each.result() for each in [pool.submit(call, number, function) for number in (0, 1)]]

    return run


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("neither Chromium nor its driver is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def measuring(image_size, batch_size=32, tta=False, shift_photos=0, seed=0):
    """A config with what measuring a model reads."""
    return ml_collections.ConfigDict(
        {
            "seed": seed,
            "data": {"image_size": image_size, "batch_size": batch_size},
            "evaluation": {"tta": tta, "shift_photos": shift_photos},
        }
    )


def make_reference(network, photos, parts):
    """What new photos are compared with, as a run without stored values finds it.

    Args:
      parts: "train" and "validation" -> int positions.
    """
    split = types.SimpleNamespace(positions=parts, digests={i: f"{i}" for i in range(len(photos.ids))})
    return calibration.make_reference(network, photos, split, None, measuring(network.input_shape[1]))


def own_lines(stderr):
    """What a command wrote to standard error, less what TensorFlow writes while it is imported."""
    greeting = ("WARNING: All log messages before absl", "I0000 ", "E0000 ", "W0000 ")
    return [line for line in stderr.splitlines() if not line.startswith(greeting)]


def encode(photo, kind="PNG", **options):
    """Encoded bytes of uint8 [height, width, 3]."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, kind, **options)
    return file.getvalue()


def textures(count, seed=0):
    """Pictures that no two of are alike: uint8 [60, 80, 3] of coarse random blocks."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (count, 8, 10, 3), np.uint8)
    return [np.asarray(Image.fromarray(each).resize((80, 60), Image.Resampling.BICUBIC)) for each in blocks]


def photos_of(datas, labels, class_names=("a", "b", "c")):
    """Photos of encoded bytes, named by their position."""
    return sources.Photos(
        tuple(f"{i:03d}" for i in range(len(datas))),
        np.array(labels, np.int32),
        class_names,
        lambda i: datas[i],
    )


def write_colours(folder, per_class=24, seed=0):
    """A folder of photos of three solid colours, each a little different, as PNG."""
    random = np.random.default_rng(seed)
    for name, colour in {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 40, 50)}.items():
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            shade = np.clip(np.array(colour) + random.integers(-30, 31, 3), 0, 255).astype(np.uint8)
            photo = np.broadcast_to(shade, (40, 50, 3)).copy()
            (folder / name / f"{i:02d}.png").write_bytes(encode(photo))
    return folder
