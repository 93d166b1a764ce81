"""What the clients of a study were told, and whether the study kept it: the promises, written down a second time.

The checks read the rows of the log as plain JSON, and share no code with the study.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bohb.study.stores.rows import Row


class Broken(AssertionError):
    """A promise was broken."""


@dataclass
class Ledger:
    """What calls returned.

    Attributes:
        asked: The trials that asks returned, once for each time.
        told: The losses of the tells that returned, by trial.
        reported: The losses of the reports that returned, by trial; each reports once.
        renewed: How many heartbeats of a trial returned true.
        given_back: The trials that their workers gave back, or tried to.
        lease: The length of every lease, in seconds.
    """

    lease: float
    asked: list[int] = field(default_factory=list)
    told: dict[int, float] = field(default_factory=dict)
    reported: dict[int, float] = field(default_factory=dict)
    renewed: Counter[int] = field(default_factory=Counter)
    given_back: set[int] = field(default_factory=set)

    def check(self, rows: Sequence[Row], times: Sequence[float]) -> None:
        """Compare with the rows of the log, and the true time of each.

        Raises:
            Broken: If a promise was broken.
        """
        facts = [_Fact(row.kind, json.loads(row.payload), at) for row, at in zip(rows, times, strict=True)]
        found: dict[str, Counter[int]] = {}
        for fact in facts:
            found.setdefault(fact.kind, Counter())[fact.facts.get("id", -1)] += 1
        _check_losses(self.told, "told", facts)
        _check_losses(self.reported, "reported", facts)
        _expect(Counter(self.asked) <= found.get("asked", Counter()), "an ask is lost, or was handed out twice")
        _expect(self.renewed <= found.get("renewed", Counter()), "an acknowledged heartbeat is lost")
        for text in self._wrong_turns(facts):
            raise Broken(text)

    def _wrong_turns(self, facts: "Sequence[_Fact]") -> Iterator[str]:
        """Yield where a configuration was handed out at a budget while a live worker had it, or after its result."""
        held: dict[Any, int] = {}
        since: dict[int, float] = {}
        keys: dict[int, Any] = {}
        done = set()
        for kind, values, at in facts:
            trial = values.get("id", -1)
            if kind == "asked":
                keys[trial] = key = (values["config_id"], values["budget"])
                if key in held or key in done:
                    yield f"trial {trial} is trial {held.get(key)} again, which {'is done' if key in done else 'lives'}"
                held[key], since[trial] = trial, at
            elif kind in ("renewed", "reported"):
                since[trial] = at
            elif kind == "told":
                done.add(keys[trial])
                held.pop(keys[trial], None)
            elif kind == "forgotten":
                if trial not in self.given_back and abs(at - since[trial]) <= self.lease:
                    yield f"trial {trial} was taken from a live worker after {at - since[trial]:.1f} s"
                if held.get(keys[trial]) == trial:
                    del held[keys[trial]]


class _Fact(NamedTuple):
    kind: str
    facts: dict[str, Any]
    at: float


def _check_losses(acknowledged: dict[int, float], kind: str, facts: Sequence[_Fact]) -> None:
    kept = [(fact.facts["id"], fact.facts["loss"]) for fact in facts if fact.kind == kind]
    lost = acknowledged.items() - {*kept}
    doubled = [trial for trial, count in Counter(trial for trial, _ in kept).items() if count > 1]
    _expect(not lost, f"acknowledged tells are lost: what was {kind} of {lost}")
    _expect(not doubled, f"tells are doubled: what was {kind} of {doubled}")


def _expect(is_kept: bool, text: str) -> None:
    if not is_kept:
        raise Broken(text)
