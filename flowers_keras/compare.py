"""Runs side by side: a table, a figure, and what differs between their configs.

python -m flowers_keras.compare RUN ... [--output=compare.png]
"""

from flowers_keras import errors, files
from flowers_keras.errors import UserError
from flowers_keras.report import comparison, comparison_figure


def main(arguments=None):
    """Prints and draws the comparison of the runs that `arguments` (or sys.argv) name."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.compare", allow_abbrev=False, description="Runs side by side."
    )
    parser.add_argument(
        "runs", type=files.user_path, metavar="RUN", nargs="+", help="the folder of a finished run"
    )
    parser.add_argument(
        "--output", type=files.user_path, default="compare.png", metavar="PATH", help=".png or .svg"
    )
    options = parser.parse_args(arguments)
    if options.output.suffix not in comparison.FORMATS:
        raise UserError(f"--output={options.output} is neither .png nor .svg; type --output=compare.png")
    runs = [comparison.read_run(folder) for folder in comparison.run_folders(options.runs)]
    groups = comparison.group_runs(runs)
    print(*comparison._lines(comparison.figures_table(groups), right=True), comparison.NOTE, sep="\n")
    if len({run.photos for run in runs}) > 1:
        print("not all were tested on the same photos: small differences mean nothing")
    differences = comparison.differences_table(groups)
    if len(differences) > 1:
        print("", *comparison._lines(differences), sep="\n")
    elif len(runs) > 1:
        print("\nthe configs differ in nothing but the seed")
    comparison_figure.draw(groups, options.output)
    print(f"\ndrawn: {options.output}")


if __name__ == "__main__":
    errors.run_command(main)
