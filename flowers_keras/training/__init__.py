"""Step 4: the two phases of training."""
