"""The problems of the suite."""
