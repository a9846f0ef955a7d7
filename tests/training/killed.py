"""A process that kills itself with SIGKILL, the N-th time that an event happens in it.

Events: "trunk", "tail", "novelty", "test" and "classifier" (before a batch goes through), "frozen" and
"finetune" (after a step of that phase), "compile" (before a phase), "before NAME" and "after NAME" (the
renaming of a file of the run to its name).
"""

import os
import pathlib
import signal

import keras

from flowers_keras.training import checkpoint, phases


def arm(moment):
    """Wraps what the events are made of, so that the process dies at `moment`, such as "trunk:3"."""
    event, _, count = moment.rpartition(":")
    left = int(count)

    def happen(name):
        nonlocal left
        left -= name == event
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(owner, name, event_of):
        original = getattr(owner, name)

        def wrapped(*arguments, **options):
            happen(event_of(*arguments))
            return original(*arguments, **options)

        setattr(owner, name, wrapped)

    events = {
        "trunk": "trunk",
        "flower_classifier": "classifier",
        "mixed8_to_probabilities": "tail",
        "mixed8_to_pooled": "novelty",
        "photo_to_probabilities_pooled": "test",
    }
    before(keras.Model, "predict_on_batch", lambda model, *_: events[model.name])
    before(checkpoint.Checkpoint, "on_train_batch_end", lambda phase, *_: phase.name)
    before(phases, "compile_network", lambda *_: "compile")
    before(os, "replace", lambda _, path: f"before {pathlib.Path(path).name}")
    replace = os.replace

    def replace_and_tell(temporary, path):
        replace(temporary, path)
        happen(f"after {pathlib.Path(path).name}")

    os.replace = replace_and_tell
