"""The child side: one adapter a library, run by the Python of an environment that holds only that library."""
