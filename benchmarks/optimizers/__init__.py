"""The optimizers of the suite."""
