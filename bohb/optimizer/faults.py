"""Whose fault failures are: that of the program, of a machine, or of a region of the space.

Each configuration counts once, with its latest result. The failures are split from the successes in every simple way:
by time, by worker, by one parameter. The split that separates them best explains them, if it beats chance.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from bohb._text import brief, shortened
from bohb.arrays import Floats
from bohb.optimizer.events import is_number
from bohb.trials import Result, Status, failure_kind

LATEST = 1000
"""Only so many of the latest configurations are looked at."""
FEWEST_EXPLAINED = 5
"""A split explains at least this many failures."""
CHANCE = 0.001
"""How likely any split separates as well by chance."""
MOST = 0.9
"""A share from which on failures count as alike."""
RETRY = "then take them back with retry"


class Split(NamedTuple):
    """A part of the results, as numbers of failures and of results, in it and outside."""

    where: str
    kind: str
    failed: int
    size: int
    failed_outside: int
    size_outside: int

    @property
    def score(self) -> float:
        """The chi-square statistic of the 2 x 2 table; 0 if the share of failures is not higher in this part."""
        good, good_outside = self.size - self.failed, self.size_outside - self.failed_outside
        product = self.failed * good_outside - good * self.failed_outside
        totals = self.size * self.size_outside * (self.failed + self.failed_outside) * (good + good_outside)
        return (self.size + self.size_outside) * product**2 / totals if totals and product > 0 else 0.0

    def __str__(self) -> str:
        """Return the split as part of a sentence."""
        return f"{self.failed} of {self.size} {self.where}, {self.failed_outside} of {self.size_outside} otherwise"


@dataclass(frozen=True, slots=True)
class Cause:
    """What failures have in common.

    Attributes:
        kind: `"program"`, `"machine"`, `"space"`, or `"unknown"`.
        text: What it is, and what to do about it.
    """

    kind: str
    text: str


def cause_of(results: Sequence[Result]) -> Cause | None:
    """Return what the failures among results have in common; None if there are none."""
    latest = list({result.trial.config_id: result for result in results}.values())[-LATEST:]
    failures = [result for result in latest if result.is_failure]
    if not failures:
        return None
    what = _alike(failures)
    if len(failures) == len(latest):
        alike = f"all with {what}" if what else "with several errors"
        return Cause("program", f"nothing succeeds, {alike}: mend the program or the machine, {RETRY}")
    best = _best_split(latest)
    if best is None:
        is_fault = what is not None and len(failures) >= FEWEST_EXPLAINED and failures[-1].status is Status.ERROR
        return Cause("program", f"{what}: mend the program, {RETRY}") if is_fault else Cause("unknown", "")
    of_kind = f"{best}{f' ({what})' if what else ''}"
    if best.kind == "space":
        return Cause("space", f"{of_kind}: narrow the space")
    mend = "see that machine" if best.kind == "machine" else "mend the program if it is not mended yet"
    return Cause(best.kind, f"{of_kind}: {mend}, {RETRY}")


def _alike(failures: Sequence[Result]) -> str | None:
    """Return the reason that most failures have in common; None if they differ."""
    (kind, num), *_ = Counter(map(failure_kind, failures)).most_common()
    example = next(result.reason for result in reversed(failures) if failure_kind(result) == kind)
    return shortened(example or kind, 200) if num >= MOST * len(failures) else None


def _best_split(results: Sequence[Result]) -> Split | None:
    """Return the split that explains the failures best, if it separates them better than chance does."""
    splits = list(_splits(results))
    best = max(splits, key=lambda split: split.score, default=None)
    limit = NormalDist().inv_cdf(1 - CHANCE / (2 * max(len(splits), 1))) ** 2
    return best if best is not None and best.failed >= FEWEST_EXPLAINED and best.score > limit else None


def _splits(results: Sequence[Result]) -> Iterator[Split]:
    """Yield every simple split of the results; of equally good ones the first counts."""
    failed = np.array([result.is_failure for result in results], dtype=float)
    names = [f"trial {result.trial.id}" for result in results]
    yield from _by_number("program", "up to {}", "from {} on", np.arange(len(results), dtype=float), names, failed)
    workers = [result.info.get("worker") for result in results]
    if len({worker for worker in workers if isinstance(worker, str)}) > 1:
        yield from _by_value("machine", "on the worker {}", [str(worker) for worker in workers], failed)
    for name in dict.fromkeys(name for result in results for name in result.trial.config):
        active = [index for index, result in enumerate(results) if name in result.trial.config]
        yield from _of_parameter(name, [results[index].trial.config[name] for index in active], failed[active])


def _of_parameter(name: str, values: Sequence[Any], failed: Floats) -> Iterator[Split]:
    """Yield the splits by the value of one parameter, among the configurations in which it is active."""
    if all(map(is_number, values)):
        shown = [f"{value:.3g}" for value in values]
        numbers = np.array(values, dtype=float)
        yield from _by_number("space", f"with {name} <= {{}}", f"with {name} >= {{}}", numbers, shown, failed)
    else:
        yield from _by_value("space", f"with {name}={{}}", [brief(value) for value in values], failed)


def _by_number(
    kind: str, below: str, above: str, numbers: Floats, shown: Sequence[str], failed: Floats
) -> Iterator[Split]:
    """Yield the split at each threshold, as the side that fails more often."""
    order = np.argsort(numbers, kind="stable")
    ascending, total = numbers[order], len(order)
    cuts = np.flatnonzero(np.diff(ascending)) + 1
    sums, num_failed = np.cumsum(failed[order]), int(failed.sum())
    for size in cuts.tolist():
        low = int(sums[size - 1])
        high = num_failed - low
        if low * (total - size) > high * size:
            yield Split(below.replace("{}", shown[order[size - 1]]), kind, low, size, high, total - size)
        else:
            yield Split(above.replace("{}", shown[order[size]]), kind, high, total - size, low, size)


def _by_value(kind: str, where: str, values: Sequence[str], failed: Floats) -> Iterator[Split]:
    """Yield the split of each value from the others."""
    sizes, total = Counter(values), len(values)
    num_failed = Counter(value for value, has_failed in zip(values, failed.tolist(), strict=True) if has_failed)
    for value, size in sizes.items():
        outside = num_failed.total() - num_failed[value]
        yield Split(where.replace("{}", value), kind, num_failed[value], size, outside, total - size)
