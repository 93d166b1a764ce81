"""A search for a host that pauses trainings and resumes them: which training goes on, which one waits, which is next.

A *training* is what the host calls a trial: one configuration, from its start to its end, known by the host's own id. A
trial of ours is one budget of it. Nothing here knows the host.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from bohb._checks import real
from bohb.errors import SpaceExhausted
from bohb.optimizer import Optimizer
from bohb.trials import Failure, Result, Trial

Decision = Literal["continue", "pause", "stop"]


class PausedTrainings:
    """The trainings of a host, and the search that decides about them.

    Args:
        optimizer: The search. Its budgets are numbers.

    Attributes:
        optimizer: The search.
        most: How many trainings run at the same time; 0 for no limit. Those that are paused do not count.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.most = 0
        self._next: Trial | None = None  # a promotion that was asked, and whose training does not go on yet
        self._running: dict[str, int] = {}  # our trial
        self._configs: dict[str, int] = {}  # of the trainings that can go on
        self._reached: dict[str, float] = {}  # what was reported last
        self._ended: set[int] = set()  # configurations whose training has ended
        self._failed: dict[str, int] = {}

    # New trainings.

    def start(self, name: str) -> Mapping[str, Any] | None:
        """Start a training if the search wants a new configuration now; return the configuration.

        Raises:
            SpaceExhausted: If there is no new configuration, and nothing runs that could change that.
        """
        if self._next is not None or self._is_full():
            return None
        try:
            trial = self._ask()
        except SpaceExhausted:
            if self._running:
                return None
            raise
        if trial.config_id in self._configs.values():
            self._next = trial
            return None
        self._assign(name, trial)
        return trial.config

    def _ask(self) -> Trial:
        trial = self.optimizer.ask()
        while trial.config_id in self._ended:  # there is nothing to train further: it is what it was
            self.optimizer.tell(trial, self._latest(trial.config_id))
            trial = self.optimizer.ask()
        return trial

    def _latest(self, config_id: int) -> Any:
        found = [result for result in self.optimizer.results if result.trial.config_id == config_id][-1]
        return Failure(str(found.reason)) if found.is_failure else _value(found)

    def _is_full(self) -> bool:
        return 0 < self.most <= len(self._running)

    def _assign(self, name: str, trial: Trial) -> None:
        self._running[name] = trial.id
        self._configs[name] = trial.config_id
        self._reached.pop(name, None)

    # Trainings that run.

    def advance(self, name: str, reached: float, value: Any, info: Mapping[str, Any]) -> Decision:
        """Take a value of the metric that a training reports; return what becomes of it.

        One that this search does not run has nothing left to do: it is paused or stopped.
        """
        if name not in self._running:
            return "pause" if name in self._configs else "stop"
        while (number := self._running.get(name)) is not None:
            trial = self.optimizer.trial(number)
            if reached < trial.budget:
                self._report(name, trial, reached, value)
                break
            following = self.optimizer.proceed(trial, value, info=info)
            del self._running[name]
            if following is not None:
                self._assign(name, following)
            elif trial.budget == self.optimizer.ladder[-1]:
                self._ended.add(self._configs.pop(name))
                return "stop"
            else:
                return "pause"
        return "continue"

    def _report(self, name: str, trial: Trial, reached: float, value: Any) -> None:
        """Record a value on the way. A training that was resumed may repeat some."""
        number = real(value)
        below = [budget for budget in self.optimizer.ladder if budget < trial.budget]
        is_new = reached > max([0, *below[-1:], self._reached.get(name, 0)])
        if number is not None and math.isfinite(number) and is_new:
            self.optimizer.report(trial, reached, number)
            self._reached[name] = reached

    def complete(self, name: str, value: Any, reached: float | None, info: Mapping[str, Any]) -> None:
        """Record that a training ended by itself.

        Args:
            name: The training.
            value: The value of the metric, a `Failure`, or None if the host ended it before it reported any.
            reached: How far it has come; None if that is not known.
            info: As for `tell`.
        """
        number, config_id = self._running.pop(name, None), self._configs.pop(name, None)
        if number is None:
            self._ended |= set() if config_id is None else {config_id}
            return
        trial = self.optimizer.trial(number)
        if value is None:
            self.optimizer.forget(trial)
            return
        self._ended.add(trial.config_id)
        if isinstance(value, Failure):
            self._failed[name] = number
        is_short = reached is not None and reached < trial.budget and not isinstance(value, Failure)
        used = (max(reached or 0, self._reached.get(name, 0)) or None) if is_short else None
        self.optimizer.tell(trial, value, info=info, budget=used)

    @property
    def failed(self) -> Mapping[str, Mapping[str, Any]]:
        """The configurations of the trainings that failed, by their names."""
        return {name: self.optimizer.trial(number).config for name, number in self._failed.items()}

    def retry(self, name: str, now: str | None = None) -> None:
        """Take back the failure of a training, because the host runs it again; nothing for any other.

        Args:
            name: The training.
            now: Its name from now on, if the host gave it a new one.
        """
        number = self._failed.pop(name, None)
        if number is not None:
            self.optimizer.retry(number)
            trial = self._ask_for({self.optimizer.trial(number).config_id})
            self._ended.discard(trial.config_id)
            self._assign(now or name, trial)

    def keep(self, names: Collection[str]) -> None:
        """Give up every training but these, because the host has no others any more."""
        for name in [name for name in self._configs if name not in names]:
            self.complete(name, None, None, {})

    # Trainings that are paused.

    def is_paused(self, name: str) -> bool:
        """Whether a training waits to be promoted."""
        return name in self._configs and name not in self._running

    def is_running(self, name: str) -> bool:
        """Whether a training is to be run."""
        return name in self._running

    def resume(self, *, is_last: bool) -> bool:
        """Choose the training that is promoted next, if there is one; return whether any is to be run.

        Args:
            is_last: Whether there are no new trainings any more. Then the best part of each rung still goes on.
        """
        self._settle_next()
        if self._next is None and is_last and not self._is_full():
            self._next = self._last_promotion()
        for name, config_id in list(self._configs.items()):
            if self._next is not None and config_id == self._next.config_id and name not in self._running:
                self._assign(name, self._next)
                self._next = None
        return bool(self._running)

    def _settle_next(self) -> None:
        """Drop a promotion whose training ended while the promotion waited for it to reach a smaller budget."""
        trial = self._next
        if trial is None or trial.config_id in self._configs.values():
            return
        self._next = None
        if trial.config_id in self._ended:
            self.optimizer.tell(trial, self._latest(trial.config_id))
        else:
            self.optimizer.forget(trial)

    def _last_promotion(self) -> Trial | None:
        for config, budget in self._promotions():
            self.optimizer.enqueue(config, budget)
            return self._ask_for(self._configs.values())
        return None

    def _ask_for(self, config_ids: Collection[int]) -> Trial:
        """Return a trial of one of these configurations; one that was forgotten may come first, and is asked later."""
        others = []
        while (trial := self.optimizer.ask()).config_id not in config_ids:
            others.append(trial)
        for other in others:
            self.optimizer.forget(other)
        return trial

    def _promotions(self) -> Iterator[tuple[Mapping[str, Any], Any]]:
        """Yield who goes on when nothing new comes, and to which budget: the best of each rung, the top rung first."""
        ladder = list(self.optimizer.ladder)
        rungs: list[dict[int, Result]] = [{} for _ in ladder]
        for result in self.optimizer.results:
            rungs[ladder.index(result.budget)][result.trial.config_id] = result
        paused = {config_id for name, config_id in self._configs.items() if self.is_paused(name)}
        above = {self.optimizer.trial(number).config_id for number in self._running.values()}
        for level in range(len(ladder) - 1, 0, -1):
            above |= set(rungs[level])
            ranked = sorted(rungs[level - 1].values(), key=lambda result: (result.loss, result.trial.config_id))
            share = int(len(ranked) * ladder[level - 1] / ladder[level])
            for result in ranked[: max(1, share)]:
                if result.trial.config_id in paused - above and not result.is_failure:
                    yield result.config, ladder[level]

    # State.

    def to_state(self) -> dict[str, Any]:
        """Return everything as JSON-able data."""
        return {
            "optimizer": self.optimizer.to_state(),
            "next": None if self._next is None else self._next.id,
            "running": dict(self._running),
            "configs": dict(self._configs),
            "reached": dict(self._reached),
            "ended": sorted(self._ended),
            "failed": dict(self._failed),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "PausedTrainings":
        """Return the trainings that `to_state` described."""
        made = cls(Optimizer.from_state(state["optimizer"]))
        made._next = None if state["next"] is None else made.optimizer.trial(state["next"])
        made._running, made._configs = dict(state["running"]), dict(state["configs"])
        made._reached, made._failed = dict(state["reached"]), dict(state["failed"])
        made._ended = set(state["ended"])
        return made


def _value(result: Result) -> float:
    """Return the value that was told for a success."""
    return next(iter(result.metrics.values()), result.loss)
