"""Settings of all tests: property tests draw the same examples every time, and nothing is timed."""

import os

from hypothesis import settings

# Beside busy processes the threads of the linear algebra wait for each other: small matrices want one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("bohb", derandomize=True, deadline=None)
settings.load_profile("bohb")
