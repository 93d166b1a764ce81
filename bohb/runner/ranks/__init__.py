"""Several ranks that evaluate one trial together: how they connect, vote and report."""
