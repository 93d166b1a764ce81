"""What the runner needs of an optimizer or a study, and how it keeps the trials of a shared study its own.

A study that several processes share has three verbs more: `ask(lease=seconds)`, `heartbeat(trial)` and
`release(trial)`. A trial whose lease runs out is asked again, so the loop says at intervals that its trials still run.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from bohb.budgets import Ladder
from bohb.trials import Result, Trial

LEASE_SECONDS = 60.0
"""How long a trial of a shared study stays ours after the last sign of life, if the study has no lease of its own."""
HEARTBEAT_SECONDS = 15.0
"""How often the loop gives one; several may fail before the lease runs out."""
BEATS_PER_LEASE = 4
"""How many there are at least in a lease, however short it is."""


class Search(Protocol):
    """What `run` searches with: an `Optimizer`, a `Study`, or anything else with these members."""

    @property
    def ladder(self) -> Ladder:
        """The ladder of budgets."""

    @property
    def incumbent(self) -> Result | None:
        """The best result at the largest budget that has one."""

    @property
    def results(self) -> Sequence[Result]:
        """Every result that counts."""

    @property
    def pending(self) -> Sequence[Trial]:
        """Every trial that was asked and not settled."""

    def ask(self) -> Trial:
        """Returns the next trial."""

    def tell(
        self, trial: Trial, outcome: Any, *, checkpoint: Any = None, info: Mapping[str, Any] | None = None
    ) -> Result:
        """Records an outcome; when it returns, the result is as durable as the search makes it."""

    def forget(self, trial: Trial) -> None:
        """Records that a trial never ran."""

    def trial(self, trial_id: int) -> Trial:
        """Returns a trial that was asked."""

    def trajectory(self) -> Sequence[Result]:
        """Returns the results that were the incumbent."""

    def releasable(self) -> Sequence[str]:
        """Returns the checkpoints that nothing can need again."""


class Leases:
    """Asks with a lease where there are leases, and keeps them alive.

    Args:
        search: The optimizer or study.
        is_blocking: Whether the engine evaluates inside `submit`. Then the loop cannot give signs of life, and asks
            without a lease.
    """

    def __init__(self, search: Search, *, is_blocking: bool) -> None:
        self._search: Any = search
        self._is_leased = hasattr(search, "heartbeat") and not is_blocking
        self._seconds: float = getattr(search, "lease", None) or LEASE_SECONDS
        self._give_back = getattr(search, "release", search.forget)
        self._beat_at = time.monotonic()

    @property
    def due_at(self) -> float:
        """When the next sign of life is due, on the monotonic clock; never, without leases."""
        return (
            self._beat_at + min(HEARTBEAT_SECONDS, self._seconds / BEATS_PER_LEASE) if self._is_leased else float("inf")
        )

    def ask(self) -> Trial:
        """Returns the next trial."""
        trial: Trial = self._search.ask(lease=self._seconds) if self._is_leased else self._search.ask()
        return trial

    def beat(self, trials: Iterable[Trial]) -> None:
        """Gives a sign of life for every running trial, if it is time."""
        if time.monotonic() < self.due_at:
            return
        self._beat_at = time.monotonic()
        for trial in trials:
            self._search.heartbeat(trial)

    def give_back(self, trial: Trial) -> None:
        """Makes a trial that has no result available at once, to whoever asks next."""
        self._give_back(trial)
