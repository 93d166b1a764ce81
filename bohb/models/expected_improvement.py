"""Gaussian processes over configurations and budgets: what to train next, and what to train on, while results are few.

A process is fitted to the results of all budgets, with the budget as a further dimension, so that it learns by itself
how far a cheap result speaks for a full training (Klein et al. 2017, Fabolas; Klein et al. 2020, MOBSTER). It values a
configuration by its expected improvement at the full budget (Jones et al. 1998), a new one and one that is half trained
alike, and divides by what is left to pay. Two processes are asked, one for rough and one for smooth objectives, because
few results do not say which they come from; the logarithms of their answers are averaged. That costs some twenty
milliseconds an ask, at any number of results, and finds what a density ratio does not; once results are many, the
density ratio is as good and much cheaper, and takes over.

Small budgets can mislead, and the process then trusts them longest where it has no full training to teach it better.
Two things guard against that. As soon as there are some results at a larger budget, what starts there is proposed from
those and the ones above alone. And when the results at the full budget are predicted clearly better from one another
than with the help of all the rest, the rest is left out.

Proposals are the same for losses that are scaled and shifted, but not under every increasing transform: how far the
best is ahead counts, not only that it is.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bohb.arrays import Floats, Indices
from bohb.facts import Facts
from bohb.models.acquisition import AcquisitionSearch, at_full_budget
from bohb.models.density_ratio import random_proposal
from bohb.models.observations import Observations
from bohb.models.pooled_density import PooledDensityModel
from bohb.models.protocol import Model, Proposal
from bohb.space import Space
from bohb.surrogates.gp_surrogate import ROUGH, SMOOTH
from bohb.surrogates.protocol import Examples, Posterior, Surrogate

LARGER = 0.6
"""The results at a budget may take this share of the places that larger budgets leave, those at the smallest all."""


@dataclass(frozen=True)
class ExpectedImprovementModel:
    """Expected improvement under two Gaussian processes over all budgets.

    Attributes:
        random_fraction: How often a random configuration starts where a new one may, even if one that waits would have
            gone on otherwise, in [0, 1]; any positive share keeps BOHB's guarantee.
        min_results: Before there are so many, configurations are random.
        min_full: The same for those that start above the smallest budget, where results are dear. While others are
            being trained the results at smaller budgets are believed until then, or many workers would train as many at
            random. With twice so many full results it is asked whether they do better without the others; see `doubt`.
        max_results: Beyond so many, `many` proposes, and nothing is chosen.
        max_points: A process is conditioned on at most so many results, and on as many pending configurations.
        max_learned: Its hyperparameters are learned from at most so many of them.
        num_candidates: How many different candidates are proposed at most, of all that were looked at.
        doubt: By how many standard errors the full results have to be predicted better without the others before those
            are left out.
        surrogates: What predicts. The logarithms of their expected improvements are averaged.
        many: The model for more results.
    """

    random_fraction: float = 0.1
    min_results: int = 8
    min_full: int = 3
    max_results: int = 2000
    max_points: int = 160
    max_learned: int = 64
    num_candidates: int = 32
    doubt: float = 1.0
    surrogates: tuple[Surrogate, ...] = field(default=(ROUGH, SMOOTH), hash=False)
    many: Model = field(default_factory=PooledDensityModel, hash=False)

    def propose(self, observations: Observations, space: Space, rng: np.random.Generator) -> Proposal:
        """Return candidates by expected improvement, or none for the random share and before there is a model."""
        chosen = self.choose(observations, space, rng, (), (), 0)
        return chosen if isinstance(chosen, Proposal) else self.many.propose(observations, space, rng)

    @np.errstate(under="ignore")  # what is far away is as good as nothing, also where users make numpy strict
    def choose(
        self,
        observations: Observations,
        space: Space,
        rng: np.random.Generator,
        waiting: Sequence[int],
        remaining_cost: Sequence[float],
        start: int | None,
    ) -> int | Proposal | None:
        """Return who has the highest expected improvement for what is left to pay; a new one has all to pay."""
        num_results = observations.num_results
        if num_results > self.max_results:
            return None
        if start is not None and rng.random() < self.random_fraction:
            return random_proposal(space, "random share")
        lowest, needed = start or 0, min(self.min_results, self.min_full) if start else self.min_results
        points = self._points(observations, lowest)
        if lowest and len(points) < needed and observations.pending:
            lowest, points = 0, self._points(observations, 0)
        if len(points) < needed:
            few = random_proposal(space, "too few results", results=len(points), needed=needed)
            return 0 if start is None else few
        search = self._search(points, lowest, observations, space, rng)
        if start is None:
            return _most_worth(search, observations.vectors(waiting), remaining_cost)[0]
        candidates, scores = search.run(self.num_candidates)
        if len(waiting):
            is_new = [observations.find(candidate) is None for candidate in candidates]
            candidates, scores = candidates[is_new], scores[is_new]
            place, worth = _most_worth(search, observations.vectors(waiting), remaining_cost)
            if not len(scores) or worth >= scores[0]:
                return place
        if not len(candidates):
            return random_proposal(space, "every candidate was forbidden", results=num_results)
        score = float(f"{scores[0]:.6g}")
        facts = Facts(surrogate=self._names(), results=num_results, points=len(points), score=score)
        return Proposal(candidates, facts)

    def _points(self, observations: Observations, lowest: int) -> list[tuple[int, int, float]]:
        """Return (level, configuration id, loss) of what the processes see; failures are as bad as the worst of them.

        Where all others at a budget are equal, at each budget, their ranks stand for the losses, and failures are worse
        than all. Larger budgets come first; of a level that has more than its share, half are the best and half are
        spread evenly over the rest.
        """
        chosen: list[tuple[int, int, float]] = []
        for number in reversed(range(lowest, len(observations.levels))):
            room = _room(self.max_points - len(chosen), is_last=number == lowest)
            chosen += [(number, config_id, loss) for loss, config_id in _spread(observations.levels[number].told, room)]
        finite = {(number, loss) for number, _, loss in chosen if math.isfinite(loss)}
        if not finite:
            return []
        if len(finite) == len({number for number, _ in finite}):
            order = sorted({loss for _, loss in finite})
            return [(number, config_id, float(bisect_left(order, loss))) for number, config_id, loss in chosen]
        worst = max(loss for _, loss in finite)
        return [(number, config_id, min(loss, worst)) for number, config_id, loss in chosen]

    def _search(
        self,
        points: list[tuple[int, int, float]],
        lowest: int,
        observations: Observations,
        space: Space,
        rng: np.random.Generator,
    ) -> AcquisitionSearch:
        """Return the search under the surrogates given the points; they are fitted once between two tells."""
        posteriors: Sequence[Posterior] = observations.remember(
            (self, lowest), lambda: [self._fitted(each, points, observations, space) for each in self.surrogates]
        )
        pending = observations.pending[-self.max_points :]
        if pending:
            believed = at_full_budget(observations.vectors(pending))
            posteriors = [posterior.believing(believed) for posterior in posteriors]
        top = len(observations.levels) - 1
        known = list(dict.fromkeys([*(config_id for _, config_id, _ in points), *pending]))
        full = [config_id for level, config_id, _ in points if level == top]
        # What is pending counts as done, or parallel proposals would all fall on one spot.
        goals = [*full, *pending] if full else known
        return AcquisitionSearch(posteriors, space, rng, observations.vectors(known), observations.vectors(goals))

    def _fitted(
        self, surrogate: Surrogate, points: list[tuple[int, int, float]], observations: Observations, space: Space
    ) -> Posterior:
        """Return the surrogate given all the points, or those at the full budget if these do better alone."""
        levels = np.array([level for level, _, _ in points])
        vectors = observations.vectors([config_id for _, config_id, _ in points])
        top = len(observations.levels) - 1
        values = surrogate.transform(np.array([loss for _, _, loss in points]), levels == top)
        posterior = surrogate.fit(self._examples(vectors, values, levels, top, space))
        full = np.flatnonzero(levels == top)
        if 2 * self.min_full <= len(full) < len(points) and np.ptp(values[full]):
            alone = surrogate.fit(self._examples(vectors[full], values[full], levels[full], top, space))
            gains = alone.log_predictive(np.arange(len(full))) - posterior.log_predictive(full)
            if _is_clearly_positive(gains, self.doubt):
                return alone
        return posterior

    def _examples(self, vectors: Floats, values: Floats, levels: Indices, top: int, space: Space) -> Examples:
        below = (top - levels) / max(top, 1)
        categorical = np.append(space.choices > 0, False)
        return Examples(np.column_stack([vectors, 1 - below]), values, categorical, below, self._learned(levels))

    def _names(self) -> str:
        return " and ".join(dict.fromkeys(surrogate.name for surrogate in self.surrogates))

    def _learned(self, levels: Indices) -> Indices:
        """Return the rows to learn from, evenly spread over each level; larger budgets come first, as in `_points`."""
        rows: list[int] = []
        for level in reversed(range(levels.min(), levels.max() + 1)):
            here = np.flatnonzero(levels == level)
            room = min(len(here), _room(self.max_learned - len(rows), is_last=level == levels.min()))
            rows += here[np.linspace(0, len(here) - 1, room).astype(np.intp)].tolist()
        return np.array(rows)


def _most_worth(search: AcquisitionSearch, waiting: Floats, remaining_cost: Sequence[float]) -> tuple[int, float]:
    """Return who of the waiting promises most for what is left to pay, by its place, and the log of how much."""
    worth = search.score(waiting) - np.log(remaining_cost)
    place = int(np.argmax(worth))
    return place, float(worth[place])


def _spread(entries: Sequence[tuple[float, int]], count: int) -> Sequence[tuple[float, int]]:
    """Return at most `count` of the sorted entries: the best half of them, and others spread evenly over the rest."""
    if len(entries) <= count:
        return entries
    num_best = (count + 1) // 2
    rest = np.linspace(num_best, len(entries) - 1, count - num_best).astype(int)
    return [*entries[:num_best], *(entries[i] for i in rest)]


def _room(places: int, *, is_last: bool) -> int:
    """Return how many of the places that are left a budget may take."""
    return places if is_last else math.ceil(LARGER * places)


def _is_clearly_positive(differences: Floats, num_errors: float) -> bool:
    """Whether the mean is positive by more than so many standard errors."""
    return float(differences.mean()) * math.sqrt(len(differences)) > num_errors * float(differences.std(ddof=1))
