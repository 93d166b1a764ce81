"""Settings of all tests: property tests draw the same examples every time, and nothing is timed."""

import contextlib
import os
import signal

from hypothesis import settings

# Beside busy processes the threads of the linear algebra wait for each other: small matrices want one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A program started in the background or under nohup may inherit ignored signals, and so would all that tests start and
# end by them.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Hypothesis also draws constants from the modules of the project that happen to be loaded, so other tests would decide
# what is drawn. It has no setting for that; `test_examples.py` notices when this is not enough any more.
with contextlib.suppress(ImportError, AttributeError):  # versions before 6.131 draw none
    from hypothesis.internal.conjecture import providers

    NO_CONSTANTS = providers.Constants()
    providers._get_local_constants = lambda: NO_CONSTANTS

settings.register_profile("bohb", derandomize=True, deadline=None)
settings.load_profile("bohb")
