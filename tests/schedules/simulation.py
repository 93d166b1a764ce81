"""A simulated search without a space or a model. Configurations are numbers; schedule and brackets are real."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from bohb.schedules import Exploit, Promote, Start
from tests.record.bare import BracketRecorder


@dataclass(frozen=True)
class SimulatedTrial:
    """A trial with the schedule's move behind it. `position` is (bracket, rung), or None outside the brackets."""

    move: Start | Promote
    position: tuple[int, int] | None
    level: int
    config_id: int


def no_check(simulation, move):
    """Check nothing."""


@dataclass
class Simulation:
    """Drives a schedule as the optimizer does. `check(simulation, move)` is called before each move."""

    schedule: Any
    ladder: Any
    rng: np.random.Generator
    capacity: int | None = None
    check: Any = no_check
    losses: dict = field(default_factory=dict)
    pending: list = field(default_factory=list)
    trials: list = field(default_factory=list)
    num_configs: int = 0

    def __post_init__(self):
        self.recorder = BracketRecorder(self.schedule, self.ladder, self.capacity)
        self.brackets = self.recorder.brackets

    def ask(self):
        """Return the next trial, or None if every configuration was asked at every level."""
        if not any(map(self.brackets.has_room, range(len(self.ladder)))):
            return None
        for _ in range(1000):
            move = self.schedule.next(self.brackets)
            self.check(self, move)
            level = self.brackets.plan(move.bracket).levels[move.rung]
            known = self.brackets.best_known(level) if isinstance(move, Start) and move.prefers_known else None
            if known is not None:
                self.recorder.start(move.bracket, move.rung, known)
                continue
            if isinstance(move, Start):
                return self._start(move, level)
            if not self.brackets.is_taken(level, move.config_id):
                return self._begin(move, (move.bracket, move.rung), level, move.config_id)
            self.recorder.start(move.bracket, move.rung, move.config_id)  # it is evaluated or pending there already
        raise AssertionError("expected a trial after a few promotions that need none")

    def _start(self, move, level):
        position = (move.bracket, move.rung)
        if not self.brackets.has_room(level):
            level, position = next(i for i in range(len(self.ladder)) if self.brackets.has_room(i)), None
        if self.capacity is None:
            config_id = self.num_configs
        else:
            config_id = self.rng.choice([i for i in range(self.capacity) if not self.brackets.is_taken(level, i)])
        return self._begin(move, position, level, int(config_id))

    def _begin(self, move, position, level, config_id):
        self.num_configs = max(self.num_configs, config_id + 1)
        if position is None:
            self.recorder.ask(level, config_id)
        else:
            self.recorder.start(*position, config_id, move.replaces if isinstance(move, Exploit) else None)
        self.pending.append((level, config_id))
        self.trials.append(SimulatedTrial(move, position, level, config_id))
        return self.trials[-1]

    def tell(self, index, loss):
        """Tell the loss of a pending trial."""
        self.observe(*self.pending[index], loss)

    def observe(self, level, config_id, loss):
        """Record a loss, asked for or not."""
        assert (level, config_id) not in self.losses, "evaluated twice"
        self.num_configs = max(self.num_configs, config_id + 1)
        self.pending = [entry for entry in self.pending if entry != (level, config_id)]
        self.losses[level, config_id] = loss
        self.recorder.tell(level, config_id, loss)

    def play(self, loss, *, num_steps, workers):
        """Ask and tell in random order, with up to `workers` pending trials; `loss(rng, level)` is the outcome."""
        for _ in range(num_steps):
            if not self.pending or (len(self.pending) < workers and self.rng.random() < 0.6):
                if self.ask() is None:
                    return
            else:
                index = int(self.rng.integers(len(self.pending)))
                self.tell(index, loss(self.rng, self.pending[index][0]))


LOSSES = {
    "distinct": lambda rng, _: float(rng.random()),
    "tied": lambda rng, _: float(rng.integers(3)),
    "often failing": lambda rng, _: float(rng.random()) if rng.random() < 0.4 else inf,
    "always failing": lambda _, __: inf,
    "failing in every other rung": lambda rng, level: inf if level % 2 else float(rng.random()),
    "failing at the lowest level": lambda rng, level: float(rng.random()) if level else inf,
}
