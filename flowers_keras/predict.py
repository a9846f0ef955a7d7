"""Classifies photos: class and probability for each.

  python -m flowers_keras.predict --model=runs/x/model.keras PHOTO_OR_FOLDER ...
  python -m flowers_keras.predict --model=flowers.tflite PHOTO_OR_FOLDER ...

An exported file gives the model's probabilities, to the digits that `export` checks. LiteRT and ONNX start
sooner, as they need neither TensorFlow nor Keras.
"""

import os
import pathlib
import sys

from flowers_keras import commands, user_paths
from flowers_keras.errors import UserError
from flowers_keras.serving import answers, formats


def main(arguments=None):
    """Prints a row for each photo; returns 1 if any cannot be read, else 0."""
    options = parse(arguments)
    from flowers_keras.serving import inputs  # NumPy and Pillow: a mistake should not wait for them

    classifier = load(options.model)
    if options.format != "table":  # a file's name may hold any bytes, and gets them back
        commands.set_output(encoding="utf-8", errors="surrogateescape")
    line_of, names = answers.FORMATS[options.format], classifier.class_names
    if options.format == "csv":
        print(answers.csv_header(names), end="")
    answered = classifier.answer(inputs.find_inputs(options.photo), options.tta, options.batch_size)
    if options.explain:
        from flowers_keras.serving import heat_maps

        rows = heat_maps.write_heat_maps(classifier.model, answered, options.explain)
    else:
        rows = ((answer, None) for answer in answered)
    broken = 0
    for answer, heat_map in rows:
        print(line_of(answer, names, options.top, heat_map), end="", flush=True)
        broken += answer.error is not None
    if broken:
        print(f"photos that could not be read: {broken}", file=sys.stderr)
    return 1 if broken else 0


def load(path):
    """The trained model or the export at `path`."""
    if formats.format_of(path):
        from flowers_keras.serving import exported

        return exported.Exported(path)
    from flowers_keras.model import inference  # Keras takes seconds: a mistake should not wait for it

    return inference.load_classifier(path)


def parse(arguments):
    """The options of the command, checked as far as that is possible without Keras.

    Raises:
      UserError: one of them cannot be used.
    """
    words = sys.argv[1:] if arguments is None else arguments
    options = _make_parser().parse_args([f"./{word}" if _is_dashed_name(word) else word for word in words])
    for name in ("top", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name}={value} is not allowed; type a number from 1 on")
    if options.explain:
        if formats.format_of(options.model):
            raise UserError(
                f"--explain needs the model itself, which {options.model} is not; type model.keras"
            )
        _make_folder(options.explain, options.photo)
    if options.top is None and options.format == "table":
        options.top = 3
    return options


def _make_parser():
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.predict",
        description="Classifies photos: class and probability for each, calibrated on the validation photos.",
    )
    parser.add_argument(
        "--model",
        required=True,
        type=formats.model_path,
        metavar="runs/x/model.keras",
        help="or its folder, or an export: FILE.tflite, FILE.onnx, a SavedModel's folder",
    )
    parser.add_argument("--tta", action="store_true", help="average each photo with its mirror image")
    parser.add_argument("--format", choices=answers.FORMATS, default="table", help="json: one line per photo")
    parser.add_argument("--top", type=int, help="classes shown per photo; by default 3 in a table, else all")
    parser.add_argument(
        "--batch_size", type=int, help="photos computed at a time, at most 32; by default as in training"
    )
    parser.add_argument("--explain", type=user_paths.user_path, metavar="FOLDER", help="for heat maps")
    parser.add_argument(
        "photo",
        nargs="+",
        metavar="PHOTO_OR_FOLDER",
        help='or a pattern, or "-" for a list on standard input',
    )
    return parser


def _is_dashed_name(word):
    """Whether a word is a file's name that begins like a flag, as a pattern of the shell may bring it."""
    return word.startswith("-") and not word.startswith("--") and word != "-" and os.path.lexists(word)


def _make_folder(folder, photos):
    """Makes the folder for heat maps; not inside one that is searched, where they would be photos."""
    for each in photos:
        if os.path.isdir(each) and folder.resolve().is_relative_to(pathlib.Path(each).resolve()):
            raise UserError(f"--explain={folder} is inside {each}, which is searched; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--explain={folder} cannot be made ({error.strerror}); choose another") from error


if __name__ == "__main__":
    commands.run(main)
