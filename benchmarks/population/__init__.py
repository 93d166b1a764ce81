"""Population-based training against Ray's, and against the best fixed configuration; see `__main__.py`."""
