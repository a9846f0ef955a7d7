"""A store: segments whole or absent, each photo once, one process at a time. No network is needed."""

import ast
import concurrent.futures
import errno
import os
import pathlib
import shutil

import ml_dtypes
import numpy as np
import pytest

from flowers_keras import files, locks
from flowers_keras.training import store
from flowers_keras.training.segment_index import SegmentIndex

BATCH = 4


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(store, "SEGMENT", 8)


def values(view, address, dtype=np.float32):
    """(activation [2, 3], pooled [5]) of one photo."""
    number = float(address) + (1000 if view == "mirrored" else 0)
    return np.full((2, 3), number, dtype), np.full(5, -number, np.float32)


class Trunk:
    """Stands for the trunk: computes `values`, and counts what it was asked for."""

    def __init__(self, wanted, dtype=np.float32, dies_after=None):
        self.wanted, self.dtype, self.left, self.asked = wanted, dtype, dies_after, []

    def __call__(self, view, positions):
        for start in range(0, len(positions), BATCH):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = None if self.left is None else self.left - 1
            some = [self.wanted[view][i] for i in positions[start : start + BATCH]]
            self.asked += [(view, address) for address in some]
            yield tuple(
                np.stack(each) for each in zip(*(values(view, a, self.dtype) for a in some), strict=True)
            )


def addresses(count):
    return [str(i) for i in range(count)]


def fill(folder, wanted, **options):
    """(the store, what was computed)."""
    folder.mkdir(exist_ok=True)
    trunk, kept = Trunk(wanted, **options), store.Store(folder)
    kept.verify(wanted)
    kept.fill(wanted, trunk, BATCH)
    return kept, trunk.asked


def stored(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.npy")}


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_rows_are_the_photos_asked_for_across_segments(tmp_path, dtype):
    kept, _ = fill(tmp_path, {"plain": addresses(19)}, dtype=dtype)
    assert len(list((tmp_path / "plain").iterdir())) == 3
    wanted = ["18", "0", "7", "8", "7"]
    rows = kept.rows("plain", wanted)
    for output, place in (("activation", 0), ("pooled", 1)):
        found = rows.read(output, np.array([4, 0, 1, 2, 3]))
        expected = np.stack([values("plain", wanted[i], dtype)[place] for i in (4, 0, 1, 2, 3)])
        assert found.dtype == expected.dtype and np.array_equal(found, expected)
    assert len(rows) == 5


def test_rows_are_read_by_threads_that_parse_nothing(tmp_path, monkeypatch):
    kept, _ = fill(tmp_path, {"plain": addresses(19)})
    rows, parsed, parse = kept.rows("plain", addresses(19)), [], ast.parse
    monkeypatch.setattr(ast, "parse", lambda *args, **options: parsed.append(args) or parse(*args, **options))
    at = np.arange(19)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda output: rows.read(output, at)[:, 0].ravel(), ("activation", "pooled")))
    assert np.array_equal(found[1], -at) and np.array_equal(found[0], np.repeat(at, 3)) and not parsed


def test_each_photo_is_computed_once_and_later_ones_cost_their_own_pass(tmp_path):
    _, asked = fill(tmp_path, {"plain": [*addresses(10), "3", "3"]})
    assert asked == [("plain", each) for each in addresses(10)]
    before = stored(tmp_path)
    _, asked = fill(tmp_path, {"plain": ["11", *addresses(10)], "mirrored": ["2"]})
    assert asked == [("plain", "11"), ("mirrored", "2")]
    assert before == {name: stored(tmp_path)[name] for name in before}
    assert fill(tmp_path, {"plain": ["11", "5"]})[1] == []


@pytest.mark.parametrize("damage", ["flip", "cut", "manifest", "lost"])
def test_a_damaged_segment_is_noticed_and_made_again(tmp_path, damage, capsys):
    fill(tmp_path, {"plain": addresses(19)})
    before = stored(tmp_path)
    path = min(tmp_path.glob("plain/*/activation.npy"))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[-10] ^= 1
        path.write_bytes(data)
    elif damage == "lost":
        path.unlink()
    else:
        (path.parent / "manifest.json").write_text("{")
    _, asked = fill(tmp_path, {"plain": addresses(19)})
    assert capsys.readouterr().out.count(f"{path.parent} is damaged") == 1
    assert 0 < len(asked) <= 8 and stored(tmp_path) == before


def test_checksums_are_compared_once_and_again_where_a_file_is_another(tmp_path, monkeypatch):
    kept, _ = fill(tmp_path / "store", {"plain": addresses(19)})
    read, checksum = [], files.checksum
    monkeypatch.setattr(files, "checksum", lambda path: read.append(path.parent.name) or checksum(path))
    kept.verify({"plain": addresses(19)})
    assert read == []  # verified when they were written
    shutil.copytree(tmp_path / "store", tmp_path / "copy", copy_function=shutil.copyfile)
    for times in (2 * 3, 0):  # files of each segment
        store.Store(tmp_path / "copy").verify({"plain": addresses(19)})
        assert len(read) == times
        read.clear()
    path = min((tmp_path / "copy").glob("plain/*/pooled.npy"))
    os.utime(path)
    store.Store(tmp_path / "copy").verify({"plain": addresses(19)})
    (min((tmp_path / "copy").glob("plain/*")) / "verified.json").write_text("{")
    store.Store(tmp_path / "copy").verify({"plain": addresses(19)})
    assert read == [path.parent.name] * 4 and len(list((tmp_path / "copy").glob("plain/*"))) == 3


def test_a_header_that_is_none_is_found_without_checksums(tmp_path, capsys):
    fill(tmp_path, {"plain": addresses(3)})
    (path,) = tmp_path.glob("plain/*/activation.npy")
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len(fill(tmp_path, {"plain": addresses(3)})[1]) == 3
    assert "is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("batches, left", [(0, 14), (1, 14), (2, 6), (3, 4)])
def test_a_pass_that_is_killed_leaves_whole_segments_and_goes_on_after_them(tmp_path, batches, left):
    wanted = {"plain": addresses(10), "mirrored": addresses(4)}
    fill(tmp_path / "whole", wanted)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "killed", wanted, dies_after=batches)
    (tmp_path / "killed" / "plain").mkdir(exist_ok=True)
    (tmp_path / "killed" / "plain" / f"left{files.TEMPORARY}").mkdir()  # by a kill without clean-up
    _, asked = fill(tmp_path / "killed", wanted)
    assert len(asked) == left
    assert stored(tmp_path / "killed") == stored(tmp_path / "whole")
    assert not list(tmp_path.rglob(f"*{files.TEMPORARY}*"))


def test_processes_that_share_a_pass_do_not_wait_and_leave_what_the_others_write(tmp_path):
    wanted = {"plain": addresses(10)}
    others = tmp_path / "store" / "plain" / f"of-another{files.TEMPORARY}"
    others.mkdir(parents=True)
    kept, trunk = store.Store(tmp_path / "store"), Trunk(wanted)
    with locks.hold(tmp_path / "store" / store.LOCK, shared=True):
        kept.fill(wanted, trunk, BATCH, shared=True)
        kept.tidy()
        assert others.exists() and len(trunk.asked) == 10
    kept.tidy()
    assert not others.exists()


def test_a_run_waits_for_one_that_computes_the_same_and_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    wanted = {"plain": addresses(24)}
    fill(tmp_path / "store", wanted)
    hidden = {path: tmp_path / path.name for path in sorted((tmp_path / "store" / "plain").iterdir())}
    for path, place in hidden.items():
        path.rename(place)

    def another_segment(_):  # the other run is a segment further at each look
        path, place = hidden.popitem()
        place.rename(path)

    monkeypatch.setattr(store.time, "sleep", another_segment)
    with locks.hold(tmp_path / "store" / store.LOCK):
        _, asked = fill(tmp_path / "store", wanted)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[2].split()[0] for line in lines] == ["0", "8", "16"] and asked == []
    assert f"waiting for another run that fills {tmp_path / 'store'}" in lines[0] and "the 24" in lines[0]


def test_a_run_that_waits_repeats_itself_only_now_and_then(tmp_path, monkeypatch, capsys):
    looks = []

    def sleep(_):
        looks.append(1)
        if len(looks) == 100:
            raise KeyboardInterrupt

    monkeypatch.setattr(store.time, "sleep", sleep)
    monkeypatch.setattr(store.time, "monotonic", lambda: store.WAIT * len(looks))
    with locks.hold(tmp_path / store.LOCK), pytest.raises(KeyboardInterrupt):
        fill(tmp_path, {"plain": addresses(3)})
    assert len(capsys.readouterr().out.splitlines()) == 4  # 200 seconds


def test_where_the_file_system_has_no_locks_two_runs_may_write_the_same(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", fail)
    wanted, rename = {"plain": addresses(10)}, pathlib.Path.rename
    fill(tmp_path / "other", wanted)

    def rename_late(path, target):  # the other run was a moment faster
        if not target.exists():
            rename(tmp_path / "other" / "plain" / target.name, target)
        rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", rename_late)
    _, asked = fill(tmp_path / "store", wanted)
    assert len(asked) == 10 and fill(tmp_path / "store", wanted)[1] == []
    assert "on a file system without locks" in capsys.readouterr().out


def test_where_photos_are_is_what_a_dict_would_say():
    random, index, expected = np.random.default_rng(0), SegmentIndex(), {}
    for number in range(30):
        names = [f"{number}", f"{number} b"]
        new = {name: [str(i) for i in random.integers(0, 200, 9).tolist()] for name in names}
        index.add(new)
        for name in names:
            expected |= {address: (name, row) for row, address in enumerate(new[name])}
        if number % 3 == 0:
            index.remove(names[0])
            expected = {address: place for address, place in expected.items() if place[0] != names[0]}
    segments, rows = index.find([str(i) for i in range(220)])
    found = {
        str(i): (index.segments[segment], row)
        for i, (segment, row) in enumerate(zip(segments.tolist(), rows.tolist(), strict=True))
        if row >= 0
    }
    assert found == expected and len(index) == len(expected) > 50
