"""The leases that a run takes on a shared study."""

import time
from collections import Counter
from concurrent.futures import Executor, Future
from typing import Any

import pytest

import bohb
from bohb.runner import SerialExecutor, interface

SPACE = {"x": (0.0, 1.0)}


def half(trial: bohb.Trial) -> float:
    return 0.5


class Leased(bohb.Optimizer):
    """An optimizer with the methods of a shared study, which counts their calls."""

    def __init__(self) -> None:
        super().__init__(SPACE, budgets=[1, 3], seed=0)
        self.calls: Counter[str] = Counter()

    def ask(self, *, lease: float | None = None) -> bohb.Trial:
        self.calls["leased" if lease else "unleased"] += 1
        return super().ask()

    def heartbeat(self, trial: bohb.Trial) -> None:
        assert trial in self.pending
        self.calls["heartbeat"] += 1

    def release(self, trial: bohb.Trial) -> None:
        self.calls["release"] += 1
        self.forget(trial)


def test_leases_of_running_trials_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "HEARTBEAT_SECONDS", 0.05)
    study = Leased()
    bohb.run(lambda trial: time.sleep(0.5) or 0.5, study, max_trials=2, progress=False)
    assert study.calls["leased"] == 2
    assert study.calls["heartbeat"] >= 4
    assert not study.calls["release"]


def test_a_blocking_executor_takes_no_lease() -> None:
    study = Leased()
    bohb.run(half, study, executor=SerialExecutor(), max_trials=2, progress=False)
    assert study.calls == {"unleased": 2}


def test_a_trial_that_cannot_be_submitted_is_released() -> None:
    study = Leased()

    class Breaks(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise RuntimeError("cannot start")

    with pytest.raises(RuntimeError, match="cannot start"):
        bohb.run(half, study, executor=Breaks(), max_trials=2, progress=False)
    assert study.calls == {"leased": 1, "release": 1}
    assert not study.pending
