"""A run's progress: one live line per stage on a terminal, one line per stage in a log.

What a person must know (photos that are left out, the verdict, errors) is always printed.
"""

import sys

import tqdm.auto  # which draws a bar in a notebook, too

QUIET, NORMAL, VERBOSE = "quiet", "normal", "verbose"

_detail = NORMAL  # of this process; it changes what is printed and nothing else


def set_detail(detail):
    """Sets how much is printed: `QUIET`, `NORMAL` or `VERBOSE`."""
    global _detail
    _detail = detail


def is_verbose():
    """Whether to print every epoch and every segment."""
    return _detail == VERBOSE


def note(text):
    """Prints a line above the live line, unless quiet."""
    if _detail != QUIET:
        tqdm.auto.tqdm.write(text, file=sys.stdout)


def detail(text):
    """Prints a line if verbose."""
    if _detail == VERBOSE:
        note(text)


def bar(total, title, unit=" photos", delay=0, done=0):
    """A live line with the remaining time, a tqdm bar; invisible in a log and when quiet.

    Args:
      total: number of units.
      title: before the bar.
      unit: name of what is counted.
      delay: seconds before it appears, for work that is usually faster.
      done: units that were done before this process.
    """
    return tqdm.auto.tqdm(
        total=total,
        desc=title,
        unit=unit,
        delay=delay,
        initial=done,
        leave=False,
        disable=True if _detail == QUIET else None,
    )


def duration(seconds):
    """A time in words, not more exact than a forecast is.

    Example:
      >>> [duration(each) for each in (3.7, 61, 1000, 9000)]
      ['4 s', '61 s', '17 min', '2.5 h']
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
