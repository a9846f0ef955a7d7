"""Which photos each of several processes computes, and in which order.

The last digits of a photo's values can depend on the batch in which it is computed. So shards are whole
batches: the batches are the same however many processes share the work, and wherever it was interrupted.
"""

import itertools
import math

import numpy as np

from flowers_keras import distributed


def take_shard(addresses, batch_size, shard, shards):
    """Positions of the photos that one of several processes computes: consecutive whole batches.

    Args:
      addresses: of the photos; of equal addresses only the first counts.
      batch_size: photos.
      shard: number of the process, from 0.
      shards: how many there are.

    Returns:
      int [photos], positions in `addresses`; each distinct photo is in exactly one shard.

    Example:
      >>> [take_shard(list("abcdae"), 2, shard, 2).tolist() for shard in (0, 1)]
      [[0, 1], [2, 3, 5]]
    """
    different = _first_positions(addresses)
    batches = math.ceil(len(different) / batch_size)
    start, end = (batches * number // shards * batch_size for number in (shard, shard + 1))
    return different[start:end]


def compute_sharded(compute, count, batch_size):
    """Computes something for each photo; each process of the run computes its shard, and all get everything.

    Args:
      compute: called once, with int [photos], the numbers below `count` that this process computes, in order,
        even if there are none; returns an iterable of results in the same order.
      count: photos.
      batch_size: photos.

    Returns:
      A list of the results of all processes, in the order of the photos; the same in each process.

    Example:
      >>> compute_sharded(lambda mine: (int(i) ** 2 for i in mine), 4, 2)
      [0, 1, 4, 9]
    """
    mine = take_shard(np.arange(count), batch_size, *distributed.rank_and_size())
    return list(itertools.chain.from_iterable(distributed.all_gather(list(compute(mine)))))


def whole_batches_first(addresses, missing, batch_size):
    """Orders the missing photos so that batches of which every photo is missing stay together.

    Args:
      addresses: of all photos, in the order in which they would be cut into batches if all were missing.
      missing: positions in `addresses`, in order.
      batch_size: photos.

    Returns:
      A list of the same positions; those of partly missing or shorter batches come last.

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
