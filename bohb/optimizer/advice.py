"""What a model answers about the next ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bohb.facts import Lesson
from bohb.models import Proposal
from bohb.optimizer.history import History
from bohb.schedules import MoveOffer, Promote

NOWHERE = -1
"""Below all levels."""
REPETITION = MoveOffer((), None)
"""Nothing new is left in a finite space: only repetitions are possible."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Train a configuration in full again.

    Attributes:
        config_id: The configuration.
        score: The logarithm of how much that is expected to lower the best mean.
    """

    config_id: int
    score: float


Answer = Promote | Proposal | Repeat
"""What a model may answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What the model answered about the next ask.

    Attributes:
        num_events: The number of events that it had seen.
        offer: The moves of the schedule after these events.
        rng: The generator of the ask, after the model drew from it.
        answers: The repetitions and promotions to make and the proposal to start, best first. The first one that is
            possible counts.
        level: The highest level at which a proposal may start; `NOWHERE` if there is none, because a promotion was due.
        chosen_from: The number of promotions that the model chose from; None if it left the choice to the schedule.
        may_learn: Whether the model was allowed to learn anew.
        learned: What the model learned for this ask, by name.
    """

    num_events: int
    offer: MoveOffer
    rng: np.random.Generator
    answers: tuple[Answer, ...] = ()
    level: int = NOWHERE
    chosen_from: int | None = None
    may_learn: bool = True
    learned: Mapping[str, Lesson] = field(default_factory=dict)

    def is_of(self, history: History) -> bool:
        """Whether the model had seen all events."""
        return self.num_events == len(history.events)
