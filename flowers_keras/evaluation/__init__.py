"""Step 5: what the saved file is worth."""
