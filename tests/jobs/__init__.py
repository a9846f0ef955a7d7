"""What is done with a config beside training it once: folds, the learning curve, the pass alone."""
