"""Step 6: what a person reads."""
