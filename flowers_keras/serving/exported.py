"""Runs exported files in their own runtimes: LiteRT and ONNX need neither TensorFlow nor Keras.

A photo is decoded and resized to the square that the model would see; a file that resizes photos itself does
not change such a square.
"""

import json
import os
import zipfile

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.model import answering
from flowers_keras.photos.squares import resize_array
from flowers_keras.serving import formats

RUNTIMES = {"litert": "ai_edge_litert", "onnx": "onnxruntime", "saved_model": "tensorflow"}

BATCH_SIZE = 8  # photos that are decoded in advance; each is computed alone


class Exported:
    """An exported classifier, used like `inference.Classifier`, but without novelty.

    Attributes:
      class_names: tuple of str, in the order of the probabilities.
      image_size: pixels, side of the square that the model sees.
    """

    def __init__(self, path):
        """Opens the file at `path`.

        Raises:
          UserError: its runtime is not installed, or flowers_keras did not export it.
        """
        name = formats.format_of(path)
        module = RUNTIMES[name]
        formats.require({module: formats.PACKAGES[name].get(module, module)})
        try:
            self._serve, about = read(name, path)
            self.class_names = tuple(json.loads(about["class_names"]))
            self.image_size = int(about["image_size"])
        except Exception as error:  # zipfile, json and the runtimes raise whatever they stumble over
            raise UserError(
                f"{path} is not a file that flowers_keras exported, or is damaged ({type(error).__name__}); "
                "export it again"
            ) from error

    def answer(self, photos, tta=False, batch_size=None):
        """An iterator of the answering.Answer to each photo, as of `inference.Classifier.answer`."""
        return answering.answer_photos(photos, self._preprocess, self._predict, tta, batch_size or BATCH_SIZE)

    def _preprocess(self, pixels):
        return {"square": resize_array(pixels, self.image_size)}

    def _predict(self, squares, size):
        del size
        found = np.stack([self._serve(square) for square in squares]).astype(np.float64)
        return found, [None] * len(squares)


def read(name, path):
    """(function, description) of an exported file in the format `name`.

    The function takes a photo uint8 [height, width, 3] of any size and gives float32 [classes]; the
    description is that of `formats.description`.
    """
    return {"litert": _read_litert, "onnx": _read_onnx, "saved_model": _read_saved_model}[name](path)


def _read_litert(path):
    """LiteRT's interpreter on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    (taken,) = interpreter.get_input_details()
    serve = interpreter.get_signature_runner(formats.SIGNATURE)
    side = taken["shape_signature"][1]  # -1 where any size will do

    def probabilities(photo):
        return serve(photo=(photo if side < 0 else resize_array(photo, side))[None])["probabilities"][0]

    with zipfile.ZipFile(path) as archive:
        return probabilities, json.loads(archive.read(formats.ABOUT))


def _read_onnx(path):
    """ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    return lambda photo: session.run(["probabilities"], {"photo": photo[None]})[0][0], about


def _read_saved_model(path):
    """The signature that TensorFlow Serving calls."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures[formats.SIGNATURE]
    about = files.read_json(path / "assets.extra" / formats.ABOUT)
    return lambda photo: serve(photo=tf.constant(photo[None]))["probabilities"].numpy()[0], about
