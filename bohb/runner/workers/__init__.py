"""The worker processes of the executors, and how they are started and ended."""
