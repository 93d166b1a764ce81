"""Compares searches on real trainings that take a second each, wall time included: `python -m benchmarks.trainings`."""
