"""Each photo is in one shard, and in the batch that it would be in if one process computed all."""

import numpy as np
import pytest

from flowers_keras.training import sharding


def batches_of(positions, batch_size):
    return [tuple(positions[i : i + batch_size]) for i in range(0, len(positions), batch_size)]


@pytest.mark.parametrize("count", [0, 1, 7, 16, 61])
@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_shares_are_the_batches_of_one_process_dealt_evenly(count, batch_size):
    random = np.random.default_rng(count)
    addresses = [str(i) for i in range(count)]
    addresses += [str(i) for i in random.permutation(count)[: count // 3]]  # copies of one photo
    alone = sharding.take_shard(addresses, batch_size, 0, 1).tolist()
    assert alone == list(range(count))
    for number in (2, 3, 5, 100):
        dealt = [
            batches_of(sharding.take_shard(addresses, batch_size, i, number).tolist(), batch_size)
            for i in range(number)
        ]
        assert sum(dealt, []) == batches_of(alone, batch_size)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@pytest.mark.parametrize("count", [0, 3, 4, 11, 16])
def test_processes_compute_each_batch_once_and_all_know_what_all_found(count, in_two):
    computed = []

    def compute(mine):
        for batch in batches_of(mine.tolist(), 4):
            computed.append(batch)
            yield batch

    every = batches_of(list(range(count)), 4)
    assert in_two(lambda: sharding.compute_sharded(compute, count, 4)) == [every, every]
    assert sorted(computed) == every


def test_a_pass_that_goes_on_computes_the_batches_that_it_would_have():
    """Whichever batches are stored already, also where a photo was added in front of all."""
    random, addresses = np.random.default_rng(0), [str(i) for i in range(30)]
    every = batches_of(list(range(30)), 4)
    for _ in range(20):
        left = [batch for batch in every if random.random() < 0.5]
        missing = [i for batch in left for i in batch]
        ordered = sharding.whole_batches_first(addresses, missing, 4)
        assert batches_of(ordered, 4) == left
    with_another = ["new", *addresses]  # so that the batches are cut at 4, 8, ...
    ordered = sharding.whole_batches_first(with_another, [0, *range(5, 21)], 4)
    assert ordered == [*range(8, 20), 0, 5, 6, 7, 20]
