"""Writes a trained model for other programs.

  python -m flowers_keras.export --model=runs/x/model.keras --format=onnx --output=flowers.onnx

The modules `saved_model`, `litert` and `onnx_file` of `flowers_keras.serving` show how to use each file.
"""

from flowers_keras import commands, user_paths
from flowers_keras.serving import formats


def main(arguments=None):
    """Exports, prints how the file compares with the model, and returns the exit status."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.export",
        description="Writes a trained model for other programs and checks it in their runtime. "
        "An export gives probabilities only: predict, the page and Python also tell when a photo is unlike "
        "anything the model was trained on.",
    )
    parser.add_model()
    parser.add_argument("--format", required=True, choices=formats.PACKAGES)
    parser.add_argument(
        "--output", required=True, type=user_paths.user_path, metavar="PATH", help="file or folder to write"
    )
    parser.add_argument(
        "--photos", type=user_paths.user_path, metavar="FOLDER", help="photos to compare on as well"
    )
    parser.add_argument("--int8", action="store_true", help="LiteRT in 8 bits, calibrated on --photos")
    parser.add_argument(
        "--any-size", action="store_true", help="LiteRT that resizes a photo itself; else it takes squares"
    )
    options = parser.parse_args(arguments)
    request = options.model, options.format, options.output, options.photos, options.int8, options.any_size
    formats.check_request(*request)
    from flowers_keras.serving import exporting  # Keras takes seconds: a mistake should not wait for it

    check = exporting.export(*request)
    print(f"{options.output}: {options.format}, {exporting.size_of(options.output) / 1e6:.1f} MB; {check}")
    return 0


if __name__ == "__main__":
    commands.run(main)
