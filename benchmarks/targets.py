"""Targets: measured figures with the limits that they must keep.

A benchmark measures, prints every figure beside its limit, and fails if one falls short. Where the machine may be busy,
a figure is a ratio of two things that were measured side by side in one run.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A measured figure and its limit.

    Attributes:
        name: What was measured.
        value: The figure.
        limit: The limit.
        unit: The unit of both, such as "ms" or "x".
        at_least: Whether the limit is the smallest value allowed; by default it is the largest.
    """

    name: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps its limit; nan does not."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        relation = "at least" if self.at_least else "at most"
        verdict = "" if self.is_met else "  FALLS SHORT"
        return f"{self.name}: {self.value:.4g} {self.unit} ({relation} {self.limit:.4g}){verdict}"


def show(targets: Iterable[Target]) -> int:
    """Print each target as soon as it is measured, and a summary. Return the exit status: 1 if one falls short."""
    measured = []
    for target in targets:
        print(target, flush=True)
        measured.append(target)
    missed = [target.name for target in measured if not target.is_met]
    print(f"{len(measured) - len(missed)} of {len(measured)} targets are met", flush=True)
    for name in missed:
        print(f"falls short: {name}", flush=True)
    return int(bool(missed))
