"""Step 3: pixels become probabilities."""
