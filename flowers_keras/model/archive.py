"""The classifier: InceptionV3 and a head, its phases, its cut at a boundary, its file.

One flat functional model, raw RGB in, probabilities out:

  photo [S, S, 3] 0-255 -> rescaling -> InceptionV3 ... mixed8 ... mixed10 -> pooled [2048]
  -> hidden [1024] -> dropout -> probabilities [classes]

Flat, so that `get_layer("mixed8")` works on it, it can be cut there, and it exports.
"""

import json
import zipfile

import keras

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.model import classifier

CARD = "flowers_keras.json"  # a member of the .keras archive


def save(model, path, card):
    """Saves the model in float32, whatever it was trained in, with what its user needs to know.

    Args:
      model: a classifier.
      path: the `.keras` file.
      card: {"class_names": [...] in output order, "image_size": pixels, "recipe": {...}}; it
        travels inside the archive.
    """
    head = {name: model.get_layer(name) for name in ("hidden", "dropout", "probabilities")}
    plain = classifier.build_classifier(
        class_count=head["probabilities"].units,
        image_size=card["image_size"],
        hidden_units=head["hidden"].units,
        dropout=head["dropout"].rate,
        l2=float(head["hidden"].kernel_regularizer.l2),
    )
    plain.set_weights(model.get_weights())
    with files.whole_file(path) as temporary:
        plain.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps(card, indent=2))


def load(path):
    """A saved classifier and its card; no code in the file is run.

    Args:
      path: a `.keras` file that `save` wrote, or the folder of the run that holds it.

    Returns:
      (keras.Model, card), the card as `save` took it.

    Raises:
      UserError: no such file, not a classifier of ours, damaged, or its class names do not fit.
    """
    path = files.model_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            card = json.loads(archive.read(CARD))
        class_names, image_size = card["class_names"], card["image_size"]
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, json, h5py and Keras raise whatever they stumble over
        raise UserError(
            f"{path} is not a classifier that flowers_keras saved, or is damaged "
            f"({type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}); train it again"
        ) from error
    if model.output_shape[-1] != len(class_names) or model.input_shape[1] != image_size:
        raise UserError(
            f"{path} names {len(class_names)} classes and {image_size} pixels, but its model gives "
            f"{model.output_shape[-1]} for {model.input_shape[1]}; train it again"
        )
    return model, card
