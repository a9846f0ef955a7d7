"""Lists and removes stored features.

python -m flowers_keras.stores --list runs/features
python -m flowers_keras.stores --remove KEY runs/features
python -m flowers_keras.stores --older 30 runs/features
"""

from flowers_keras import commands, user_paths
from flowers_keras.errors import UserError

MOST_DAYS = 36_500  # dates before the year 1 cannot be computed


def main(arguments=None):
    """Lists or removes what the arguments (or sys.argv) name; returns the exit status."""
    parser = commands.ArgumentParser(
        prog="python -m flowers_keras.stores",
        allow_abbrev=False,
        description="Lists and removes stored features.",
    )
    parser.add_argument(
        "folder", type=user_paths.user_path, help="the folder of stored features, such as runs/features"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="what each store holds; the default")
    action.add_argument("--remove", action="append", metavar="KEY", help="a store to remove; may be repeated")
    action.add_argument(
        "--older", type=float, metavar="DAYS", help="remove stores that were not used for so many days"
    )
    options = parser.parse_args(arguments)
    if options.older is not None and not 0 <= options.older <= MOST_DAYS:
        raise UserError(
            f"--older={options.older} is not allowed; type a number of days from 0 to {MOST_DAYS}"
        )

    from flowers_keras.training import store_list

    found = store_list.find_stores(options.folder)
    keys = options.remove or []
    if options.older is not None:
        keys = store_list.unused_since(found, options.older)
    if options.remove is None and options.older is None:
        print(*store_list.describe(found), sep="\n")
        return 0
    store_list.remove(options.folder, keys)
    size = sum(each["bytes"] for each in found if each["key"] in keys)
    print(f"removed {len(set(keys))} of {len(found)} stores, {size / 1e6:,.0f} MB")
    return 0


if __name__ == "__main__":
    commands.run(main)
