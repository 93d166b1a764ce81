"""The contract of an executor finds executors that break it."""

from concurrent.futures import Executor, Future

import pytest

from bohb.runner import SerialExecutor
from bohb.runner.evaluation import Outcome
from bohb.testing.executors import ExecutorContract


class SwapsLosses(SerialExecutor):
    """Returns another outcome than the objective's."""

    def submit(self, fn, /, *args, **kwargs):
        future = super().submit(fn, *args, **kwargs)
        other: Future[object] = Future()
        other.set_result(Outcome(loss=0.125) if isinstance(future.result(), Outcome) else future.result())
        return other


class LosesAll(SerialExecutor):
    """Loses every worker."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future[object] = Future()
        future.set_exception(OSError("lost"))
        return future


class HidesExceptions(SerialExecutor):
    """Returns None where a call raised."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception:
            future.set_result(None)
        return future


def contract(executor: type[Executor]) -> ExecutorContract:
    class Contract(ExecutorContract):
        def make(self, workers):
            return executor()

    return Contract()


@pytest.mark.parametrize(
    ("executor", "test"),
    [
        (SwapsLosses, "test_outcomes_are_told_as_returned"),
        (SwapsLosses, "test_one_worker_equals_a_plain_loop"),
        (SwapsLosses, "test_exit_is_a_failure"),
        (LosesAll, "test_outcomes_are_told_as_returned"),
        (LosesAll, "test_an_exception_is_a_failure_with_its_traceback"),
        (HidesExceptions, "test_submit_returns_the_future_of_the_call"),
    ],
)
def test_a_broken_executor_is_found(executor: type[Executor], test: str) -> None:
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        getattr(contract(executor), test)()
    getattr(contract(SerialExecutor), test)()  # the control


def test_the_contract_asks_for_an_executor() -> None:
    with pytest.raises(NotImplementedError, match="makes its executor"):
        ExecutorContract().make(1)
