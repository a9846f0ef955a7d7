"""The door to other programs: a file for serving, checked against the model before it is announced.

  python -m flowers_keras.export --model=runs/x/model.keras --format=onnx --output=flowers.onnx

Every file takes photos of any size and resizes them as training did.
"""

import dataclasses
import functools
import pathlib

import keras
import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.model import inference
from flowers_keras.photos import decoding, reader, synthetic
from flowers_keras.serving import formats

TOLERANCE = 1e-4  # largest difference of a probability, of a floating-point export

SAME_CLASS = 0.98  # of the photos, at least, for an int8 export

CHECKED = 100  # photos at most; as many others calibrate int8

LEAST_INT8 = 50  # photos, one half to calibrate with and one to check: fewer say too little

# Height and width of drawn photos that a floating-point export has to get right besides.
SIZES = ((1, 1), (2, 3), (37, 900), (299, 299), (480, 640), (1200, 1600))


@dataclasses.dataclass(frozen=True)
class Check:
    """How an export compares with the model that it was made from.

    Attributes:
      largest: difference of a probability, over all photos and classes.
      same: share of the photos for which both name the same class.
      count: number of photos.
    """

    largest: float
    same: float
    count: int

    def __str__(self):
        return (
            f"largest difference of a probability {self.largest:.1e}, "
            f"same class on {self.same:.1%} of {self.count} photos"
        )


def export(model_path, name, path, folder=None, int8=False):
    """Writes a trained model in a format; an export that differs from it is not kept.

    Args:
      model_path: a `model.keras`, or the folder of its run.
      name: one of `formats.FORMATS`.
      path: the file to write; for "saved_model" a new folder.
      folder: photos to compare on, besides drawn ones.
      int8: weights and activations in 8 bits, LiteRT only: half of the photos in `folder` calibrate
        them, and the comparison is on the other half.

    Returns:
      Check.

    Raises:
      UserError: the export differs, a package is missing, or one of the paths cannot be used.
    """
    kind, path = formats.FORMATS[name], pathlib.Path(path)
    if keras.backend.backend() != "tensorflow":
        raise UserError("export needs TensorFlow; type KERAS_BACKEND=tensorflow in front of the command")
    if int8 and (name != "litert" or folder is None):
        raise UserError("--int8 needs --format=litert and --photos=FOLDER of photos like those it will see")
    formats.require(kind.packages | (formats.QUANTIZER if int8 else {}))
    refuse_output(path, name, model_path)
    photos = [] if folder is None else find_photos(folder, 2 * CHECKED if int8 else CHECKED)
    write = kind.write
    if int8:
        if len(photos) < LEAST_INT8:
            raise UserError(f"--int8 needs {LEAST_INT8} photos, and {folder} holds {len(photos)}; add some")
        write, photos = functools.partial(write, calibration=photos[::2]), photos[1::2]
    else:
        photos += drawn_photos()
    model = inference.load_classifier(model_path)
    with files.whole_file(path) as temporary:
        write(model, temporary)
        check = compare(kind.read(temporary), model, photos)
        if not (check.same >= SAME_CLASS if int8 else check.largest <= TOLERANCE):
            advice = "add photos, or leave out --int8" if int8 else "choose another --format"
            raise UserError(f"the export differs from {model_path}: {check}; it is not kept: {advice}")
    return check


def refuse_output(path, name, model_path):
    """Raises UserError where writing to `path` would destroy something else."""
    model_path = pathlib.Path(model_path)
    if path.resolve() in (model_path.resolve(), (model_path / "model.keras").resolve()):
        raise UserError(f"--output={path} is the model itself; choose another name")
    if path.is_dir() or (name == "saved_model" and path.exists()):
        raise UserError(f"--output={path} is already there; remove it or choose another name")


def find_photos(folder, count):
    """Paths of up to `count` photos that can be read, from all over `folder`.

    Raises:
      UserError: there is none.
    """
    paths = reader.find_photos(folder)
    chosen = np.unique(np.linspace(0, len(paths) - 1, count).astype(int)) if paths else []
    usable = [paths[i] for i in chosen if _is_readable(paths[i])]
    if not usable:
        raise UserError(f"--photos={folder} holds no photo that can be used; type another folder")
    return usable


def _is_readable(path):
    try:
        decoding.read_pixels(path)
    except reader.BrokenPhoto:
        return False
    return True


def drawn_photos():
    """Photos of `SIZES`, uint8 [height, width, 3]: one drawn flower, parts and repeats of it."""
    flower = synthetic.draw_flower(0, (0, 0), 600)
    repeats = np.tile(flower, (2, 3, 1))
    return [repeats[:height, :width] for height, width in SIZES]


def compare(serve, model, photos):
    """What an export's runtime says about photos, beside what the model says.

    Args:
      serve: uint8 [height, width, 3] -> [classes].
      model: classify.Classifier.
      photos: paths or uint8 arrays.

    Returns:
      Check.
    """
    expected = model.predict(photos)
    found = np.stack([serve(decoding.read_pixels(photo)) for photo in photos])
    return Check(
        float(np.max(np.abs(found - expected))),
        float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1))),
        len(photos),
    )


def size_of(path):
    """Bytes of a file, or of all files in a folder."""
    paths = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in paths if each.is_file())
