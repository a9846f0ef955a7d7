"""Measures a trained model on any labelled photos: one folder per class, a list, or a TFDS set.

python -m flowers_keras.evaluate --model=runs/x/model.keras --data=folder:PATH
"""

from flowers_keras import commands, files, user_paths
from flowers_keras.errors import UserError

# What a finished run leaves beside its model, as `training/run_folder.py` lists it.
RECORDS = (
    *("report.html", "README.md", "metrics.json", "labels.json", "predictions.csv", "splits.json"),
    *("history.csv", "config.json", "machine.json"),
)

UNKNOWN = "unknown.json"  # in the folder of its model the report shows it


def main(arguments=None):
    """Prints the metrics, writes them to `--output`, and returns the exit status."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.evaluate",
        description="Measures a trained model on labelled photos: class folders, a list, or a TFDS set.",
    )
    parser.add_model()
    parser.add_argument(
        "--data", required=True, type=labelled_source, metavar="folder:PATH", help="or csv:PATH, tfds:NAME"
    )
    parser.add_argument(
        "--output", type=user_paths.output_file, metavar="FILE.json", help="file for all metrics"
    )
    parser.add_argument(
        "--unknown",
        type=photo_folder,
        metavar="folder:PATH",
        help="photos of other things: how well they are told apart from those of --data (AUROC)",
    )
    options = parser.parse_args(arguments)
    if options.output:
        refuse_record(options.output, options.model)
    from flowers_keras.evaluation import labelled_photos  # Keras takes seconds: mistakes do not wait for it
    from flowers_keras.report import certainty

    metrics = labelled_photos.evaluate_photos(options.model, options.data, options.unknown)
    if options.output:
        files.write_json(options.output, metrics)
    print(labelled_photos.summary(metrics))
    if options.output and options.output.name == UNKNOWN:
        if report := certainty.refresh(options.output.parent):
            print(f"also in {report}")
    return 0


def refuse_record(output, model):
    """Raises a UserError where `output` is a model, a record of its run, or shown in its report."""
    run = output.with_name("model.keras")
    another = run.exists() and not run.samefile(model)
    records = (*RECORDS, *[UNKNOWN] * another)  # that of another model would stand in the report of this one
    if output.resolve() == model.resolve() or (run.exists() and output.name in (run.name, *records)):
        raise UserError(f"--output={output} is a run's own record; choose another name")


def labelled_source(text):
    """`text` again, if it is "folder:PATH", "csv:PATH" or "tfds:NAME" and there; else raises a UserError."""
    kind, _, place = text.partition(":")
    if not place or kind not in ("folder", "csv", "tfds"):
        raise UserError(
            f"--data={text} is not a source of labelled photos; type --data=folder:PATH (one folder per "
            "class), csv:PATH or tfds:NAME"
        )
    if kind == "folder":
        return photo_folder(text, "--data")
    if kind == "csv" and not user_paths.user_path(place).is_file():
        raise UserError(f"--data={text} is not a file; type csv: and the path of your list")
    return text


def photo_folder(text, flag="--unknown"):
    """`text` again, if it is "folder:PATH" and there is such a folder; else raises a UserError."""
    kind, _, path = text.partition(":")
    if kind != "folder" or not path:
        raise UserError(f"{flag}={text} is not a folder of photos; type {flag}=folder:PATH")
    if not user_paths.user_path(path).is_dir():
        raise UserError(f"{flag}={text} is not a folder; type folder: and the path of your photos")
    return text


if __name__ == "__main__":
    commands.run(main)
