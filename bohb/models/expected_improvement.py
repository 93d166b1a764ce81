"""Expected improvement under Gaussian processes over configurations and budgets: the default model.

Each process is fitted to the results at all budgets, with the budget as one more input. It learns how much a result at
a small budget says about a full training (Klein et al. 2017, Fabolas; Klein et al. 2020, MOBSTER). A configuration is
worth its expected improvement at the full budget (Jones et al. 1998), divided by its remaining cost. The same value
applies to new and to paused configurations.

A few results cannot tell a rough objective from a smooth one. So there are two processes, one for each kind, and the
logarithms of their expected improvements are averaged. An ask takes a few milliseconds, however many results there are.
With few results this finds better configurations than a density ratio. With many results the density ratio is as good
and much cheaper, so it takes over.

Small budgets can mislead, and the processes rely on them most while full results are few. Two rules limit the damage:

* A start above the smallest budget is proposed from the results at that budget and above, once there are enough.
* If the full results are clearly better predicted without the smaller budgets, a process ignores the smaller budgets.

Scaling or shifting all losses leaves the proposals as they are. Other increasing transforms may change them, because
the size of an improvement counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bohb.arrays import Floats
from bohb.facts import Facts
from bohb.models.acquisition import AcquisitionSearch, at_full_budget
from bohb.models.beliefs import Beliefs
from bohb.models.density_ratio import random_proposal
from bohb.models.gain import LEAST, gains
from bohb.models.learning import Fits, FitSettings, Point
from bohb.models.observations import Entry, Observations
from bohb.models.pooled_density import PooledDensityModel
from bohb.models.protocol import Model, Proposal
from bohb.space import Space
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH
from bohb.surrogates.protocol import Posterior, Surrogate
from bohb.surrogates.threads import one_blas_thread

MAX_ANSWERS = 16
"""So many paused configurations are named in an answer, because other processes may have resumed the first ones."""


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
    max_learned: int = 56
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
        points = self._fit_settings.points(_told(observations), lowest)
        if lowest and len(points) < needed and observations.pending:
            lowest, points = 0, self._fit_settings.points(_told(observations), 0)
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

    def _search(
        self, points: list[Point], lowest: int, observations: Observations, space: Space, rng: np.random.Generator
    ) -> AcquisitionSearch:
        """Return the search, with the surrogates fitted to the points."""
        posteriors = self._posteriors(points, lowest, observations, space)
        pending = observations.pending[-self.max_pending :]
        top = len(observations.levels) - 1
        known = list(dict.fromkeys([*(config_id for _, config_id, _ in points), *pending]))
        full = {config_id for level, config_id, _ in points if level == top}
        # Pending configurations count as told, or parallel proposals would all fall on one spot.
        goals = full.union(pending) if full else set(known)
        rows = np.array([row for row, config_id in enumerate(known) if config_id in goals])
        return AcquisitionSearch(posteriors, space, rng, observations.vectors(known), rows)

    def _posteriors(
        self, points: list[Point], lowest: int, observations: Observations, space: Space
    ) -> Sequence[Posterior]:
        """Return the surrogates fitted to the points, which believe the pending trials. Fits are kept until a tell."""
        fits = Fits(self._fit_settings, observations, space, lowest)
        lessons = fits.lessons(self.surrogates)
        posteriors: Sequence[Posterior] = observations.remember(
            (self, lowest),
            lambda: fits.posteriors(self.surrogates, lessons, points),
            as_of=(observations.num_results, [lesson.size for lesson in lessons]),
        )
        pending = observations.pending[-self.max_pending :]
        if pending:
            believed = at_full_budget(observations.vectors(pending))
            posteriors = [posterior.believing(believed) for posterior in posteriors]
        return posteriors

    @one_blas_thread("linalg.lapack", "special")
    @np.errstate(under="ignore")
    def beliefs(self, observations: Observations, space: Space, level: int) -> Beliefs:
        """Return what a process over all budgets believes about the successes at a level; see `Estimator`."""
        fits, told = Fits(self._fit_settings, observations, space, 0), _told(observations)
        return observations.remember(("beliefs", self, level), lambda: fits.beliefs(told, level))

    @one_blas_thread("linalg.lapack", "special")
    @np.errstate(under="ignore")
    def gains(self, observations: Observations, space: Space, repeated: Sequence[int], new: Floats) -> Floats:
        """Return the logarithms of the knowledge gradients of full trainings, each the mean over the surrogates."""
        told = _told(observations)
        posteriors = self._posteriors(self._fit_settings.points(told, 0), 0, observations, space)
        rest = [each for each in self._fit_settings.succeeded(told, len(told) - 1) if each not in set(repeated)]
        vectors = (observations.vectors(repeated), new, observations.vectors(rest))
        points = at_full_budget(np.concatenate(vectors))
        found = [gains(posterior, points, len(repeated), len(new)) for posterior in posteriors]
        return np.asarray(np.log(np.maximum(np.mean(found, axis=0), LEAST)))

    @property
    def _fit_settings(self) -> FitSettings:
        return FitSettings(self.max_points, self.max_learned, self.min_full, self.doubt)

    def _names(self) -> str:
        return " and ".join(dict.fromkeys(surrogate.name for surrogate in self.surrogates))


def _told(observations: Observations) -> list[Sequence[Entry]]:
    return [level.trained for level in observations.levels]


def _best_paused(search: AcquisitionSearch, paused: Floats, remaining_cost: Sequence[float]) -> dict[int, float]:
    """Return the indices of the best of `(n, d)` paused configurations with their scores, best first.

    The score is the logarithm of the expected improvement divided by the remaining cost.
    """
    scores = search.score(paused) - np.log(remaining_cost)
    order = np.argsort(-scores, kind="stable")[:MAX_ANSWERS]
    return {int(index): float(scores[index]) for index in order}
