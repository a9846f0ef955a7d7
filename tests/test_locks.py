"""A lock has one holder, also in the moment of its release, and is no obstacle where there are none."""

import errno
import multiprocessing
import os

import pytest

from flowers_keras import locks


def test_a_lock_has_one_holder_and_leaves_no_file(tmp_path):
    with locks.hold(tmp_path / ".lock"):
        with pytest.raises(locks.Held), locks.hold(tmp_path / ".lock"):
            pass
    assert not list(tmp_path.iterdir())
    (tmp_path / ".lock").touch()  # what a killed process leaves
    with locks.hold(tmp_path / ".lock"):
        pass


def test_those_that_share_a_lock_keep_all_others_out(tmp_path):
    path = tmp_path / ".lock"
    with locks.hold(path, shared=True):
        with locks.hold(path, shared=True):
            pass
        # The one that has left did not take the file away from the other.
        with pytest.raises(locks.Held), locks.hold(path):
            pass
    with locks.hold(path), pytest.raises(locks.Held), locks.hold(path, shared=True):
        pass


def test_a_lock_on_a_file_that_lost_its_name_does_not_count(tmp_path, monkeypatch):
    """Between our opening and our locking, the holder removes the file and another makes a new one."""
    path, original, seen = tmp_path / ".lock", locks._lock, []

    def lock_late(descriptor, shared):
        if not seen:
            os.unlink(path)
            path.touch()
        original(descriptor, shared)
        seen.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(locks, "_lock", lock_late)
    with locks.hold(path):
        assert len(seen) == 2 and os.stat(path).st_ino == seen[1] != seen[0]


def _count_up(folder, times):
    for _ in range(times):
        while True:
            try:
                with locks.hold(folder / ".lock"):
                    count = int((folder / "count").read_text())
                    (folder / "count").write_text(str(count + 1))
                break
            except locks.Held:
                pass


def test_processes_that_take_turns_lose_no_count(tmp_path):
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count_up, args=(tmp_path, 200)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "count").read_text() == "600"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_the_work_goes_on_and_says_so(tmp_path, monkeypatch, capsys, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", fail)
    with locks.hold(tmp_path / ".lock"):
        out = capsys.readouterr().out
    assert out.count("\n") == 1 and f"{tmp_path} is on a file system without locks" in out


def test_another_error_of_a_lock_is_not_passed_over(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(locks.fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"), locks.hold(tmp_path / ".lock"):
        pass
