"""What the shipped model does on labelled photos: for the recipe, and for any folder of them.

The door: `python -m flowers_keras.evaluate --model=runs/x/model.keras --data=folder:PATH`.
"""

from flowers_keras import errors, files
from flowers_keras.errors import UserError
from flowers_keras.evaluation import labelled_folder


def main(arguments=None):
    """The door: prints the figures, writes them where `--output` says, returns the exit status."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.evaluate",
        description="Measures a trained model on labelled photos, one folder a class.",
    )
    parser.add_argument("--model", required=True, type=files.user_path, help="runs/x/model.keras")
    parser.add_argument("--data", required=True, metavar="folder:PATH", help="folder names are class names")
    parser.add_argument(
        "--output", type=files.user_path, metavar="FILE.json", help="gets all figures in full"
    )
    options = parser.parse_args(arguments)
    record = labelled_folder._beside(options.model, "metrics.json")
    if options.output and options.output.resolve() == record.resolve():
        raise UserError(f"--output={options.output} is the run's own record; choose another name")
    metrics = labelled_folder.evaluate_folder(options.model, options.data)
    if options.output:
        files.write_json(options.output, metrics)
    print(labelled_folder.summary(metrics))
    return 0


if __name__ == "__main__":
    errors.run_command(main)
