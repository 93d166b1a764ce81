"""The contract on the pools of the standard library and of loky, and the scripts of the documentation for them."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import pytest

from bohb.testing.executors import ExecutorContract
from tests.runner.engines.examples import run_example

SAID = "6 (0 failed, 0 lost with their worker)"


class TestThreads(ExecutorContract):
    def make(self, workers):
        return ThreadPoolExecutor(workers)


class TestProcessPool(ExecutorContract):
    def make(self, workers):
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


class TestLoky(ExecutorContract):
    pytestmark = pytest.mark.skipif(find_spec("loky") is None, reason="needs loky")

    def make(self, workers):
        from loky import ProcessPoolExecutor as LokyExecutor

        return LokyExecutor(max_workers=workers)


@pytest.mark.slow
def test_the_laptop_script_runs() -> None:
    assert SAID in run_example("laptop")


@pytest.mark.slow
def test_the_loky_script_runs() -> None:
    pytest.importorskip("loky")
    assert SAID in run_example("loky")
