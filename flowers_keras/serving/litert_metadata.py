"""Metadata inside a LiteRT file, by which MediaPipe and Android prepare a photo and name its classes.

https://ai.google.dev/edge/litert/models/metadata describes the schema; the numbers below are its fields.
"""

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

NAME = "TFLITE_METADATA"  # of the entry in the model

IMAGE, NORMALIZATION = 2, 1  # the members of two unions

RGB = 1

AXIS_LABELS = 2  # a file with a line for each position on a tensor's last axis


def add(content, about_input, about_output):
    """A LiteRT model with metadata.

    Args:
      content: bytes of a model of one input, an image, and one output, probabilities.
      about_input, about_output: what to say of them.

    Returns:
      bytes; the names of the classes belong into `labels.txt` of a zip archive at their end.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = metadata(about_input, about_output)
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def metadata(about_input, about_output):
    """The metadata of an image classifier, as the bytes of a ModelMetadata flatbuffer."""
    builder = flatbuffers.Builder()
    # uint8 goes in as it is: mean 0, deviation 1.
    normal = _table(builder, [_floats(builder, 0.0), _floats(builder, 1.0)])
    unit = _table(builder, [(NORMALIZATION, builder.PrependByteSlot), normal])
    image = _table(builder, [(RGB, builder.PrependByteSlot)])
    content = _table(builder, [(IMAGE, builder.PrependByteSlot), image])
    labels = _table(
        builder, [builder.CreateString("labels.txt"), None, (AXIS_LABELS, builder.PrependByteSlot)]
    )
    photo = _table(builder, [*_named(builder, "photo", about_input), None, content, _tables(builder, unit)])
    file = [None, None, None, None, _tables(builder, labels)]
    probabilities = _table(builder, [*_named(builder, "probabilities", about_output), *file])
    graph = _table(builder, [None, None, _tables(builder, photo), _tables(builder, probabilities)])
    named, parser = _named(builder, "flowers_keras", "image classifier"), builder.CreateString("1.0.0")
    root = _table(builder, [*named, None, _tables(builder, graph), None, None, None, parser])
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


def _table(builder, fields):
    """A table whose fields are, in order: None, an offset, or (number, method that writes it)."""
    builder.StartObject(len(fields))
    for slot, field in enumerate(fields):
        if isinstance(field, tuple):
            number, write = field
            write(slot, number, 0)
        elif field is not None:
            builder.PrependUOffsetTRelativeSlot(slot, field, 0)
    return builder.EndObject()


def _named(builder, name, about):
    return [builder.CreateString(name), builder.CreateString(about)]


def _tables(builder, table):
    """A vector of one table."""
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def _floats(builder, value):
    """A vector of one number."""
    builder.StartVector(4, 1, 4)
    builder.PrependFloat32(value)
    return builder.EndVector()
