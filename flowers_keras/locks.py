"""One process at a time, or those that share, by a lock that the system frees when its holder dies."""

import contextlib
import errno
import os
import pathlib

try:
    import fcntl
except ImportError:  # Windows; this branch is not covered by the tests
    fcntl = None
    import msvcrt

# What a file system without locks answers: some network and overlay file systems.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


class Held(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(path, shared=False):
    """Holds the lock file `path` during the block; where the file system has no locks, says so.

    The file is removed while it is locked by this process alone, and who locks a file that has lost its
    name starts again: two processes never hold the same lock, unless both share it. Those leave the file.

    Args:
      path: of the lock file.
      shared: whether others may hold it as well that share it (not on Windows).

    Yields:
      Whether there is a lock.

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
