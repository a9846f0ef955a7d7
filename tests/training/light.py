"""`killed` on a light backbone: `python -m tests.training.light [EVENT:N] --config=...`."""

import runpy
import sys

import keras

from tests.conftest import small_inception
from tests.training import killed

if __name__ == "__main__":
    keras.applications.InceptionV3 = small_inception
    if not sys.argv[1].startswith("--"):
        killed.arm(sys.argv.pop(1))
    sys.argv[0] = "train.py"
    runpy.run_path("train.py", run_name="__main__")
