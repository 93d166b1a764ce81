"""What the runner needs from an optimizer or a study, and how it keeps its leases of a shared study.

A study that several processes share also has `ask(lease=seconds)`, `heartbeat(trial)` and `release(trial)`. A trial
whose lease expires is asked again, so the loop renews the leases of its running trials.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from bohb.budgets import Ladder
from bohb.trials import Result, Trial

LEASE_SECONDS = 60.0
"""How long a lease lasts if the study does not say."""
HEARTBEAT_SECONDS = 15.0
"""The longest time between two heartbeats; several may fail before a lease expires."""
BEATS_PER_LEASE = 4
"""The least number of heartbeats in a lease, however short it is."""


class AskTell(Protocol):
    """What `run` can search with: an `Optimizer`, a `Study`, or any object with these members."""

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
        """Every trial that was asked and neither told nor forgotten."""

    def ask(self) -> Trial:
        """Return the next trial."""

    def tell(
        self, trial: Trial, outcome: Any, *, checkpoint: Any = None, info: Mapping[str, Any] | None = None
    ) -> Result:
        """Record an outcome; a study has written it to disk when this returns."""

    def forget(self, trial: Trial) -> None:
        """Record that a trial never ran."""

    def trial(self, trial_id: int) -> Trial:
        """Return a trial that was asked."""

    def trajectory(self) -> Sequence[Result]:
        """Return the results that were the incumbent, in order."""

    def releasable(self) -> Sequence[str]:
        """Return the checkpoints that no later trial can need."""


class LeaseKeeper:
    """Ask with a lease if the study has leases, and renew them.

    Args:
        search: The optimizer or study.
        is_blocking: Whether the executor evaluates inside `submit`. Then the loop cannot renew leases, and asks without
            one.
    """

    def __init__(self, search: AskTell, *, is_blocking: bool) -> None:
        self._search: Any = search
        self._is_leased = hasattr(search, "heartbeat") and not is_blocking
        self._seconds: float = getattr(search, "lease", None) or LEASE_SECONDS
        self._give_back = getattr(search, "release", search.forget)
        self._beat_at = time.monotonic()

    @property
    def due_at(self) -> float:
        """When the next heartbeat is due, on the monotonic clock; `inf` without leases."""
        return (
            self._beat_at + min(HEARTBEAT_SECONDS, self._seconds / BEATS_PER_LEASE) if self._is_leased else float("inf")
        )

    def ask(self) -> Trial:
        """Return the next trial."""
        trial: Trial = self._search.ask(lease=self._seconds) if self._is_leased else self._search.ask()
        return trial

    def go_on(self, trial: Trial) -> Trial | None:
        """Return the next trial if it continues the training of a told one; None if the search cannot say."""
        if not hasattr(self._search, "go_on"):
            return None
        more = {"lease": self._seconds} if self._is_leased else {}
        following: Trial | None = self._search.go_on(trial, **more)
        return following

    def beat(self, trials: Iterable[Trial]) -> None:
        """Renew the lease of every running trial, if a heartbeat is due."""
        if time.monotonic() < self.due_at:
            return
        self._beat_at = time.monotonic()
        for trial in trials:
            self._search.heartbeat(trial)

    def give_back(self, trial: Trial) -> None:
        """Make a trial without a result available to the next ask, of any process."""
        self._give_back(trial)
