"""Which photos a process takes of a pass that several share, and in which order.

A photo's values can depend, in their last digits, on the batch that it is computed in. So whole batches
are dealt: they are the same however many processes share the pass, and wherever it was cut off.
"""

import math

import numpy as np


def deal(addresses, batch_size, shard, shards):
    """Positions of the photos that one of several processes takes: a run of whole batches.

    Args:
      addresses: of the photos; of equal ones the first counts.
      batch_size: photos.
      shard: number of the process, from 0 on.
      shards: how many there are.

    Returns:
      int [photos], positions in `addresses`; over all shards each different photo is in one of them.

    Example:
      >>> [deal(list("abcdae"), 2, shard, 2).tolist() for shard in (0, 1)]
      [[0, 1], [2, 3, 5]]
    """
    different = _first_positions(addresses)
    batches = math.ceil(len(different) / batch_size)
    start, end = (batches * number // shards * batch_size for number in (shard, shard + 1))
    return different[start:end]


def whole_batches_first(addresses, missing, batch_size):
    """The missing photos in an order in which batches that lack all their photos stay together.

    Args:
      addresses: of all photos, as they would be cut into batches if none was there.
      missing: positions in `addresses`, in order.
      batch_size: photos.

    Returns:
      A list of the same positions; the last ones are of batches that lack some photos, or of a shorter one.

    Example:
      >>> whole_batches_first(list("abcdef"), [1, 2, 3, 5], 2)
      [2, 3, 1, 5]
    """
    missing = np.asarray(missing, np.int64)
    batch = np.searchsorted(_first_positions(addresses), missing) // batch_size
    whole = np.bincount(batch)[batch] == batch_size
    return np.concatenate([missing[whole], missing[~whole]]).tolist()


def _first_positions(addresses):
    """int [different addresses], ascending."""
    return np.sort(np.unique(np.asarray(addresses), return_index=True)[1])
