"""Which photos a process takes of work that several share, and in which order.

A photo's values can depend, in their last digits, on the batch that it is computed in. So whole batches
are dealt: they are the same however many processes share the pass, and wherever it was cut off.
"""

import itertools
import math

import numpy as np

from flowers_keras import distributed


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


def compute_together(compute, count, batch_size):
    """What is computed of photos, of which each process of a run takes whole batches.

    Args:
      compute: called once, with int [photos], those of 0 to `count` - 1 that this process takes, in order
        and also where there are none; gives an iterable of what it finds, in their order.
      count: photos.
      batch_size: photos.

    Returns:
      A list of what all processes found, in the order of the photos; the same in each process.

    Example:
      >>> compute_together(lambda mine: (int(i) ** 2 for i in mine), 4, 2)
      [0, 1, 4, 9]
    """
    mine = deal(np.arange(count), batch_size, *distributed.rank_and_size())
    return list(itertools.chain.from_iterable(distributed.all_gather(list(compute(mine)))))


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
