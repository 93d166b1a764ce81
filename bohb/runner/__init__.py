"""The runner: one loop that asks, evaluates and tells; where it evaluates is an argument.

The loop is `loop.run`; the reference executor is `SerialExecutor`.
"""

from bohb.runner.loop import cost, run
from bohb.runner.report import Report
from bohb.runner.serial import SerialExecutor

__all__ = ["Report", "SerialExecutor", "cost", "run"]
