"""Expected improvement under Gaussian processes over configurations and budgets: the default model.

Each process is fitted to the results at all budgets, with the budget as one more input. It learns how much a result at
a small budget says about a full training (Klein et al. 2017, Fabolas; Klein et al. 2020, MOBSTER). A configuration is
worth its expected improvement at the full budget (Jones et al. 1998), divided by its remaining cost. The same value
applies to new and to paused configurations.

A few results cannot tell a rough objective from a smooth one. So there are two processes, one for each kind, and the
logarithms of their expected improvements are averaged. An ask takes about 20 ms, however many results there are. With
few results this finds better configurations than a density ratio. With many results the density ratio is as good and
much cheaper, so it takes over.

Small budgets can mislead, and the processes rely on them most while full results are few. Two rules limit the damage:

* A start above the smallest budget is proposed from the results at that budget and above, once there are enough.
* If the full results are clearly better predicted without the smaller budgets, a process ignores the smaller budgets.

Scaling or shifting all losses leaves the proposals as they are. Other increasing transforms may change them, because
the size of an improvement counts.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.errors import StateError
from bohb.facts import Facts
from bohb.models.acquisition import AcquisitionSearch, at_full_budget
from bohb.models.density_ratio import random_proposal
from bohb.models.observations import Entry, Observations
from bohb.models.pooled_density import PooledDensityModel
from bohb.models.protocol import Model, Proposal
from bohb.space import Space
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH
from bohb.surrogates.protocol import Examples, Posterior, Surrogate
from bohb.surrogates.threads import one_blas_thread

Point = tuple[int, int, float]
"""The level, the configuration id and the loss of a result."""

MAX_ANSWERS = 16
"""So many paused configurations are named in an answer, because other processes may have resumed the first ones."""

SHARE_OF_REST = 0.6
"""From the largest budget down, each budget gets at most this share of the remaining points; the last gets the rest."""


@dataclass(frozen=True)
class ExpectedImprovementModel:
    """Expected improvement under two Gaussian processes over all budgets.

    Attributes:
        random_fraction: The probability of a random configuration whenever a new one may start, in [0, 1]. It takes
            precedence over paused configurations. Any positive value keeps BOHB's guarantee.
        min_results: With fewer results, configurations are random.
        min_full: The same limit for a start above the smallest budget, where results are expensive; only results at
            that budget and above count. While trials are pending, results at smaller budgets are used until the limit
            is reached; otherwise many workers would train random configurations. From twice this many full results on,
            the model checks whether to ignore smaller budgets; see `doubt`.
        max_results: With more results, `many` proposes, and `choose` leaves the choice to the schedule.
        max_points: The largest number of results that a process is fitted to.
        max_pending: The largest number of pending configurations that it takes into account, the newest ones.
        max_learned: The largest number of results from which a process learns its hyperparameters.
        num_candidates: The largest number of different candidates in a proposal.
        doubt: How much better the full results must be predicted without the smaller budgets before a process ignores
            those, in standard errors.
        surrogates: The processes. The logarithms of their expected improvements are averaged.
        many: The model for more than `max_results` results.
    """

    random_fraction: float = 0.1
    min_results: int = 8
    min_full: int = 3
    max_results: int = 2000
    max_points: int = 160
    max_pending: int = 64
    max_learned: int = 64
    num_candidates: int = 32
    doubt: float = 1.0
    surrogates: tuple[Surrogate, ...] = field(default=(ROUGH, SMOOTH), hash=False)
    many: Model = field(default_factory=PooledDensityModel, hash=False)

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates by expected improvement, the highest first.

        The proposal has no candidates if a random configuration is due, or if there are too few results.
        """
        chosen = self.choose(observations, space, rng, (), (), 0)
        return chosen if isinstance(chosen, Proposal) else self.many.propose(observations, space, rng)

    def choose(
        self,
        observations: Observations,
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> int | Proposal | None:
        """Choose the highest expected improvement divided by the remaining cost, which is 1 for a new configuration.

        See `PromotingModel.choose` for the arguments and the answer.
        """
        answers = self.rank(observations, space, rng, waiting, remaining_cost, start)
        return None if answers is None else answers[0]

    @one_blas_thread("linalg.lapack", "special")
    @np.errstate(under="ignore")  # tiny values may become 0, even where users tell numpy to raise
    def rank(
        self,
        observations: Observations,
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> Sequence[int | Proposal] | None:
        """Return what `choose` returns, and after it the next choices, by the same measure.

        At most `MAX_ANSWERS` of them are paused configurations.
        """
        num_results = observations.num_results
        if num_results > self.max_results:
            return None
        if start is not None and rng.random() < self.random_fraction:
            return [random_proposal(space, "random share")]
        lowest, needed = start or 0, min(self.min_results, self.min_full) if start else self.min_results
        points = self._points(_told(observations), lowest)
        if lowest and len(points) < needed and observations.pending:
            lowest, points = 0, self._points(_told(observations), 0)
        if len(points) < needed:
            at_random = random_proposal(space, "too few results", results=len(points), needed=needed)
            return [0 if start is None else at_random]
        search = self._search(points, lowest, observations, space, rng)
        if start is None:
            return [*_best_paused(search, observations.vectors(waiting), remaining_cost)]
        paused: dict[int, float] = {}
        candidates, scores = search.run(self.num_candidates)
        if len(waiting):
            is_new = [observations.find(candidate) is None for candidate in candidates]
            candidates, scores = candidates[is_new], scores[is_new]
            paused = _best_paused(search, observations.vectors(waiting), remaining_cost)
        if not len(candidates):
            proposal, best = random_proposal(space, "every candidate was forbidden", results=num_results), -math.inf
        else:
            best, score = float(scores[0]), float(f"{scores[0]:.6g}")
            facts = Facts(surrogate=self._names(), results=num_results, points=len(points), score=score)
            proposal = Proposal(candidates, facts)
        better = [index for index, score in paused.items() if score >= best]
        return [*better, proposal, *(index for index in paused if index not in better)]

    def _points(self, told: Sequence[Sequence[Entry]], lowest: int) -> list[Point]:
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

    def _search(
        self, points: list[Point], lowest: int, observations: Observations, space: Space, rng: np.random.Generator
    ) -> AcquisitionSearch:
        """Return the search, with the surrogates fitted to the points. Fits are kept until the next tell."""
        posteriors: Sequence[Posterior] = observations.remember(
            (self, lowest),
            lambda: self._fits(points, lowest, observations, space),
        )
        pending = observations.pending[-self.max_pending :]
        if pending:
            believed = at_full_budget(observations.vectors(pending))
            posteriors = [posterior.believing(believed) for posterior in posteriors]
        top = len(observations.levels) - 1
        known = list(dict.fromkeys([*(config_id for _, config_id, _ in points), *pending]))
        full = {config_id for level, config_id, _ in points if level == top}
        # Pending configurations count as told, or parallel proposals would all fall on one spot.
        goals = full.union(pending) if full else set(known)
        rows = np.array([row for row, config_id in enumerate(known) if config_id in goals])
        return AcquisitionSearch(posteriors, space, rng, observations.vectors(known), rows)

    def _fits(self, points: list[Point], lowest: int, observations: Observations, space: Space) -> list[Posterior]:
        """Return the surrogates, each fitted to all points or to the full results alone.

        Which of the two, and its hyperparameters, are learned from the first results only, see `learning_size`. So
        they depend on the record alone, and not on when a process last asked.
        """
        results = self._examples(points, observations, space)
        posteriors = []
        for number, surrogate in enumerate(self.surrogates):
            size = learning_size(observations, lowest, number)
            learn = partial(self._learn, surrogate, size, lowest, observations, space)
            alone, learned = _checked(observations.learn(f"{number} from {lowest}", size, learn))
            examples = _transformed(results, surrogate)
            posteriors.append(surrogate.fit(self._of_full_budget(examples) if alone else examples, learned))
        return posteriors

    def _learn(
        self, surrogate: Surrogate, size: int, lowest: int, observations: Observations, space: Space
    ) -> list[Any]:
        """Return whether a surrogate predicts the full results better by those alone, and what it then learns."""
        points = self._points(observations.first(size, lowest), lowest)
        if not points:
            return [False, None]
        examples = _transformed(self._examples(points, observations, space), surrogate)
        together = surrogate.learn(examples)
        full = np.flatnonzero(examples.unreliability == 0)
        if 2 * self.min_full <= len(full) < len(points) and np.ptp(examples.values[full]):
            of_full = self._of_full_budget(examples)
            alone = surrogate.learn(of_full)
            gains = surrogate.fit(of_full, alone).log_predictive(np.arange(len(full)))
            gains = gains - surrogate.fit(examples, together).log_predictive(full)
            if _is_clearly_positive(gains, self.doubt):
                return [True, alone]
        return [False, together]

    def _examples(self, points: list[Point], observations: Observations, space: Space) -> Examples:
        """Return the points as examples whose values are the losses."""
        levels = np.array([level for level, _, _ in points])
        vectors = observations.vectors([config_id for _, config_id, _ in points])
        top = len(observations.levels) - 1
        below = (top - levels) / max(top, 1)
        losses = np.array([loss for _, _, loss in points])
        categorical = np.append(space.choices > 0, False)
        return Examples(np.column_stack([vectors, 1 - below]), losses, categorical, below, self._chosen(levels))

    def _of_full_budget(self, examples: Examples) -> Examples:
        """Return the examples at the full budget."""
        full = examples.unreliability == 0
        return Examples(
            examples.points[full],
            examples.values[full],
            examples.categorical,
            examples.unreliability[full],
            self._chosen(np.zeros(int(full.sum()), dtype=np.intp)),
        )

    def _names(self) -> str:
        return " and ".join(dict.fromkeys(surrogate.name for surrogate in self.surrogates))

    def _chosen(self, levels: Indices) -> Indices:
        """Return the rows to learn hyperparameters from: larger budgets first, spread evenly over each level."""
        rows: list[int] = []
        for level in reversed(range(levels.min(), levels.max() + 1)):
            here = np.flatnonzero(levels == level)
            count = min(len(here), _share(self.max_learned - len(rows), is_last=level == levels.min()))
            rows += here[np.linspace(0, len(here) - 1, count).astype(np.intp)].tolist()
        return np.array(rows)


def learning_size(observations: Observations, lowest: int, offset: int) -> int:
    """Return how many of the first results at level `lowest` and above hyperparameters are learned from.

    The number grows with every second result and every second full result; with many results by a twentieth. An
    offset separates surrogates, so that they do not learn at the same ask.
    """
    num_full = _reached(len(observations.levels[-1]), offset)
    return max(_reached(observations.num_from(lowest), offset), observations.num_until_full(num_full, lowest))


def _reached(num: int, offset: int) -> int:
    """Return the largest number up to `num` of a sequence that grows by two, and from 40 on by a twentieth."""
    reached = 1 + offset
    while (larger := reached + max(2, reached // 20)) <= num:
        reached = larger
    return min(reached, num)


def _transformed(results: Examples, surrogate: Surrogate) -> Examples:
    """Return the examples with the surrogate's transform of the losses as values."""
    return replace(results, values=surrogate.transform(results.values, results.unreliability == 0))


def _checked(lesson: Any) -> tuple[bool, Any]:
    """Return what `_learn` returned, now or when it was recorded.

    Raises:
        StateError: If the record was damaged.
    """
    if isinstance(lesson, list) and len(lesson) == 2 and type(lesson[0]) is bool:
        return lesson[0], lesson[1]
    raise StateError(f"expected what the model learned, got {str(lesson)[:200]}; restore the record from a copy")


def _told(observations: Observations) -> list[Sequence[Entry]]:
    return [level.told for level in observations.levels]


def _best_paused(search: AcquisitionSearch, paused: Floats, remaining_cost: Sequence[float]) -> dict[int, float]:
    """Return the indices of the best of `(n, d)` paused configurations with their scores, best first.

    The score is the logarithm of the expected improvement divided by the remaining cost.
    """
    scores = search.score(paused) - np.log(remaining_cost)
    order = np.argsort(-scores, kind="stable")[:MAX_ANSWERS]
    return {int(index): float(scores[index]) for index in order}


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
