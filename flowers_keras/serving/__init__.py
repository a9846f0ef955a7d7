"""Step 7: what others run."""
