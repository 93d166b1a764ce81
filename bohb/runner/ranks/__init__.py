"""Several ranks that evaluate one trial together: how they find each other, vote and report."""
