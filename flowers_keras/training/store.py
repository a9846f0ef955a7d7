"""A store of the trunk's outputs, addressed by photo: FOLDER/VIEW/SEGMENT.

A segment is never changed once it is written. Photos that are added later, and other runs or folds that
need some of the same photos, add segments with what is missing.
"""

import contextlib
import datetime
import math
import pathlib
import time

import ml_dtypes
import numpy as np

from flowers_keras import files, locks
from flowers_keras.training import segments, sharding
from flowers_keras.training.segment_index import ADDRESS, SegmentIndex

SEGMENT = 512  # photos; at most so many are lost when a run is killed

LOCK = ".lock"

MANIFEST = "store.json"

WAIT = 2.0  # seconds between two looks at a store that another run is filling

NEWS = 60.0  # seconds after which a waiting run reports again


class Store:
    """The stored outputs of one trunk on one kind of views.

    Args:
      folder: pathlib.Path.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._indexes = {}  # view -> segment_index.SegmentIndex
        self._known = set()  # (view, segment) that are in `_indexes`

    def rows(self, view, addresses):
        """The Rows of photos that are stored in a view: in any order, repeats allowed."""
        index = self._refresh(view)
        segment, row = index.find(addresses)
        if len(row) and row.min() < 0:
            raise KeyError(addresses[int(row.argmin())])
        return Rows(self.folder / view, index.segments, segment, row)

    def missing(self, view, addresses):
        """Positions in `addresses` of photos that are not stored, each photo once."""
        absent = np.flatnonzero(self._refresh(view).find(addresses)[0] < 0)
        _, first = np.unique(np.array([addresses[i] for i in absent], ADDRESS), return_index=True)
        return absent[np.sort(first)].tolist()

    def fill(self, wanted, compute, batch_size, after_segment=lambda: None, shared=False):
        """Computes what is missing, segment by segment; waits while another run does so.

        Args:
          wanted: view -> addresses.
          compute: (view, positions in its addresses) -> batches of (activation, pooled), NumPy.
          batch_size: of all batches but the last. A segment is a number of whole batches, so that a pass that
            resumes computes the same batches.
          after_segment: called after each segment is on the disk.
          shared: whether other processes may compute other photos at the same time.

        Raises:
          OSError: the folder cannot be written.
        """
        with contextlib.ExitStack() as held:
            if not self._wait(held, wanted, shared):
                return
            size = math.ceil(SEGMENT / batch_size) * batch_size
            for view, addresses in wanted.items():
                left = sharding.whole_batches_first(addresses, self.missing(view, addresses), batch_size)
                batches = iter(compute(view, left)) if left else ()
                for start in range(0, len(left), size):
                    chosen = [addresses[i] for i in left[start : start + size]]
                    segments.write_segment(self.folder / view, chosen, batches)
                    after_segment()

    def verify(self, wanted):
        """Removes the damaged segments of wanted photos and prints their names.

        Args:
          wanted: view -> addresses.
        """
        for view, addresses in wanted.items():
            index = self._refresh(view)
            numbers = np.unique(index.find(addresses)[0])
            for name in sorted(index.segments[number] for number in numbers if number >= 0):
                if not segments.is_whole(self.folder / view / name):
                    self._remove_damaged(view, name)

    def describe(self, contents, source):
        """Writes `store.json`, which tells a person what the store holds.

        Args:
          contents: JSON value, as `features.describe_contents` returns it.
          source: of the photos.
        """
        path, now = self.folder / MANIFEST, datetime.datetime.now(datetime.UTC)
        before = files.read_json(path) if path.exists() else {"made": timestamp(now), "sources": []}
        views = sorted(each.name for each in self.folder.iterdir() if each.is_dir())
        manifest = {
            "sources": sorted({*before["sources"], source}),
            "photos": {view: len(self._refresh(view)) for view in views},
            "bytes": sum(segments.size(self.folder / view / name) for view, name in self._known),
            "made": before["made"],
            "used": timestamp(now),
            "contents": contents,
        }
        files.write_json(path, manifest)

    def _refresh(self, view):
        """The SegmentIndex of a view, with the segments that were written since the last call."""
        index, folder, new = self._indexes.setdefault(view, SegmentIndex()), self.folder / view, {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (view, path.name) in self._known or files.TEMPORARY in path.name:
                continue
            addresses = segments.read_addresses(path)
            if addresses is None:
                self._discard_damaged(view, path.name)
                continue
            self._known.add((view, path.name))
            new[path.name] = addresses
        if new:
            index.add(new)
        return index

    def _remove_damaged(self, view, name):
        self._discard_damaged(view, name)
        self._known.discard((view, name))
        self._indexes[view].remove(name)

    def _discard_damaged(self, view, name):
        print(f"features: {self.folder / view / name} is damaged and is made again")
        files.discard(self.folder / view / name)

    def _wait(self, held, wanted, shared):
        """Takes the lock and returns True; False as soon as nothing is missing."""
        count = sum(len(set(addresses)) for addresses in wanted.values())
        shown, since = None, 0.0
        while True:
            stored = count - sum(len(self.missing(*each)) for each in wanted.items())
            if stored == count:
                return False
            try:
                if held.enter_context(locks.hold(self.folder / LOCK, shared)) and not shared:
                    self._remove_leftovers()
                return True
            except locks.Held:
                if stored != shown or time.monotonic() - since > NEWS:
                    shown, since = stored, time.monotonic()
                    print(
                        f"features: waiting for another run that fills {self.folder}: {stored:,} of the "
                        f"{count:,} views of photos that this run needs are stored"
                    )
                time.sleep(WAIT)

    def tidy(self):
        """Removes what killed processes left, unless another process is at work."""
        with contextlib.suppress(locks.Held), locks.hold(self.folder / LOCK) as locked:
            if locked:
                self._remove_leftovers()

    def _remove_leftovers(self):
        """Removes unfinished segments of killed processes, which would fill the disk."""
        for leftover in self.folder.glob(f"*/*{files.TEMPORARY}*"):
            files.discard(leftover)


class Rows:
    """Some photos of a view, in the order in which they were asked for.

    Args:
      folder: pathlib.Path of the view.
      names: of the segments.
      segment, row: int [count], number of each photo's segment and its row there.
    """

    def __init__(self, folder, names, segment, row):
        self._segment, self._row = segment, row
        self._values = {
            (number, output): segments.Values(folder / names[number], output)
            for number in np.unique(segment)
            for output in segments.OUTPUTS
        }

    def __len__(self):
        return len(self._row)

    def read(self, output, rows):
        """Values of some of the photos.

        Args:
          output: one of `segments.OUTPUTS`.
          rows: int [batch], positions among these photos, at least one.

        Returns:
          [batch, ...]: activations in the dtype in which the trunk computes, bfloat16 or float32; pooled
          features in float32.
        """
        segment, row, values = self._segment[rows], self._row[rows], None
        for number in np.unique(segment):
            chosen = segment == number
            found = self._values[number, output][row[chosen]]
            if values is None:
                values = np.empty((len(row), *found.shape[1:]), found.dtype)
            values[chosen] = found
        return values.view(ml_dtypes.bfloat16) if values.dtype == np.uint16 else values


def timestamp(moment):
    """A date and time with its zone, as text that sorts by time."""
    return moment.isoformat(timespec="seconds")
