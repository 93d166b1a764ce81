"""A call with a time limit in a process of its own."""

import os
import time

import pytest

import bohb
from bohb.runner.workers.timeout import call
from bohb.testing.executor_runs import HOUR


def test_results_and_exceptions_pass() -> None:
    assert call(pow, 2, 5, seconds=HOUR) == 32
    with pytest.raises(ZeroDivisionError):
        call(divmod, 1, 0, seconds=HOUR)


def test_the_call_has_another_process() -> None:
    assert call(os.getpid, seconds=HOUR) != os.getpid()


def test_a_call_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match=r"longer than 0\.1 s"):
        call(time.sleep, HOUR, seconds=0.1)


def test_a_process_that_exits_is_a_lost_worker() -> None:
    with pytest.raises(bohb.WorkerLost, match="exited with status 3"):
        call(os._exit, 3, seconds=HOUR)
