"""What the runner reads from an executor beside `submit`."""

from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from bohb.runner import ProcessExecutor, SerialExecutor
from bohb.runner.executors.protocol import Features, features


def test_a_bare_executor_has_the_defaults() -> None:
    assert features(Executor()) == Features(workers=1, output=None, in_process=False, is_blocking=False, end=None)


def test_every_optional_name_is_read() -> None:
    class Full(Executor):
        workers = 3
        output = Path("here")
        in_process = True
        is_blocking = True

        def end(self, future):
            """End nothing."""

        def go_on(self, future, fn, /, *args, seconds=None):
            """Go on with nothing."""

    full = Full()
    assert features(full) == Features(
        3, Path("here"), in_process=True, is_blocking=True, end=full.end, go_on=full.go_on
    )


@pytest.mark.parametrize("workers", [None, "many", 2.5])
def test_a_number_of_workers_that_is_not_an_integer_counts_as_one(workers: object) -> None:
    class Odd(Executor):
        pass

    executor = Odd()
    executor.workers = workers
    assert features(executor).workers == 1


def test_our_executors_and_the_standard_pools_are_read() -> None:
    serial = features(SerialExecutor())
    assert (serial.workers, serial.in_process, serial.is_blocking, serial.end) == (1, True, True, None)
    with ThreadPoolExecutor(3) as threads:
        assert (features(threads).workers, features(threads).in_process) == (3, True)
    with ProcessExecutor(2) as processes:
        offered = features(processes)
        assert (offered.workers, offered.output, offered.in_process) == (2, processes.output, False)
        assert offered.end == processes.end
