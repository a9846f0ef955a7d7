"""Exclusive and shared lock files, which the system releases when their holder dies."""

import contextlib
import errno
import os
import pathlib

try:
    import fcntl
except ImportError:  # Windows; this branch is not covered by the tests
    fcntl = None
    import msvcrt

# The errors of a file system without locks, as some network and overlay file systems are.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


class Held(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(path, shared=False):
    """Holds the lock file `path` during the block; prints a note if the file system has no locks.

    An exclusive lock's file is removed while the lock is held, and a process that locks a removed file tries
    again: two processes never hold the same lock, unless both share it. Shared locks leave the file.

    Args:
      path: of the lock file.
      shared: whether other processes that share it may hold it as well (not on Windows).

    Yields:
      Whether the file system has locks.

    Raises:
      Held: another process holds it.
      OSError: the file cannot be written.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, hold(f"{folder}/.lock"):
    ...     pathlib.Path(folder, ".lock").exists()
    True
    """
    descriptor, locked = _acquire(path, shared)
    try:
        yield locked
    finally:
        if fcntl is None:  # an open file cannot be removed there
            os.close(descriptor)
        if not shared:
            with contextlib.suppress(OSError):
                os.unlink(path)
        if fcntl is not None:
            os.close(descriptor)


def _acquire(path, shared):
    """(descriptor of the locked file, whether it is locked); closing it frees the lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, shared)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor, True
        except FileNotFoundError:
            pass  # its holder removed it between our opening and our locking it
        except OSError as error:
            if error.errno in NO_LOCKS:
                folder = pathlib.Path(path).parent
                print(f"note: {folder} is on a file system without locks; run one process at a time in it")
                return descriptor, False
            os.close(descriptor)
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK):
                raise Held(str(path)) from error
            raise
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor, shared=False):
    if fcntl is None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
