"""A search without a space or a model: configurations are numbers, the schedule and the brackets are the real ones."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from bohb.schedules import Promote, Start
from tests.record.bare import BracketWorld


@dataclass(frozen=True)
class Job:
    """What was asked: `word` is the schedule's own, `place` is None outside the brackets."""

    word: Start | Promote
    place: tuple[int, int] | None
    level: int
    config_id: int


def nothing(simulation, word):
    """The check that always holds."""


@dataclass
class Simulation:
    """Drives a schedule as the optimizer does; `check(simulation, word)` sees every word before it is followed."""

    schedule: Any
    ladder: Any
    rng: np.random.Generator
    capacity: int | None = None
    check: Any = nothing
    losses: dict = field(default_factory=dict)
    pending: list = field(default_factory=list)
    jobs: list = field(default_factory=list)
    num_configs: int = 0

    def __post_init__(self):
        self.world = BracketWorld(self.schedule, self.ladder, self.capacity)
        self.brackets = self.world.brackets

    def ask(self):
        """The next job, which is then pending; None only if every configuration was had at every level."""
        if not any(map(self.brackets.has_room, range(len(self.ladder)))):
            return None
        for _ in range(1000):
            word = self.schedule.next(self.brackets)
            self.check(self, word)
            level = self.brackets.plan(word.bracket).levels[word.rung]
            if isinstance(word, Start):
                return self._start(word, level)
            if not self.brackets.is_taken(level, word.config_id):
                return self._begin(word, (word.bracket, word.rung), level, word.config_id)
            self.world.start(word.bracket, word.rung, word.config_id)  # evaluated, or pending, there already
        raise AssertionError("expected work after a few promotions that need none")

    def _start(self, word, level):
        place = (word.bracket, word.rung)
        if not self.brackets.has_room(level):
            level, place = next(i for i in range(len(self.ladder)) if self.brackets.has_room(i)), None
        if self.capacity is None:
            config_id = self.num_configs
        else:
            config_id = self.rng.choice([i for i in range(self.capacity) if not self.brackets.is_taken(level, i)])
        return self._begin(word, place, level, int(config_id))

    def _begin(self, word, place, level, config_id):
        self.num_configs = max(self.num_configs, config_id + 1)
        if place is None:
            self.world.ask(level, config_id)
        else:
            self.world.start(*place, config_id)
        self.pending.append((level, config_id))
        self.jobs.append(Job(word, place, level, config_id))
        return self.jobs[-1]

    def tell(self, index, loss):
        """Ends one of the pending evaluations."""
        self.observe(*self.pending[index], loss)

    def observe(self, level, config_id, loss):
        """A loss, asked for or not."""
        assert (level, config_id) not in self.losses, "evaluated twice"
        self.num_configs = max(self.num_configs, config_id + 1)
        self.pending = [entry for entry in self.pending if entry != (level, config_id)]
        self.losses[level, config_id] = loss
        self.world.tell(level, config_id, loss)

    def play(self, loss, *, num_steps, workers):
        """Asks and tells in random order, with up to `workers` jobs in flight; `loss(rng, level)` is the outcome."""
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
