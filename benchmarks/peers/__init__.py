"""The child side: one adapter per library, run in an environment that contains only that library.

Nothing here imports `bohb`. The parent side is `benchmarks.optimizers.peer`.
"""
