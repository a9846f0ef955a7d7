"""Errors that the user can fix."""

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A mistake that the user can fix: one line that names the thing and what to type instead.

    Commands print it without a traceback and exit with status 2. Any other exception is a bug of ours and
    keeps its traceback.
    """
