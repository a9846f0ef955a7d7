"""Jobs around the recipe: several processes, cross-validation, the learning curve, the features alone."""
