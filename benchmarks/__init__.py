"""Benchmarks of `bohb`; they use its public interface only and are run as `python -m benchmarks.NAME`."""
