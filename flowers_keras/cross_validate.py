"""How good a setting is, on all photos but those of the test: cross-validation on stored features.

  python -m flowers_keras.cross_validate --config=configs/finetune.py --folds=5 --workdir=runs/folds

Each fold trains both phases on the other folds' photos and is scored on its own, plain and mirrored.
The pass of the frozen part over the photos is paid once for all folds and shared with ordinary runs.
`python -m flowers_keras.compare RUN RUN` compares two settings, paired photo by photo.
"""

from flowers_keras import errors, files, flags
from flowers_keras.errors import UserError


def main(arguments=None):
    """Cross-validates what the arguments (or sys.argv) say; returns the exit status."""
    parser = errors.Arguments(
        "python -m flowers_keras.cross_validate", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--workdir", type=files.user_path, help="for its files; runs/NAME-folds by default")
    parser.add_argument("--folds", type=int, default=5, help="how many, 5 by default")
    options, config = flags.parse_arguments(parser, arguments)
    if options.folds < 2:
        raise UserError(f"--folds={options.folds} is not allowed; type a number from 2 on")
    workdir = options.workdir or files.user_path(f"runs/{options.config.stem}-folds")

    from flowers_keras import cross_validation  # seconds of imports that a wrong flag need not wait for

    cross_validation.cross_validate(config, workdir, options.folds)
    return 0


if __name__ == "__main__":
    errors.run_command(main)
