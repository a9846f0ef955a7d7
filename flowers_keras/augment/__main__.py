"""The contact sheet of all operations: `python -m flowers_keras.augment --output=sheet.png [PHOTO]`."""

from flowers_keras import commands, files, user_paths
from flowers_keras.errors import UserError


def main(arguments=None):
    """Writes the sheet and returns the exit status."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.augment",
        description="Draws what TrivialAugmentWide does to a photo: an operation a row, levels across.",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=user_paths.output_file,
        metavar="SHEET.png",
        help="the picture to write",
    )
    parser.add_argument(
        "photo",
        nargs="?",
        type=user_paths.user_path,
        metavar="PHOTO",
        help="a photo; without it, a drawn flower",
    )
    options = parser.parse_args(arguments)
    if options.output.suffix.lower() != ".png":
        raise UserError(f"--output={options.output} is not a PNG; let its name end in .png")

    from flowers_keras.augment import contact_sheet  # TensorFlow: a wrong flag should not wait

    sheet = contact_sheet.draw_sheet(contact_sheet.read_subject(options.photo))
    with files.whole_file(options.output) as temporary:
        sheet.save(temporary, "PNG")
    print(f"wrote {options.output}, {sheet.width}x{sheet.height} pixels")
    return 0


if __name__ == "__main__":
    commands.run(main)
