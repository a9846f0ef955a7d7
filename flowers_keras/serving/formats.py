"""The formats a classifier is exported to: how each is written, and read by its own runtime.

Every file takes uint8 RGB photos "photo" [batch, height, width, 3] of any size, 0 to 255, and gives
"probabilities" [batch, classes]; the class names are inside it. LiteRT takes one photo at a time.
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import tempfile
import warnings
import zipfile
from collections.abc import Callable

import numpy as np

import flowers_keras
from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import decoding
from flowers_keras.photos.resize import resize
from flowers_keras.serving import portable

SIGNATURE = "serving_default"  # the name that TensorFlow Serving calls

ONNX_OPSET = 18

AXES = ("batch", "height", "width")  # that are free

# The layers of the network. The resize stays in floating point: 8 bits would cost it more than they
# save, and the softmax has too few values to be worth it.
INT8_OPERATIONS = ("CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "FULLY_CONNECTED")


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
      packages: module -> the requirement that `pip install` takes, with the bounds that were tested;
        what it needs besides requirements.txt.
      write: (classify.Classifier, path) -> None.
      read: path -> (photo uint8 [height, width, 3] -> float32 [classes]), in the format's runtime.
    """

    packages: dict
    write: Callable
    read: Callable


def require(packages):
    """Raises UserError, with the line to type, where one of the packages is not installed."""
    missing = [each for module, each in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(
            f"this export needs packages that are not installed; type: pip install {' '.join(missing)}"
        )


def description(model):
    """What the user of an exported file needs to know, {name: text}."""
    return {
        "class_names": json.dumps(model.class_names, ensure_ascii=False),
        "image_size": str(model.image_size),
        "input": "photo: uint8 RGB, 0 to 255, upright, of any size; it is resized inside",
        "output": "probabilities: one for each of class_names, in their order",
    }


def _texts(model):
    """Files that say so, name -> content."""
    return {
        "labels.txt": "".join(f"{name}\n" for name in model.class_names),
        "flowers_keras.json": json.dumps(description(model), indent=2) + "\n",
    }


def write_saved_model(model, path):
    """A SavedModel folder; the class names are in `assets.extra`, the place for what no graph reads."""
    _archive(model, path, resize, batch=None)
    extra = pathlib.Path(path, "assets.extra")
    extra.mkdir()
    for name, text in _texts(model).items():
        (extra / name).write_text(text, encoding="utf-8")
    for each in pathlib.Path(path).rglob("*"):
        files.sync(each)


def read_saved_model(path):
    """The signature that TensorFlow Serving calls."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures[SIGNATURE]
    return lambda photo: serve(photo=tf.constant(photo[None]))["probabilities"].numpy()[0]


def _archive(model, path, resize_photos, batch):
    """A SavedModel folder whose one signature takes `batch` photos, or with None any number."""
    import tensorflow as tf

    serve = portable.serving_function(model.model, model.image_size, resize_photos)
    module = tf.Module()
    # By hand, for `keras.export.ExportArchive` stores every weight twice (Keras 3.15).
    module.weights = [variable.value for variable in model.model.variables]
    module.serve = tf.function(serve, input_signature=[portable.photos_spec(batch)])
    tf.saved_model.save(module, str(path), {SIGNATURE: module.serve})


def write_litert(model, path, calibration=None):
    """A `.tflite` file with `labels.txt` in a zip archive at its end, where LiteRT's tools look.

    Args:
      calibration: photos (paths or uint8 arrays) like those it will see, whose ranges of values the
        8 bits shall cover; None for floating point.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _archive(model, folder, portable.resize, batch=1)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    if calibration is not None:
        squares = [np.asarray(resize(decoding.read_pixels(each), model.image_size)) for each in calibration]
        # The quantizer takes a running average, and photos in the order of a folder come by class.
        np.random.default_rng(0).shuffle(squares)
        content = _quantized(content, squares)
    pathlib.Path(path).write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in _texts(model).items():
            archive.writestr(name, text)


def _quantized(content, photos):
    """The LiteRT model with weights and activations of `INT8_OPERATIONS` in 8 bits."""
    from litert_quantizer import qtyping, quantizer

    maker = quantizer.Quantizer(content)
    for name in INT8_OPERATIONS:
        operation = qtyping.TFLOperationName(name)
        maker.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
    samples = {SIGNATURE: [{"photo": photo[None]} for photo in photos]}
    # Its progress bars, its native log and a warning that calibration keeps every tensor are not
    # for our users.
    with flowers_keras.stderr_closed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranges = maker.calibrate(samples, num_threads=os.cpu_count())
        result = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return result.quantized_model


def read_litert(path):
    """LiteRT's interpreter on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    with flowers_keras.stderr_closed():  # it tells which of its parts it uses
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    serve = interpreter.get_signature_runner(SIGNATURE)
    return lambda photo: serve(photo=photo[None])["probabilities"][0]


def write_onnx(model, path):
    """An `.onnx` file; the class names are in its `metadata_props`."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    serve = tf.function(portable.serving_function(model.model, model.image_size, portable.resize))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx names types as NumPy 1 did
        proto, _ = tf2onnx.convert.from_function(serve, [portable.photos_spec(None)], opset=ONNX_OPSET)
    for value, axes in ((proto.graph.input[0], AXES), (proto.graph.output[0], AXES[:1])):
        for dimension, axis in zip(value.type.tensor_type.shape.dim, axes, strict=False):
            dimension.dim_param = axis
    onnx.helper.set_model_props(proto, description(model))
    onnx.save(proto, path)


def read_onnx(path):
    """ONNX Runtime on the CPU."""
    import onnxruntime

    serve = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda photo: serve.run(["probabilities"], {"photo": photo[None]})[0][0]


FORMATS = {
    "saved_model": Format({}, write_saved_model, read_saved_model),
    "litert": Format({"ai_edge_litert": '"ai-edge-litert>=2.3,<3"'}, write_litert, read_litert),
    "onnx": Format(
        {
            "onnx": '"onnx>=1.22,<2"',
            "onnxruntime": '"onnxruntime>=1.30,<2"',
            "tf2onnx": '"tf2onnx>=1.17,<2"',
        },
        write_onnx,
        read_onnx,
    ),
}

QUANTIZER = {"litert_quantizer": '"litert-quantizer>=0.11,<0.12"'}  # for int8 besides
