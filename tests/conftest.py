"""Settings of all tests: property tests draw the same examples every time, and nothing is timed."""

from hypothesis import settings

settings.register_profile("bohb", derandomize=True, deadline=None)
settings.load_profile("bohb")
