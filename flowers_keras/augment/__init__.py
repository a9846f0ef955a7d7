"""Step 2: TrivialAugmentWide, for any Keras or `tf.data` pipeline."""

import importlib

_PUBLIC = ("TrivialAugmentWide", "apply_operation", "trivial_augment_wide")


def __getattr__(name):
    if name in _PUBLIC:  # on first use: TensorFlow takes seconds to import
        return getattr(importlib.import_module("flowers_keras.augment.trivial_augment"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
