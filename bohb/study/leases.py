"""Leases: until when a pending trial belongs to its worker. A fold over rows, without a clock of its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bohb._checks import real
from bohb._plain import scalar
from bohb._text import brief
from bohb.errors import SettingError

LEASED = "leased"
RENEWED = "renewed"
RELEASED = "released"
EXPIRED = "expired"
LEASE_KINDS = frozenset({LEASED, RENEWED, RELEASED, EXPIRED})
"""The kinds of rows that concern leases only; an optimizer never sees them."""

ENDING_KINDS = frozenset({"told", "forgotten"})
"""The kinds of an optimizer's events with which a lease ends."""

LIVING_KIND = "reported"
"""The kind of an optimizer's events with which a lease starts anew: a worker that reports is alive."""


@dataclass(slots=True)
class Lease:
    """How long a worker holds a trial, and since when; both in seconds of the store's clock."""

    seconds: float
    since: float

    def is_over(self, at: float) -> bool:
        """Whether the lease has expired.

        A clock that was set back by more than the lease ends it as well: evaluating a trial twice does less harm than
        holding it for years.
        """
        return abs(at - self.since) > self.seconds


class Leases:
    """The leases that are held, by the id of the trial."""

    def __init__(self) -> None:
        self._held: dict[int, Lease] = {}

    def __contains__(self, trial_id: int) -> bool:
        return trial_id in self._held

    def overdue(self, at: float) -> list[int]:
        """Return the trials whose leases have expired, in the order in which they were asked."""
        return sorted(trial_id for trial_id, lease in self._held.items() if lease.is_over(at))

    def take(self, kind: str, facts: Mapping[str, Any], at: float) -> None:
        """Update the leases with a row; rows of other kinds change nothing.

        Raises:
            LookupError: If the row cannot follow the rows before it.
        """
        if kind == LEASED:
            self._held[facts["id"]] = Lease(facts["seconds"], at)
        elif kind == RENEWED:
            self._held[facts["id"]].since = at
        elif kind in ENDING_KINDS:
            self._held.pop(facts["id"], None)
        elif kind == LIVING_KIND and facts["id"] in self._held:
            self._held[facts["id"]].since = at

    def drop(self, trial_id: int) -> None:
        """Remove the lease of a trial, because another trial settled its configuration."""
        self._held.pop(trial_id, None)


def check_seconds(lease: Any) -> float | None:
    """Return the length of a lease in seconds, or None for one without end.

    Raises:
        SettingError: If it is not a positive number.
    """
    if lease is None:
        return None
    seconds = real(scalar(lease))
    if seconds is None or not seconds > 0:
        raise SettingError(
            f"expected a positive number of seconds as lease, or None for one without end; got {brief(lease)}"
        )
    return None if math.isinf(seconds) else seconds
