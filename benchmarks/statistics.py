"""Statistics of a set of runs: regret over time, ranks with bands, wins, and tests.

A `Panel` holds the runs of one setting in which every optimizer met the same problems with the same seeds; only those
can be ranked. Regrets are compared to nine digits, so that rounding errors do not break ties. A search without an
incumbent has infinite regret and shares the last rank.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.results import Record

Floats = NDArray[np.float64]

FRACTIONS = (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1.0)
"""Of the clock: the columns of the tables."""

_DIGITS = 9
_LATEST = 1 + 1e-9  # an evaluation that ends exactly at a fraction of the clock counts in spite of rounding errors


@dataclass(frozen=True, slots=True)
class Panel:
    """The regrets of one setting.

    Attributes:
        setting: The name of the setting.
        total: Full trainings in all.
        optimizers: K names.
        problems: P names.
        families: (P) the family of each problem.
        fractions: (T) ascending, of the clock.
        regrets: (S, K, T) for each problem; the number of seeds S may differ between problems.
        incomplete: The number of pairs (problem, seed) that were left out because an optimizer has no run there.
    """

    setting: str
    total: float
    optimizers: tuple[str, ...]
    problems: tuple[str, ...]
    families: tuple[str, ...]
    fractions: tuple[float, ...]
    regrets: tuple[Floats, ...]
    incomplete: int


def panel_of(
    records: Iterable[Record], *, fractions: Sequence[float] = FRACTIONS, optimizers: Sequence[str] | None = None
) -> Panel:
    """Return the panel of the records of one setting.

    Args:
        records: All of the same setting.
        fractions: Ascending fractions of the clock.
        optimizers: Compare only these; by default all that have records.

    Raises:
        ValueError: If there is no problem and seed where all of them have a run.
    """
    pool = [record for record in records if optimizers is None or record.optimizer in optimizers]
    names = tuple(optimizers or dict.fromkeys(record.optimizer for record in pool))
    blocks: dict[tuple[str, int], dict[str, Record]] = {}
    for record in pool:
        blocks.setdefault((record.problem, record.seed), {})[record.optimizer] = record
    complete = {key: block for key, block in sorted(blocks.items()) if len(block) == len(names)}
    if not complete:
        raise ValueError(
            f"expected at least one problem and seed with a run of each of {', '.join(names)}; found none: "
            "leave out an optimizer, or run what is missing"
        )
    problems = tuple(dict.fromkeys(problem for problem, _ in complete))
    some = next(iter(next(iter(complete.values())).values()))
    family = {record.problem: record.family for record in pool}
    return Panel(
        setting=some.setting,
        total=float(some.world["total"]),
        optimizers=names,
        problems=problems,
        families=tuple(family[problem] for problem in problems),
        fractions=tuple(fractions),
        regrets=tuple(_stacked(complete, problem, names, fractions) for problem in problems),
        incomplete=len(blocks) - len(complete),
    )


def regrets_of(record: Record, fractions: Sequence[float]) -> Floats:
    """Return the regret of the incumbent at fractions of the clock, infinite before there is one."""
    times = np.array([entry[0] for entry in record.incumbents])
    values = np.array([math.inf, *(entry[3] for entry in record.incumbents)])
    return values[np.searchsorted(times, np.asarray(fractions) * record.clock * _LATEST, side="right")]


# Ranks.


def ranks(panel: Panel) -> tuple[Floats, ...]:
    """Return by problem (S, K, T) the ranks among the K optimizers, 1 the best, ties averaged."""
    return tuple(stats.rankdata(np.round(regrets, _DIGITS), axis=1) for regrets in panel.regrets)


def mean_ranks(panel: Panel) -> Floats:
    """Return (K, T): the mean over seeds, then over problems, so that every problem counts the same."""
    return np.asarray(np.mean([of_problem.mean(axis=0) for of_problem in ranks(panel)], axis=0))


def rank_bands(panel: Panel, *, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the lower and the upper end (K, T) of bootstrap percentile bands of the mean ranks.

    Problems are resampled, and seeds within each of them, so the bands cover other problems of these kinds and other
    seeds.

    Args:
        panel: The runs.
        level: The share of resamples within the band.
        resamples: The number of resamples.
        seed: The seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    of_problems = ranks(panel)
    number = len(of_problems)
    times_drawn = rng.multinomial(number, np.full(number, 1 / number), size=resamples)
    means = np.zeros((resamples, *of_problems[0].shape[1:]))
    for drawn, of_problem in zip(times_drawn.T, of_problems, strict=True):
        seeds = len(of_problem)
        weights = rng.multinomial(drawn * seeds, np.full(seeds, 1 / seeds)) / (seeds * number)
        means += np.tensordot(weights, of_problem, axes=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


# Problem by problem.


def medians(panel: Panel) -> Floats:
    """Return (P, K, T) the median regrets over seeds."""
    return np.array([np.median(np.round(regrets, _DIGITS), axis=0) for regrets in panel.regrets])


def pooled_medians(panel: Panel, family: str | None = None) -> Floats:
    """Return (K,) the median final regrets over all searches, on a family's problems or on all."""
    pairs = zip(panel.regrets, panel.families, strict=True)
    final = np.concatenate([regrets[:, :, -1] for regrets, its in pairs if family in (None, its)])
    return np.asarray(np.median(np.round(final, _DIGITS), axis=0))


def family_regrets(panel: Panel) -> dict[str, Floats]:
    """Return by family (K, T) the mean over its problems of the median regrets over seeds."""
    middle, families = medians(panel), np.array(panel.families)
    return {family: middle[families == family].mean(axis=0) for family in dict.fromkeys(panel.families)}


@dataclass(frozen=True, slots=True)
class Duel:
    """A comparison of two optimizers by the median final regret on each problem.

    Attributes:
        wins: The number of problems on which the first is better.
        ties: The number of problems on which both are equal.
        losses: The number of problems on which the first is worse.
        sign: The p-value of the exact two-sided sign test without ties.
        wilcoxon: The p-value of the two-sided signed-rank test of the differences without ties.
    """

    wins: int
    ties: int
    losses: int
    sign: float
    wilcoxon: float


def duel(panel: Panel, one: str, other: str) -> Duel:
    """Return the comparison of `one` with `other`.

    Raises:
        ValueError: If one of them is not in the panel.
    """
    final = medians(panel)[:, :, -1]
    return duel_of(final[:, index_of(panel, one)], final[:, index_of(panel, other)])


def duel_of(ours: Floats, theirs: Floats) -> Duel:
    """Return how the regrets (P,) of one compare with those of another on the same problems."""
    wins, losses = int((ours < theirs).sum()), int((ours > theirs).sum())
    decided = ours != theirs
    differences = ours[decided] - theirs[decided]  # infinite if only one has an incumbent
    return Duel(
        wins=wins,
        ties=len(ours) - wins - losses,
        losses=losses,
        sign=float(stats.binomtest(wins, wins + losses).pvalue) if len(differences) else 1.0,
        wilcoxon=float(stats.wilcoxon(differences).pvalue) if len(differences) else 1.0,
    )


def index_of(panel: Panel, optimizer: str) -> int:
    """Return the index of an optimizer.

    Raises:
        ValueError: If it is not in the panel.
    """
    if optimizer not in panel.optimizers:
        raise ValueError(f"expected one of {', '.join(panel.optimizers)} in setting {panel.setting}, got {optimizer!r}")
    return panel.optimizers.index(optimizer)


# All optimizers at once (Demšar 2006, Statistical comparisons of classifiers over multiple data sets).


@dataclass(frozen=True, slots=True)
class Comparison:
    """The Friedman test over problems, and the Nemenyi test after it.

    Attributes:
        ranks: (K,) mean ranks over problems, by the median final regret.
        problems: The number of problems.
        p_value: The p-value of the hypothesis that all optimizers are equally good; NaN for fewer than three.
        difference: The smallest difference of mean ranks that is significant at 5 %.
    """

    ranks: Floats
    problems: int
    p_value: float
    difference: float


def compare(panel: Panel, *, alpha: float = 0.05) -> Comparison:
    """Return the comparison of all optimizers of a panel at the end of the clock."""
    final = medians(panel)[:, :, -1]
    number, rivals = final.shape
    of_problems = stats.rankdata(final, axis=1)
    return Comparison(of_problems.mean(axis=0), number, _friedman(of_problems), nemenyi(rivals, number, alpha=alpha))


def nemenyi(rivals: int, number: int, *, alpha: float = 0.05) -> float:
    """Return the critical difference of the mean ranks for these numbers of rivals and problems."""
    spread = float(stats.studentized_range.ppf(1 - alpha, rivals, np.inf)) / math.sqrt(2)
    return spread * math.sqrt(rivals * (rivals + 1) / (6 * number))


def cliques(mean: Sequence[float], difference: float) -> list[tuple[float, float]]:
    """Return the ranges of mean ranks within which no two differ by the critical difference, none inside another."""
    ordered = sorted(mean)
    found: list[tuple[float, float]] = []
    for low in ordered:
        high = max(value for value in ordered if value - low < difference)
        if high > low and (not found or high > found[-1][1]):
            found.append((low, high))
    return found


def _friedman(of_problems: Floats) -> float:
    if of_problems.shape[1] < 3 or len(of_problems) < 2:
        return math.nan
    if (of_problems == of_problems[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*of_problems.T).pvalue)


def _stacked(
    blocks: dict[tuple[str, int], dict[str, Record]], problem: str, names: Sequence[str], fractions: Sequence[float]
) -> Floats:
    """Return (S, K, T) the regrets on a problem."""
    mine = [block for (name, _), block in blocks.items() if name == problem]
    return np.array([[regrets_of(block[name], fractions) for name in names] for block in mine])
