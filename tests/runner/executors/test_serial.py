"""The contract on `SerialExecutor`."""

from bohb.runner import SerialExecutor
from bohb.testing.executors import ExecutorContract


class TestSerialExecutor(ExecutorContract):
    def make(self, workers):
        return SerialExecutor()
