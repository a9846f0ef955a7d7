"""Where the photos of a view are stored, in 72 bytes a photo; in a dict they would take 300."""

import numpy as np

ADDRESS = "S64"  # a SHA-256, hexadecimal


class Places:
    """Address -> segment and row.

    Attributes:
      segments: names of the segments, by number.

    Example:
      >>> places = Places()
      >>> places.add({"one": ["b", "a"], "two": ["c"]})
      >>> [found.tolist() for found in places.find(["a", "c", "d"])]
      [[0, 1, -1], [1, 0, -1]]
    """

    def __init__(self):
        self.segments = []
        self._addresses = np.zeros(0, ADDRESS)  # ascending
        self._places = np.zeros((0, 2), np.int32)

    def __len__(self):
        return len(self._addresses)

    def add(self, segments):
        """Adds segments, name -> addresses in the order of their rows; the last that holds a photo counts."""
        addresses, places = [self._addresses], [self._places]
        for name, each in segments.items():
            addresses.append(np.array(each, ADDRESS))
            number = np.full(len(each), len(self.segments))
            places.append(np.stack([number, np.arange(len(each))], 1).astype(np.int32))
            self.segments.append(name)
        # The first of equal ones is kept, and the last is wanted.
        self._addresses, first = np.unique(np.concatenate(addresses)[::-1], return_index=True)
        self._places = np.concatenate(places)[::-1][first]

    def remove(self, name):
        """Forgets the photos of a segment."""
        numbers = [number for number, each in enumerate(self.segments) if each == name]
        left = ~np.isin(self._places[:, 0], numbers)
        self._addresses, self._places = self._addresses[left], self._places[left]

    def find(self, addresses):
        """(numbers of segments, rows), int32 [count] each; -1 where a photo is in none."""
        addresses = np.array(addresses, ADDRESS)
        found = np.full((len(addresses), 2), -1, np.int32)
        if len(self):
            at = np.minimum(np.searchsorted(self._addresses, addresses), len(self) - 1)
            there = self._addresses[at] == addresses
            found[there] = self._places[at[there]]
        return found[:, 0], found[:, 1]
