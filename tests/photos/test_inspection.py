"""Photos are read once, and decoded once in all runs; fingerprints that are kept are those of the bytes."""

import dataclasses
import os
import threading
import time

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.photos import fingerprint_cache, identity, inspection, split_file, splits
from tests.conftest import encode, photos_of, textures


@pytest.fixture
def decoded(monkeypatch):
    """The encoded photos that were decoded."""
    seen, original = [], inspection.reader.read_photo
    monkeypatch.setattr(inspection.reader, "read_photo", lambda data: seen.append(data) or original(data))
    return seen


def kept_files(folder):
    return sorted(folder.glob("fingerprints/*/*.npy"))


def test_a_second_run_decodes_nothing_and_an_added_photo_alone(tmp_path, decoded, monkeypatch):
    monkeypatch.setattr(fingerprint_cache, "PIECE", 4)
    datas = [encode(each) for each in textures(12)]
    datas[5] = b"broken"
    photos = photos_of(datas[:11], [0] * 11)
    expected, left_out = inspection.fingerprint_photos(photos)
    assert len(decoded) == 11 and [name for name, _ in left_out] == ["005"]
    inspection.fingerprint_photos(photos, tmp_path)
    assert len(kept_files(tmp_path)) == 3
    decoded.clear()
    found, again = inspection.fingerprint_photos(photos, tmp_path)
    assert dict(found) == dict(expected) and again == left_out and decoded == [b"broken"]
    moved = photos_of([*reversed(datas)], [0] * 12)  # other names and places: the content counts
    decoded.clear()
    found, _ = inspection.fingerprint_photos(moved, tmp_path)
    assert sorted(decoded) == sorted([datas[11], b"broken"])
    assert [found[11 - i] for i in expected] == list(expected.values())


def test_two_processes_decode_each_photo_once_and_find_the_same(tmp_path, decoded, in_two):
    datas = [encode(each) for each in textures(11)]
    datas[5] = b"broken"
    photos = photos_of(datas, [0] * 11)
    expected, left_out = inspection.fingerprint_photos(photos)
    decoded.clear()
    for found, without in in_two(lambda: inspection.fingerprint_photos(photos, tmp_path)):
        assert dict(found) == dict(expected) and without == left_out
    assert sorted(decoded) == sorted([*datas, b"broken", b"broken"])  # of which nothing is kept


def test_another_version_of_what_reads_photos_has_fingerprints_of_its_own(tmp_path, decoded, monkeypatch):
    photos = photos_of([encode(textures(1)[0])], [0])
    inspection.fingerprint_photos(photos, tmp_path)
    monkeypatch.setattr(identity, "FINGERPRINT_VERSION", identity.FINGERPRINT_VERSION + 1)
    inspection.fingerprint_photos(photos, tmp_path)
    assert len(decoded) == 2


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:-1] + b"x", lambda data: b""])
def test_a_damaged_file_of_fingerprints_is_made_again(tmp_path, decoded, damage):
    photos = photos_of([encode(each) for each in textures(3)], [0] * 3)
    expected, _ = inspection.fingerprint_photos(photos, tmp_path)
    (path,) = kept_files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    for count in (6, 6):
        found, _ = inspection.fingerprint_photos(photos, tmp_path)
        assert dict(found) == dict(expected) and len(decoded) == count


def test_a_folder_that_cannot_be_written_costs_the_fingerprints_and_not_the_run(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    photos = photos_of([encode(textures(1)[0])], [0])
    found, _ = inspection.fingerprint_photos(photos, tmp_path / "file")
    assert len(found) == 1 and "note: fingerprints are not kept: cannot write" in capsys.readouterr().out


def test_a_photo_that_changed_since_the_split_is_found_for_all_that_is_kept(tmp_path, config):
    datas = [encode(each) for each in textures(60)]
    photos = photos_of(datas, np.repeat([0, 1, 2], 20))
    split_file.save(splits.split_photos(photos, config.data, tmp_path), photos, tmp_path / "splits.json")
    split_file.load(photos, tmp_path / "splits.json")
    datas[4] = encode(textures(61)[60])
    with pytest.raises(UserError, match="004 of .* was changed"):
        split_file.load(photos, tmp_path / "splits.json")


def test_photos_wait_in_a_window_and_come_in_order(monkeypatch):
    monkeypatch.setattr(inspection, "WINDOW", 2)
    begun, first = [], threading.Event()

    def read(position):
        begun.append(position)
        if position == 0:
            first.wait(60)
        return b"%d" % position

    photos = dataclasses.replace(photos_of([b""] * 500, [0] * 500), read=read)
    threading.Timer(0.2, first.set).start()
    digests = inspection.digest_photos(photos, range(500))
    next(digests)
    assert max(begun) < 1 + 3 * (os.cpu_count() or 1)  # not all of them: each would take memory
    assert len([*digests]) == 499 and sorted(begun) == list(range(500))


def test_a_fingerprint_among_many_is_found_without_a_pass_over_all(tmp_path):
    """A search that is linear in the photos makes the split quadratic."""
    records = np.zeros(200_000, identity.RECORD)
    records["digest"] = [i.to_bytes(32, "big") for i in range(1, len(records) + 1)]  # some end in zeros
    (tmp_path / "fingerprints" / fingerprint_cache.cache_key()).mkdir(parents=True)
    path = tmp_path / "fingerprints" / fingerprint_cache.cache_key() / "made.npy"
    np.save(path, records)
    path.rename(path.with_name(f"{fingerprint_cache._name(records)}.npy"))
    kept = fingerprint_cache.FingerprintCache(tmp_path)
    assert kept.find((256).to_bytes(32, "big"))["digest"] == (256).to_bytes(32, "big").rstrip(b"\0")
    assert kept.find(bytes(32)) is None and kept.find(b"\xff" * 32) is None
    start = time.process_time()
    for i in range(1, 300):
        assert kept.find(i.to_bytes(32, "big")) is not None
    assert time.process_time() - start < 0.3  # a copy of all digests for each would take a second
