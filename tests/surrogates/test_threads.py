"""The limit on the threads of linear algebra: one inside, and afterwards what it was, whoever else wants in."""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import bohb
from bohb.surrogates.threads import one_blas_thread


def numbers() -> set[int]:
    """The numbers of threads of the loaded BLAS libraries."""
    return {library.get_num_threads() for library in ThreadpoolController().select(user_api="blas").lib_controllers}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    with one_blas_thread("linalg.lapack"):
        pass  # loads the libraries
    before = threadpool_limits(2, user_api="blas")
    yield
    before.restore_original_limits()


def test_inside_there_is_one_thread_and_afterwards_the_number_before() -> None:
    """Also after an exception."""
    with one_blas_thread("linalg.lapack"):
        assert numbers() == {1}
    assert numbers() == {2}
    with pytest.raises(ValueError, match="inside"), one_blas_thread():
        raise ValueError("inside")
    assert numbers() == {2}


def test_each_of_several_threads_has_one_thread_for_as_long_as_it_is_inside() -> None:
    """A limit that another one restored would leave it with other last digits."""
    seen: list[set[int]] = []

    def work() -> None:
        for _ in range(20):
            with one_blas_thread():
                seen.append(numbers())
                time.sleep(0.001)
                seen.append(numbers())

    threads = [threading.Thread(target=work) for _ in range(4)]
    with one_blas_thread():
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{1}] * 160
    assert numbers() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # threads and a fork are what is tested
def test_a_forked_process_does_not_wait_for_a_thread_that_is_not_there() -> None:
    is_inside, may_leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            is_inside.set()
            may_leave.wait(60)

    def enter() -> None:
        with one_blas_thread():
            pass

    thread = threading.Thread(target=stay)
    thread.start()
    assert is_inside.wait(60)
    other = multiprocessing.get_context("fork").Process(target=enter)
    other.start()
    other.join(60)
    may_leave.set()
    thread.join()
    assert other.exitcode == 0


@pytest.mark.parametrize("preset", ["default", "fast", "paper"])
def test_a_search_leaves_the_number_alone(preset: str) -> None:
    """Whatever an ask does, other code gets its threads back."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1, 3], seed=0, preset=preset)
    for _ in range(20):
        trial = optimizer.ask()
        assert numbers() == {2}
        optimizer.tell(trial, trial.config["x"])
