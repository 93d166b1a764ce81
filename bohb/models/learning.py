"""Fit surrogates to the results: which results they see, and what they learn rarely.

To learn hyperparameters takes as long as everything else in an ask. So they are learned from the first results of the
search, whose number grows by steps, and are recorded with the trial that is asked. They are a function of the record
alone: a process that reads it knows the same, whoever asked, and need not learn it again.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.errors import StateError
from bohb.facts import Lesson
from bohb.models.beliefs import Beliefs
from bohb.models.observations import Entry, Observations
from bohb.space import Space
from bohb.surrogates.gp_surrogate import LINEAR
from bohb.surrogates.protocol import Examples, Posterior, Surrogate
from bohb.surrogates.transforms import behind_best, clipped

Point = tuple[int, int, float]
"""The level, the configuration id and the loss of a result."""

SHARE_OF_REST = 0.6
"""From the largest budget down, each budget gets at most this share of the remaining points; the last gets the rest."""

PERIOD, EARLY_PERIOD = 4, 2
"""A surrogate learns at every fourth result at most; early in the search, at every second one."""
NUM_EARLY = 40
"""The number of results up to which it is early."""


@dataclass(frozen=True)
class FitSettings:
    """What surrogates are fitted to; see `ExpectedImprovementModel` for the meaning of each."""

    max_points: int
    max_learned: int
    min_full: int
    doubt: float

    def points(self, told: Sequence[Sequence[Entry]], lowest: int) -> list[Point]:
        """Return the results that the processes are fitted to, of those that were `told` at each level.

        Larger budgets come first. If a level has more results than its share, half of the chosen ones are the best and
        half are spread evenly over the rest. A failure counts as the worst success. If the successes tie at each
        budget, ranks replace losses, with failures last.
        """
        chosen: list[Point] = []
        for number in reversed(range(lowest, len(told))):
            count = _share(self.max_points - len(chosen), is_last=number == lowest)
            chosen += [(number, config_id, loss) for loss, config_id in _spread(told[number], count)]
        finite = {(number, loss) for number, _, loss in chosen if math.isfinite(loss)}
        if not finite:
            return []
        if len(finite) == len({number for number, _ in finite}):
            order = sorted({loss for _, loss in finite})
            return [(number, config_id, float(bisect_left(order, loss))) for number, config_id, loss in chosen]
        worst = max(loss for _, loss in finite)
        return [(number, config_id, min(loss, worst)) for number, config_id, loss in chosen]

    def succeeded(self, told: Sequence[Sequence[Entry]], level: int) -> list[int]:
        """Return the configurations with a success at a level, of those that the processes are fitted to."""
        succeeded = {config_id for loss, config_id in told[level] if math.isfinite(loss)}
        here = (config_id for number, config_id, _ in self.points(told, 0) if number == level)
        return list(dict.fromkeys(config_id for config_id in here if config_id in succeeded))

    def examples(self, points: list[Point], observations: Observations, space: Space) -> Examples:
        """Return the points as examples whose values are the losses."""
        levels = np.array([level for level, _, _ in points])
        vectors = observations.vectors([config_id for _, config_id, _ in points])
        top = len(observations.levels) - 1
        below = (top - levels) / max(top, 1)
        losses = np.array([loss for _, _, loss in points])
        categorical = np.append(space.choices > 0, False)
        return Examples(np.column_stack([vectors, 1 - below]), losses, categorical, below, self._chosen(levels))

    def of_full_budget(self, examples: Examples) -> Examples:
        """Return the examples at the full budget."""
        full = examples.unreliability == 0
        return Examples(
            examples.points[full],
            examples.values[full],
            examples.categorical,
            examples.unreliability[full],
            self._chosen(np.zeros(int(full.sum()), dtype=np.intp)),
        )

    def _chosen(self, levels: Indices) -> Indices:
        """Return the rows to learn hyperparameters from: larger budgets first, spread evenly over each level."""
        rows: list[int] = []
        for level in reversed(range(levels.min(), levels.max() + 1)):
            here = np.flatnonzero(levels == level)
            count = min(len(here), _share(self.max_learned - len(rows), is_last=level == levels.min()))
            rows += here[np.linspace(0, len(here) - 1, count).astype(np.intp)].tolist()
        return np.array(rows)


@dataclass(frozen=True)
class Fits:
    """The fits of surrogates to the results at level `lowest` and above.

    Attributes:
        settings: What surrogates are fitted to.
        observations: The results.
        space: The search space.
        lowest: The lowest level whose results are used.
    """

    settings: FitSettings
    observations: Observations
    space: Space
    lowest: int

    def lessons(self, surrogates: Sequence[Surrogate]) -> list[Lesson]:
        """Return what each surrogate learned, now or before; see `_lesson` for the values."""
        sizes = self.observations.remember(
            ("sizes", self.lowest, len(surrogates)), lambda: self._sizes(len(surrogates))
        )
        lessons = []
        for number, (surrogate, size) in enumerate(zip(surrogates, sizes, strict=True)):
            compute = partial(self._lesson, surrogate, size)
            lessons.append(self.observations.learn(f"{number} from {self.lowest}", size, compute))
        return lessons

    def _sizes(self, num: int) -> list[int]:
        """Return from how many of the first results each of `num` surrogates learns."""
        levels, batches = self.observations.told_from(self.lowest)
        top = len(self.observations.levels) - 1
        return [learning_size(levels, batches, top, number) for number in range(num)]

    def posteriors(
        self, surrogates: Sequence[Surrogate], lessons: Sequence[Lesson], points: list[Point]
    ) -> list[Posterior]:
        """Return the surrogates fitted to the points, or to the full results where they are better predicted so."""
        results = self.settings.examples(points, self.observations, self.space)
        posteriors = []
        for surrogate, lesson in zip(surrogates, lessons, strict=True):
            alone, learned = _checked(lesson.value)
            examples = _transformed(results, surrogate)
            posteriors.append(surrogate.fit(self.settings.of_full_budget(examples) if alone else examples, learned))
        return posteriors

    def beliefs(self, told: Sequence[Sequence[Entry]], level: int) -> Beliefs:
        """Return what a process believes about the configurations that succeeded at a level; see `Estimator`.

        It is fitted to losses that are clipped at the upper end and linear elsewhere, because the transforms of the
        surrogates keep no means. It learns anew from the results, so it is the same in every process.
        """
        points, ids = self.settings.points(told, 0), self.settings.succeeded(told, level)
        finite = {loss for loss, _ in told[level] if math.isfinite(loss)}
        if len(finite) == 1:  # nothing to learn
            unit = max(*map(abs, finite), float(np.finfo(float).tiny))
            return Beliefs(ids, np.full(len(ids), finite.pop() / unit), np.zeros(len(ids)), 0.0, 0.0, unit)
        results = self.settings.examples(points, self.observations, self.space)
        losses = clipped(results.values, results.unreliability == 0)
        behind, unit = behind_best(losses)
        examples = replace(results, values=behind)
        posterior = LINEAR.fit(examples, LINEAR.learn(examples))
        budget = np.full(len(ids), 1 - (len(told) - 1 - level) / max(len(told) - 1, 1))
        above, deviations = posterior.predict(np.column_stack([self.observations.vectors(ids), budget]))
        means = losses.min() / unit + examples.values.mean() + posterior.unit * above
        square = posterior.unit**2
        process = posterior.process
        noise, between = square * process.least_noise, square * process.variance
        return Beliefs(ids, means, square * deviations**2, noise, between, unit)

    def _lesson(self, surrogate: Surrogate, size: int) -> list[Any]:
        """Return whether a surrogate should see the full results alone, and its hyperparameters, by the first results.

        It should if the full results are clearly better predicted from one another than from all results.
        """
        examples = self._first(surrogate, size)
        if examples is None:
            return [False, None]
        together = surrogate.learn(examples)
        full = np.flatnonzero(examples.unreliability == 0)
        if 2 * self.settings.min_full <= len(full) < len(examples.values) and np.ptp(examples.values[full]):
            of_full = self.settings.of_full_budget(examples)
            alone = surrogate.learn(of_full)
            gains = surrogate.fit(of_full, alone).log_predictive(np.arange(len(full)))
            gains = gains - surrogate.fit(examples, together).log_predictive(full)
            if _is_clearly_positive(gains, self.settings.doubt):
                return [True, alone]
        return [False, together]

    def _first(self, surrogate: Surrogate, size: int) -> Examples | None:
        """Return the first results as examples; None if all of them are failures."""
        points = self.settings.points(self.observations.first(size, self.lowest), self.lowest)
        return (
            _transformed(self.settings.examples(points, self.observations, self.space), surrogate) if points else None
        )


def learning_size(levels: Sequence[int], batches: Sequence[int], top: int, number: int) -> int:
    """Return from how many of the first results a surrogate learns.

    It learns again when the results, or those at the full budget, have grown by two, and with many results by a
    thirtieth. Two surrogates learn at different results, so hardly any ask has to wait for both. What was told between
    two asks is learned from as a whole: its order does not matter.

    Args:
        levels: The level of each result, in the order of telling.
        batches: The batch of each result, ascending; see `Observations.told_from`.
        top: The level of the full budget.
        number: The number of the surrogate.
    """
    end, num_full = len(levels), levels.count(top)
    while end:
        start = bisect_left(batches, batches[end - 1], hi=end)
        num_full_before = num_full - levels[start:end].count(top)
        if _has_step(start, end) or _has_step(num_full_before, num_full):
            due = start + 1
            period = EARLY_PERIOD if due <= NUM_EARLY else PERIOD
            size = due + (number * period // 2 - due) % period
            if size <= len(levels):
                return bisect_right(batches, batches[size - 1])
        end, num_full = start, num_full_before
    return 0


def _has_step(low: int, high: int) -> bool:
    """Whether hyperparameters are learned again at a number of results above `low` and up to `high`."""
    return any(number in _steps() for number in range(low + 1, high + 1))


@cache
def _steps() -> frozenset[int]:
    """Return the numbers of results at which hyperparameters are learned again."""
    steps, number = set(), 1
    while number < 10**12:
        steps.add(number)
        number += max(2, number // 30)
    return frozenset(steps)


def _checked(lesson: Any) -> tuple[bool, Any]:
    """Return what `_lesson` returned, now or when it was recorded.

    Raises:
        StateError: If the record was damaged.
    """
    if isinstance(lesson, list) and len(lesson) == 2 and type(lesson[0]) is bool:
        return lesson[0], lesson[1]
    raise StateError(f"expected what the model learned, got {str(lesson)[:200]}; restore it from a copy")


def _transformed(results: Examples, surrogate: Surrogate) -> Examples:
    """Return the examples with the surrogate's transform of the losses as values."""
    return replace(results, values=surrogate.transform(results.values, results.unreliability == 0))


def _spread(entries: Sequence[tuple[float, int]], count: int) -> Sequence[tuple[float, int]]:
    """Return at most `count` sorted entries: one half are the best, the other half spread evenly over the rest."""
    if len(entries) <= count:
        return entries
    num_best = (count + 1) // 2
    rest = np.linspace(num_best, len(entries) - 1, count - num_best).astype(int)
    return [*entries[:num_best], *(entries[i] for i in rest)]


def _share(num_left: int, *, is_last: bool) -> int:
    """Return how many of the remaining points one budget may have."""
    return num_left if is_last else math.ceil(SHARE_OF_REST * num_left)


def _is_clearly_positive(differences: Floats, num_errors: float) -> bool:
    """Whether the mean exceeds zero by more than `num_errors` standard errors."""
    return float(differences.mean()) * math.sqrt(len(differences)) > num_errors * float(differences.std(ddof=1))
