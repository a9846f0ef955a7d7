"""How fast each part is: `python -m flowers_keras.benchmark`."""
