"""The problems of the suite: their names, their families and groups, and how to create one.

Adding one is a class with the members of `problem.Problem`, and a line in `_MAKERS` below.
"""

from benchmarks.problems.registry import FAMILIES, GROUPS, make, names

__all__ = ["FAMILIES", "GROUPS", "make", "names"]
