"""A LiteRT (TensorFlow Lite) file for phones and small devices.

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image, ImageOps

    interpreter = Interpreter("flowers.tflite")
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = taken["shape"]
    photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
    photo = photo.resize((width, height), Image.Resampling.BILINEAR)
    interpreter.set_tensor(taken["index"], np.asarray(photo)[None])
    interpreter.invoke()
    probabilities = interpreter.get_tensor(given["index"])[0]

It takes photos of the model's own size, as code like the above expects. `resize_tensor_input` makes it take
several at a time; without `strict=True` it also accepts other sizes, for which the answers are wrong.
Training resizes bilinearly; with other filters (nearest, box, bicubic, Lanczos) 98 to 100 of 100 photos of
tf_flowers kept their class, and probabilities moved by up to 0.29 (2026-11-26).

With `any_size` it takes one photo of any size and resizes it as training did: its input then says 1 x 1,
which such code would take for the size.
"""

import os
import pathlib
import tempfile
import warnings
import zipfile

import numpy as np
import tensorflow as tf

from flowers_keras.photos import decoding
from flowers_keras.photos.squares import resize_array
from flowers_keras.serving import formats, litert_metadata, portable, saved_model

# The layers of the network in 8 bits. A resize stays in floating point: 8 bits would cost it more than
# they save, and the softmax has too few values to be worth it.
INT8_OPERATIONS = ("CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "FULLY_CONNECTED")


def write(model, path, calibration=None, any_size=False):
    """Writes the file `path`, with metadata and `labels.txt` where MediaPipe and Android look for them.

    Args:
      model: inference.Classifier.
      path: the `.tflite` file.
      calibration: photos (paths or uint8 arrays) like those it will see, whose ranges of values the
        8 bits shall cover; None for floating point.
      any_size: whether it takes one photo of any size instead of squares of the model's size.
    """
    size = model.image_size
    resize_photos = portable.resize if any_size else lambda photos, _: photos
    spec = portable.photos_spec(1) if any_size else portable.photos_spec(size=size)
    # Beside the file: the system's own place may be small, or not there in a container.
    with tempfile.TemporaryDirectory(dir=pathlib.Path(path).parent) as folder:
        serve = portable.serving_function(model.model, size, resize_photos)
        saved_model.save(model, folder, serve, spec)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    if calibration is not None:
        content = _quantized(
            content, [resize_array(decoding.read_pixels(each), size) for each in calibration]
        )
    about = formats.description(model.class_names, size, any_size)
    pathlib.Path(path).write_bytes(litert_metadata.add(content, about["input"], about["output"]))
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in formats.texts(about, model.class_names).items():
            archive.writestr(name, text)


def _quantized(content, photos):
    """The LiteRT model with weights and activations of `INT8_OPERATIONS` in 8 bits."""
    from litert_quantizer import qtyping, quantizer

    # It takes a running average, and photos in the order of a folder come by class.
    np.random.default_rng(0).shuffle(photos)
    maker = quantizer.Quantizer(content)
    for name in INT8_OPERATIONS:
        operation = qtyping.TFLOperationName(name)
        maker.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
    samples = {formats.SIGNATURE: [{"photo": photo[None]} for photo in photos]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that calibration keeps every tensor
        ranges = maker.calibrate(samples, num_threads=os.cpu_count())
        result = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return result.quantized_model
