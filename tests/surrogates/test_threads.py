"""The limit on the threads of linear algebra: one inside, and afterwards what it was, whoever else was inside."""

import threading
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


def test_two_threads_inside_leave_the_number_as_it_was() -> None:
    """The first one in leaves first: a limit that each restored by itself would stay at one."""
    is_inside, may_leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            is_inside.set()
            may_leave.wait(60)

    with one_blas_thread():
        thread = threading.Thread(target=stay)
        thread.start()
        assert is_inside.wait(60)
        assert numbers() == {1}
    may_leave.set()
    thread.join()
    assert numbers() == {2}


@pytest.mark.parametrize("preset", ["default", "fast", "paper"])
def test_a_search_leaves_the_number_alone(preset: str) -> None:
    """Whatever an ask does, other code gets its threads back."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1, 3], seed=0, preset=preset)
    for _ in range(20):
        trial = optimizer.ask()
        assert numbers() == {2}
        optimizer.tell(trial, trial.config["x"])
