"""Step 1: a file becomes a batch of pixels."""
