"""Settings of all tests: property tests draw the same examples every time, and nothing is timed."""

import os
import signal

from hypothesis import settings

# Beside busy processes the threads of the linear algebra wait for each other: small matrices want one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A program started in the background may inherit an ignored SIGINT, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("bohb", derandomize=True, deadline=None)
settings.load_profile("bohb")
