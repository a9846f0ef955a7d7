"""Flower photos in, a classifier whose accuracy is real out: a Keras 3 fine-tuning recipe."""

import importlib

__version__ = "0.2.0"


def __getattr__(name):
    if name in ("Classifier", "load_classifier"):  # on first use: Keras takes seconds to import
        return getattr(importlib.import_module("flowers_keras.model.inference"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
