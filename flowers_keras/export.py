"""The door to other programs: a file for serving, checked against the model before it is announced.

  python -m flowers_keras.export --model=runs/x/model.keras --format=onnx --output=flowers.onnx

Every file takes photos of any size and resizes them as training did.
"""

from flowers_keras import errors, files
from flowers_keras.serving import exporting, formats


def main(arguments=None):
    """The door: exports, says how the file compares with the model, returns the exit status."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.export",
        description="Writes a trained model for other programs and checks it in their runtime.",
    )
    parser.add_argument("--model", required=True, type=files.user_path, help="runs/x/model.keras")
    parser.add_argument("--format", required=True, choices=formats.FORMATS)
    parser.add_argument(
        "--output", required=True, type=files.user_path, metavar="PATH", help="gets the export"
    )
    parser.add_argument("--photos", type=files.user_path, metavar="FOLDER", help="compare on these as well")
    parser.add_argument("--int8", action="store_true", help="LiteRT in 8 bits, calibrated on --photos")
    options = parser.parse_args(arguments)
    check = exporting.export(options.model, options.format, options.output, options.photos, options.int8)
    print(f"{options.output}: {options.format}, {exporting.size_of(options.output) / 1e6:.1f} MB; {check}")
    return 0


if __name__ == "__main__":
    errors.run_command(main)
