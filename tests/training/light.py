"""A command on a light backbone: `python -m tests.training.light [EVENT:N] [MODULE] --config=...`.

The module is `train` where none is named; for the event see `killed`.
"""

import runpy
import sys

import keras

from tests.conftest import small_inception
from tests.training import killed

if __name__ == "__main__":
    keras.applications.InceptionV3 = small_inception
    module = "train"
    while not sys.argv[1].startswith("--"):
        word = sys.argv.pop(1)
        if ":" in word:
            killed.arm(word)
        else:
            module = word
    sys.argv[0] = f"{module}.py"
    runpy.run_module(module, run_name="__main__")
