"""Fingerprints are those of their version, and tables of them are as the objects."""

import dataclasses

import numpy as np
import pytest

from flowers_keras.photos import identity
from tests.conftest import textures


def test_the_fingerprints_of_this_version():
    """If this fails, raise `FINGERPRINT_VERSION`: those that are kept are of another kind."""
    assert identity.FINGERPRINT_VERSION == 3
    ramp = np.add.outer(np.arange(40) ** 2 // 9, np.arange(60) * 2)
    shades = (ramp[..., None] * [1, 0.5, 0.25]).astype(np.uint8)
    found = identity.fingerprint(b"file", shades)
    assert (found.phash, found.mirrored, found.size) == ("822dd62dd2ad52ad", "d778837883f807f0", 4)
    assert found.colours.startswith("1109052f180c4d27146b361b27140a4523116332")


def test_a_table_is_the_mapping_of_its_objects():
    prints = {at: identity.fingerprint(b"%d" % at, textures(1, at)[0]) for at in (3, 5, 9)}
    table = identity.FingerprintTable([*prints], identity.pack([*prints.values()]))
    assert dict(table) == prints and list(table) == [3, 5, 9] and 4 not in table and 10 not in table
    assert table == prints and table.records.nbytes == 3 * 104
    assert identity.unpack(table.at([9, 3])[0]) == prints[9]
    digests = identity.Digests(table)
    assert dict(digests) == {at: each.digest for at, each in prints.items()}
    addresses = identity.draw_addresses(digests, 10)
    assert addresses.tolist() == [int(prints[i].digest[:8], 16) if i in prints else 0 for i in range(10)]


@pytest.mark.parametrize("zeros", [0, 1, 30])
def test_digests_that_end_in_zeros_are_kept(zeros):
    one = identity.fingerprint(b"", textures(1)[0])
    one = dataclasses.replace(one, digest="ab" * (32 - zeros) + "00" * zeros)
    assert identity.unpack(identity.pack([one])[0]) == one
