"""The formats a classifier is exported to: how each is written, and read by its own runtime.

Every file takes uint8 RGB photos "photo" [batch, height, width, 3] of any size, 0 to 255, and gives
"probabilities" [batch, classes]; the class names are inside it. LiteRT takes one photo at a time.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable

import keras

from flowers_keras import files, portable
from flowers_keras.errors import UserError
from flowers_keras.resize import resize

SIGNATURE = "serving_default"  # the name that TensorFlow Serving calls
ONNX_OPSET = 18
# The layers of the network. The resize stays in floating point: it costs little, and what it loses
# nothing brings back.
INT8_OPERATIONS = ("CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "FULLY_CONNECTED")


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
      packages: module -> what `pip install` calls it; what it needs besides requirements.txt.
      write: (model, card, path), and for LiteRT a list of photos to calibrate int8 with.
      read: path -> (photo uint8 [height, width, 3] -> float32 [classes]), in the format's runtime.
    """

    packages: dict
    write: Callable
    read: Callable


def require(packages):
    """Raises UserError, with the line to type, where one of the packages is not installed."""
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"this format needs packages that are not installed; type: pip install {' '.join(missing)}")


def description(card):
    """What the user of an exported file needs to know, {name: text}."""
    return {
        "class_names": json.dumps(card["class_names"], ensure_ascii=False),
        "image_size": str(card["image_size"]),
        "input": "photo: uint8 RGB [batch, height, width, 3], 0 to 255, any size, upright; it is resized inside",
        "output": "probabilities: float32 [batch, classes], in the order of class_names",
        "recipe": json.dumps(card["recipe"], ensure_ascii=False),
    }


def labels(card):
    """The class names as the text of a `labels.txt`, one a line."""
    return "".join(f"{name}\n" for name in card["class_names"])


def write_saved_model(model, card, path):
    """A SavedModel folder; the class names are in `assets.extra`, the place for what no graph reads."""
    _archive(model, card, path, resize, batch=None)
    extra = pathlib.Path(path, "assets.extra")
    extra.mkdir()
    (extra / "labels.txt").write_text(labels(card), encoding="utf-8")
    (extra / "flowers_keras.json").write_text(json.dumps(description(card), indent=2), encoding="utf-8")
    for each in pathlib.Path(path).rglob("*"):
        files.sync(each)


def read_saved_model(path):
    """The signature that TensorFlow Serving calls."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures[SIGNATURE]
    return lambda photo: serve(photo=tf.constant(photo[None]))["probabilities"].numpy()[0]


def _archive(model, card, path, resize_photos, batch):
    """A SavedModel folder whose one signature takes `batch` photos, or with None any number."""
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    photos = tf.TensorSpec((batch, None, None, 3), tf.uint8, name="photo")
    serve = portable.serving_function(model, card["image_size"], resize_photos)
    archive.add_endpoint(SIGNATURE, serve, input_signature=[photos])
    archive.write_out(str(path), verbose=False)


def write_litert(model, card, path, calibration=None):
    """A `.tflite` file with `labels.txt` in a zip archive at its end, where LiteRT's tools look.

    Args:
      calibration: uint8 photos [height, width, 3] like those it will see, whose ranges of values
        the 8 bits shall cover; None for floating point.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _archive(model, card, folder, portable.resize, batch=1)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    if calibration is not None:
        content = _quantized(content, calibration)
    pathlib.Path(path).write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", labels(card))
        archive.writestr("flowers_keras.json", json.dumps(description(card), indent=2))


def _quantized(content, calibration):
    """The LiteRT model with weights and activations of `INT8_OPERATIONS` in 8 bits."""
    from litert_quantizer import qtyping, quantizer

    maker = quantizer.Quantizer(content)
    for name in INT8_OPERATIONS:
        operation = qtyping.TFLOperationName(name)
        maker.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
    with contextlib.redirect_stderr(None), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping every tensor is what calibration is
        ranges = maker.calibrate(
            {SIGNATURE: [{"photo": photo[None]} for photo in calibration]}, num_threads=os.cpu_count()
        )
        result = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return result.quantized_model


def read_litert(path):
    """LiteRT's interpreter on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    serve = Interpreter(str(path), num_threads=os.cpu_count()).get_signature_runner(SIGNATURE)
    return lambda photo: serve(photo=photo[None])["probabilities"][0]


def write_onnx(model, card, path):
    """An `.onnx` file; the class names are in its `metadata_props`."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    photos = tf.TensorSpec((None, None, None, 3), tf.uint8, name="photo")
    serve = tf.function(portable.serving_function(model, card["image_size"], portable.resize))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx names types as NumPy 1 did
        proto, _ = tf2onnx.convert.from_function(serve, [photos], opset=ONNX_OPSET)
    for value, axes in ((proto.graph.input[0], ("batch", "height", "width")), (proto.graph.output[0], ("batch",))):
        for i, axis in enumerate(axes):
            value.type.tensor_type.shape.dim[i].dim_param = axis
    onnx.helper.set_model_props(proto, description(card))
    onnx.save(proto, path)


def read_onnx(path):
    """ONNX Runtime on the CPU."""
    import onnxruntime

    serve = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda photo: serve.run(["probabilities"], {"photo": photo[None]})[0][0]


LITERT = {"ai_edge_litert": "ai-edge-litert"}
FORMATS = {
    "saved_model": Format({}, write_saved_model, read_saved_model),
    "litert": Format(LITERT, write_litert, read_litert),
    "onnx": Format(
        {"onnx": "onnx", "onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"}, write_onnx, read_onnx
    ),
}
