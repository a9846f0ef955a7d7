"""Runs side by side: a table, a figure, and what differs between their configs.

python -m flowers_keras.compare RUN ... [--output=compare.svg]
"""

from flowers_keras import commands, user_paths
from flowers_keras.errors import UserError
from flowers_keras.report import comparison, comparison_figure


def main(arguments=None):
    """Prints and draws the comparison of the runs that `arguments` (or sys.argv) name."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.compare", allow_abbrev=False, description="Runs side by side."
    )
    parser.add_argument(
        "runs", type=user_paths.user_path, metavar="RUN", nargs="+", help="the folder of a finished run"
    )
    parser.add_argument(
        "--output",
        type=user_paths.output_file,
        default="compare.svg",
        metavar="PATH",
        help="the figure, an SVG file",
    )
    options = parser.parse_args(arguments)
    if options.output.suffix != ".svg":
        raise UserError(f"--output={options.output} is not an SVG file; type --output=compare.svg")
    groups = comparison.group_runs(comparison.read_runs(options.runs))
    print(comparison.describe(groups))
    comparison_figure.draw(groups, options.output)
    print(f"\ndrawn: {options.output}")


if __name__ == "__main__":
    commands.run(main)
