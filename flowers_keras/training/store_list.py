"""The stores in a folder: what they hold, and their removal."""

import datetime
import re

from flowers_keras import files, locks
from flowers_keras.errors import UserError
from flowers_keras.training import store

KEY = re.compile("[0-9a-f]{20}")


def find_stores(folder):
    """Manifests of the stores in `folder`, the longest unused first.

    Returns:
      [{"key", "sources", "photos", "bytes", "made", "used", "contents"}], as `Store.describe` wrote them
      and with the size as it is now; of a store whose pass was never finished, or of an earlier version
      of this program, only "key", "bytes" and "used".

    Raises:
      UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder; type the folder of stored features, such as runs/features"
        )
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and KEY.fullmatch(path.name):
            manifest = path / store.MANIFEST
            used = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
            known = files.read_json(manifest) if manifest.exists() else {"used": store.timestamp(used)}
            size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
            found.append(known | {"key": path.name, "bytes": size})
    return sorted(found, key=lambda each: each["used"])


def unused_since(stores, days):
    """Keys of the stores that no run has used for `days` days."""
    limit = store.timestamp(datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days))
    return [each["key"] for each in stores if each["used"] <= limit]


def remove(folder, keys):
    """Removes stores.

    Raises:
      UserError: a key is not one of a store in `folder`, or a run fills it; nothing is removed then.
    """
    present = {each["key"] for each in find_stores(folder)}
    for key in keys:
        if key not in present:
            raise UserError(f"{folder} holds no store {key}; type one of those that --list shows")
        try:
            with locks.hold(folder / key / store.LOCK):
                pass
        except locks.Held as error:
            raise UserError(f"a run is filling the store {key}; wait for it, or stop it") from error
        except OSError as error:
            raise UserError(
                f"{folder / key} cannot be removed ({error.strerror}); see to its rights"
            ) from error
    for key in keys:
        files.discard(folder / key)


def describe(stores):
    """Lines of a table for a person.

    Example:

    >>> _, line = describe([{"key": "0123", "bytes": 3_000_000, "used": "2026-01-02T03:04:05+00:00"}])
    >>> line.split(maxsplit=4)
    ['0123', '3', '2026-01-02', '-', 'unfinished, or of an earlier version']
    """
    lines = [f"{'key':20} {'MB':>9}  {'last used':10}  {'photos':>6}  of"]
    for each in stores:
        photos, of = "-", "unfinished, or of an earlier version"
        if "contents" in each:
            contents = each["contents"]
            photos = max(each["photos"].values(), default=0)
            policy = contents["augment"]["policy"]
            of = f"{', '.join(each['sources'])}; {len(each['photos'])} views, {contents['image_size']} px, "
            of += f"augment {policy}, {contents['boundary']}, {contents['precision']}, {contents['backend']}"
        lines.append(f"{each['key']:20} {each['bytes'] / 1e6:9,.0f}  {each['used'][:10]}  {photos:>6}  {of}")
    return lines
