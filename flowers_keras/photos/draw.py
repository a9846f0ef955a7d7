"""Drawn flowers as files, to try the commands on: `python -m flowers_keras.photos.draw --output=drawn`.

One folder per class; the quickstart has seed 0, so that seeds from 1 on give flowers that it never saw.
"""

from flowers_keras import commands, user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import synthetic


def draw(folder, count, seed, image_size):
    """Writes `count` drawn flowers as PNG files, one folder per class.

    Args:
      folder: pathlib.Path, made if absent.
      count, seed: how many, and of which set (see `synthetic.photo_bytes`).
      image_size: side in pixels.

    Raises:
      UserError: the folder cannot be written.
    """
    try:
        for index in range(count):
            place = folder / synthetic.CLASS_NAMES[index % len(synthetic.CLASS_NAMES)]
            place.mkdir(parents=True, exist_ok=True)
            data = synthetic.photo_bytes(index, seed, image_size)
            (place / f"{seed}-{index:05d}.png").write_bytes(data)
    except OSError as error:
        raise UserError(f"--output={folder} cannot be written ({error.strerror}); choose another") from error


def main(arguments=None):
    """Draws the flowers, prints where they are and returns the exit status."""
    parser = commands.ArgumentParser(prog="python -m flowers_keras.photos.draw", description="Draws flowers.")
    parser.add_argument("--output", required=True, type=user_paths.user_path, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="the quickstart's is 0")
    parser.add_argument("--image_size", type=int, default=96, help="pixels")
    options = parser.parse_args(arguments)
    for name, least in (("count", 1), ("seed", 0), ("image_size", 2)):
        if getattr(options, name) < least:
            value = getattr(options, name)
            raise UserError(f"--{name}={value} is not allowed; type a number from {least} on")
    draw(options.output, options.count, options.seed, options.image_size)
    print(f"{options.count} drawn flowers are in {options.output}")
    return 0


if __name__ == "__main__":
    commands.run(main)
