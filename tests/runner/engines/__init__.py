"""Every executor that the contract is run on. One more engine is one more entry of `ENGINES`.

An engine that needs a cluster has a file of its own beside this one, with the contract and what is its own.
"""

import os
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

import pytest

from bohb.runner import ProcessExecutor, SerialExecutor


@dataclass(frozen=True)
class Engine:
    """An executor and what it promises.

    Attributes:
        make: Returns it, as a context manager, with so many workers.
        pickles: Whether what is submitted must be picklable.
        survives: Whether a killed worker costs one trial only. If not, the executor is broken for good by it.
        is_local: Whether a trial runs in this very process, so that nobody may kill its process.
        can_end: Whether it ends running trials (`end`), on a time-out and on interruption.
        needs: The module that must be installed.
        reruns: Whether it runs a call again by itself when a worker died.
        is_permanent: Whether its workers outlive the executor, and a dead one ends everything.
        is_slow: Whether a trial takes seconds to start, so that few must make the point.
    """

    make: Callable[[int], AbstractContextManager[Executor]]
    pickles: bool = True
    survives: bool = False
    is_local: bool = False
    can_end: bool = False
    needs: str = "bohb"
    reruns: bool = False
    is_permanent: bool = False
    is_slow: bool = False

    def trials(self, usual: float, few: float) -> Any:
        """Returns how many trials to run, or how long they take."""
        return few if self.is_slow else usual


def _loky(workers: int) -> Executor:
    from loky import ProcessPoolExecutor as LokyExecutor

    return LokyExecutor(max_workers=workers)


ENGINES = {
    "serial": Engine(lambda _: SerialExecutor(), pickles=False, is_local=True),
    "threads": Engine(ThreadPoolExecutor, pickles=False, is_local=True),
    "processes": Engine(ProcessExecutor, survives=True, can_end=True),
    "fresh": Engine(lambda workers: ProcessExecutor(workers, warm=False), survives=True, can_end=True),
    "pool": Engine(lambda workers: ProcessPoolExecutor(workers, mp_context=get_context("spawn"))),
    "loky": Engine(_loky, needs="loky"),
}


def all_engines() -> list[object]:
    """Returns the parameters of a test that runs on every engine; those not installed are skipped, and say so."""
    return [
        pytest.param(
            engine, id=name, marks=pytest.mark.skipif(find_spec(engine.needs) is None, reason=f"needs {engine.needs}")
        )
        for name, engine in ENGINES.items()
    ]


def requires(engine: str, *modules: str) -> list[pytest.MarkDecorator]:
    """Returns the marks of the tests of an engine; where it is absent they are skipped, and say so.

    Raises:
        ImportError: If it is absent, and `BOHB_REQUIRE_ENGINES` (a list with commas) says that it may not be.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing and engine in os.environ.get("BOHB_REQUIRE_ENGINES", "").split(","):
        raise ImportError(f"BOHB_REQUIRE_ENGINES names {engine}, which needs {', '.join(missing)}: not installed")
    return [getattr(pytest.mark, engine), pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")]
