"""An ONNX file, which ONNX Runtime loads; it takes photos of any size.

    import json

    import numpy as np
    import onnxruntime
    from PIL import Image, ImageOps

    photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
    session = onnxruntime.InferenceSession("flowers.onnx", providers=["CPUExecutionProvider"])
    class_names = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
    probabilities = session.run(None, {"photo": np.asarray(photo)[None]})[0][0]

Several photos of one size may be given at a time.
"""

import warnings

import onnx
import tensorflow as tf
import tf2onnx

from flowers_keras.serving import formats, portable

OPSET = 18

AXES = ("batch", "height", "width")  # that are free


def write(model, path):
    """Writes the file `path`; the class names are in its `metadata_props`."""
    serve = tf.function(portable.serving_function(model.model, model.image_size, portable.resize))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx names types as NumPy 1 did
        proto, _ = tf2onnx.convert.from_function(serve, [portable.photos_spec()], opset=OPSET)
    for value, axes in ((proto.graph.input[0], AXES), (proto.graph.output[0], AXES[:1])):
        for dimension, axis in zip(value.type.tensor_type.shape.dim, axes, strict=False):
            dimension.dim_param = axis
    about = formats.description(model.class_names, model.image_size, any_size=True)
    onnx.helper.set_model_props(proto, about)
    onnx.save(proto, path)
