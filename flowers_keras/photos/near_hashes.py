"""Finds pairs of 64-bit hashes that differ in few bits, without comparing all pairs.

Multi-index hashing after Manku, Jain and Das Sarma (WWW 2007): the bits are divided into d + k blocks.
Two hashes at distance d or less differ in at most d blocks, so that at least k blocks are equal: for
each choice of k blocks, those that are equal in them are found by sorting, and only they are compared.
For d = 8 and k = 3 that is 165 sorts and, of random hashes, a pair in 800 to compare; 4 blocks of 16
bits of which one differs in 2 bits at most would be 548 look-ups a hash, and the same number of pairs.
"""

import concurrent.futures
import itertools
import math
import os

import numpy as np

BITS = 64
CHUNK = 1 << 20  # pairs compared at a time

# Nanoseconds, measured: to sort a hash into a table, to compare a pair that a table holds, and one of all.
SORT, COMPARE, COMPARE_ALL = 75.0, 12.0, 4.0


def near_hashes(left, right, distance):
    """All pairs of hashes at a Hamming distance of `distance` or less, exactly.

    Args:
      left, right: uint64 arrays of distinct hashes; the same array object twice gives each pair once,
        and no hash with itself.
      distance: in bits.

    Returns:
      (positions in left, positions in right, distances): int64, int64 and uint8 [pairs], in no order.

    Example:
      >>> near_hashes(np.array([0, 255], np.uint64), np.array([7, 254], np.uint64), 3)[2].tolist()
      [3, 1]
    """
    if not len(left) or not len(right):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    equal = choose_blocks(len(left), len(right), distance)
    if equal:
        blocks = [block_mask(i, distance + equal) for i in range(distance + equal)]
        tables = list(itertools.combinations(range(len(blocks)), equal))

        def search(table):
            return _merge(list(_search_table(left, right, distance, blocks, table)))

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return _merge(list(pool.map(search, tables)))
    return _merge(list(_compare_all(left, right, distance)))


def choose_blocks(left, right, distance):
    """How many blocks of bits must be equal, where that is fastest; 0 compares all pairs.

    Example:
      >>> [choose_blocks(count, count, 8) for count in (100, 100_000, 1_000_000)]
      [0, 2, 3]
    """

    def cost(equal):
        if not equal:
            return left * right * COMPARE_ALL
        tables = math.comb(distance + equal, equal)
        held = left * right / 2 ** (BITS * equal / (distance + equal))
        return tables * ((left + right) * SORT + held * COMPARE)

    return min(range(5), key=cost)


def block_mask(number, count):
    """The bits of one of `count` blocks: every `count`-th, as neighbours of a perceptual hash go together.

    Example:
      >>> hex(block_mask(0, 16)), hex(block_mask(1, 16))
      ('0x1000100010001', '0x2000200020002')
    """
    return np.uint64(sum(1 << bit for bit in range(number, BITS, count)))


def _search_table(left, right, distance, blocks, table):
    """Yields the pairs that are equal in the blocks of `table` and in no earlier choice of blocks."""
    mask = np.bitwise_or.reduce([blocks[i] for i in table])
    order = np.argsort(left & mask)
    values = left[order]
    if right is left:
        others, other_order = values, order
        starts = np.arange(1, len(left) + 1)  # each with those behind it
    else:
        other_order = np.argsort(right & mask)
        others = right[other_order]
        starts = np.searchsorted(others & mask, values & mask)
    counts = np.searchsorted(others & mask, values & mask, "right") - starts
    rows = np.flatnonzero(counts)
    for some in _chunks(rows, counts[rows]):
        within, ends = counts[some], np.cumsum(counts[some])
        at = np.arange(ends[-1]) + np.repeat(starts[some] - (ends - within), within)
        differing = np.repeat(values[some], within) ^ others[at]
        found = np.flatnonzero(np.bitwise_count(differing) <= distance)
        differing = differing[found]
        for i in set(range(table[-1])) - set(table):  # equal there as well: found by an earlier choice
            again = differing & blocks[i] == 0
            found, differing = found[~again], differing[~again]
        row = some[np.searchsorted(ends, found, "right")]
        yield order[row], other_order[at[found]], np.bitwise_count(differing)


def _chunks(rows, counts):
    """Pieces of `rows` with about `CHUNK` pairs each."""
    if len(rows):
        ends = np.cumsum(counts)
        pieces = np.split(rows, np.unique(np.searchsorted(ends, np.arange(CHUNK, ends[-1], CHUNK))))
        yield from filter(len, pieces)


def _compare_all(left, right, distance):
    for start in range(0, len(left), step := max(1, CHUNK // len(right))):
        first = start + 1 if right is left else 0
        bits = np.bitwise_count(left[start : start + step, None] ^ right[first:])
        row, column = np.nonzero(bits <= distance)
        if right is left:
            row, column = (each[row <= column] for each in (row, column))
        yield row + start, column + first, bits[row, column]


def _merge(found):
    """One triple of arrays of many."""
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    return tuple(map(np.concatenate, zip(*found, strict=True)))
