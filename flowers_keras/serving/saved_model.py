"""A SavedModel folder, which TensorFlow and TensorFlow Serving load; it takes photos of any size.

    import numpy as np
    import tensorflow as tf
    from PIL import Image, ImageOps

    photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
    serve = tf.saved_model.load("exported").signatures["serving_default"]
    probabilities = serve(photo=tf.constant(np.asarray(photo)[None]))["probabilities"].numpy()[0]

In Keras, `keras.layers.TFSMLayer("exported", call_endpoint="serving_default")` is a layer that takes
such photos.

TensorFlow Serving's REST interface takes `{"instances": [PHOTO, ...]}`, each photo a nested list of
numbers [height, width, 3] of one size, and replies `{"predictions": [PROBABILITIES, ...]}`.
"""

import pathlib

import tensorflow as tf

from flowers_keras import files
from flowers_keras.photos.resize import resize
from flowers_keras.serving import formats, portable


def write(model, path):
    """Writes the folder `path`; the class names are in `assets.extra`, the place for what no graph reads."""
    serve = portable.serving_function(model.model, model.image_size, resize)
    save(model, path, serve, portable.photos_spec())
    extra = pathlib.Path(path, "assets.extra")
    extra.mkdir()
    about = formats.description(model.class_names, model.image_size, any_size=True)
    for name, text in formats.texts(about, model.class_names).items():
        (extra / name).write_text(text, encoding="utf-8")
    for each in pathlib.Path(path).rglob("*"):
        files.sync(each)


def save(model, path, serve, spec):
    """A SavedModel folder with one signature: `serve`, which takes a tensor like `spec`."""
    module = tf.Module()
    # By hand, for `keras.export.ExportArchive` stores every weight twice (Keras 3.15).
    module.weights = [variable.value for variable in model.model.variables]
    module.serve = tf.function(serve, input_signature=[spec])
    tf.saved_model.save(module, str(path), {formats.SIGNATURE: module.serve})
