"""The recipe in several processes, and parts of it: on folds, on growing shares, the pass alone."""
