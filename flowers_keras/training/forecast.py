"""Forecasts how long the rest of a run will take, from the speed of the trunk.

The costs are rough: processors gain different amounts by bfloat16, which the evaluation does not use.
For the current stage the time left is measured, not forecast.
"""

import time

from flowers_keras.model import novelty

SHIFT_PASSES = 19  # of a photo: as it is, and in 18 changed conditions

# Seconds of a stage per example, relative to the trunk's per photo. Measured on 2 cores of an Intel Xeon
# with AMX and of an AMD EPYC without (2026-11-26); where they differ, between the two.
COST = {"frozen": 0.06, "finetune": 0.45, "calibrate": 0.8, "evaluate": 5, "shift": 1.5}


class Pace:
    """Measures the time per photo, without the first batch, which waits for compilation."""

    def __init__(self):
        self._began, self._count = None, 0

    def add(self, count):
        """Counts the photos of a batch that is done."""
        if self._began is None:
            self._began = time.monotonic()
        else:
            self._count += count

    def seconds_a_photo(self):
        """Seconds per photo; None before the second batch."""
        return (time.monotonic() - self._began) / self._count if self._count else None


def forecast(config, counts, seconds_a_photo):
    """Seconds that each stage after the features will take.

    Args:
      config: the run's config.
      counts: part -> number of photos.
      seconds_a_photo: of the trunk.

    Returns:
      Stage -> seconds.

    Example:
      >>> from flowers_keras.config import default_config
      >>> found = forecast(default_config(), {"train": 1000, "validation": 100, "test": 100}, 0.02)
      >>> {stage: round(seconds) for stage, seconds in found.items()}
      {'frozen': 14, 'finetune': 108, 'calibrate': 10, 'evaluate': 20, 'shift': 34}
    """
    examples = {
        "frozen": config.frozen.epochs * counts["train"],
        "finetune": config.finetune.epochs * counts["train"],
        "calibrate": counts["validation"] + min(counts["train"], novelty.LARGEST["train"]),
        "evaluate": counts["test"] * (2 if config.evaluation.tta else 1),
        "shift": min(counts["test"], config.evaluation.shift_photos) * SHIFT_PASSES,
    }
    return {stage: COST[stage] * count * seconds_a_photo for stage, count in examples.items()}
