"""Select a new configuration: the model's best valid candidate, else a random one; never a repeat."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb._json import keep
from bohb._text import brief
from bohb.errors import SettingError, SpaceError, SpaceExhausted
from bohb.facts import Facts
from bohb.models import Proposal
from bohb.space import Space
from bohb.trials import Origin

MAX_BATCHES = 10
BATCH = 32

Vector = NDArray[np.float64]


@dataclass(slots=True)
class _Passed:
    """The number of candidates that were not taken."""

    rejected: int = 0
    duplicates: int = 0


def select(
    proposal: Proposal, num_levels: int, space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator
) -> tuple[Vector, Origin, Facts]:
    """Return the `(d,)` vector of a new configuration, its origin, and facts about the choice.

    Raises:
        SpaceExhausted: If the space has no new configuration.
        SettingError: If a user's own model returned an invalid proposal.
    """
    facts, passed = _checked_facts(proposal.facts, num_levels), _Passed()
    vector, origin, reason = _first_new(space, proposal.vectors, is_new, passed), Origin.MODEL, facts.reason
    if vector is None:
        reason = "every candidate was forbidden or a repeat" if len(proposal.vectors) else reason
        vector, origin = _random(space, is_new, rng, passed), Origin.RANDOM
    return vector, origin, replace(facts, reason=reason, rejected=passed.rejected, duplicates=passed.duplicates)


def check_proposal(proposal: Any, num_dims: int) -> Proposal:
    """Return what a model proposed.

    Raises:
        SettingError: If it is no proposal of vectors in so many dimensions.
    """
    if not isinstance(proposal, Proposal):
        raise SettingError(f"expected the model to return a Proposal, got {brief(proposal)}")
    shape = np.shape(proposal.vectors)
    if len(shape) != 2 or (shape[0] and shape[1] != num_dims):
        raise SettingError(f"expected a proposal of (n, {num_dims}) vectors from the model, got the shape {shape}")
    return proposal


def _checked_facts(facts: Any, num_levels: int) -> Facts:
    """Return a private copy of the model's facts, checked because a state and `explain` rely on them."""
    if not isinstance(facts, Facts):
        raise SettingError(f"expected Facts in the model's proposal, got {facts!r:.200}")
    if facts.level is not None and not 0 <= facts.level < num_levels:
        raise SettingError(f"expected a level from 0 to {num_levels - 1} in the facts of the model, got {facts.level}")
    if facts.reissue_of is not None:
        raise SettingError(f"expected no `reissue_of` in the facts of the model, got {facts}; the optimizer sets it")
    if not facts.more:
        return facts
    try:
        more = keep(dict(facts.more))
    except (TypeError, ValueError) as error:
        raise SettingError(f"expected JSON-able facts from the model, but {error}") from error
    return replace(facts, more=more)


def _first_new(space: Space, vectors: Vector, is_new: Callable[[Vector], bool], passed: _Passed) -> Vector | None:
    """Return the first of `(n, d)` vectors that is allowed and new, on the grid. Count the vectors before it."""
    for i in range(len(vectors)):
        snapped = space.deactivate(
            space.snap(vectors[i : i + 1])
        )  # in this order, as conditions apply to values on the grid
        if not space.is_allowed(snapped)[0]:
            passed.rejected += 1
        elif not is_new(snapped[0]):
            passed.duplicates += 1
        else:
            return np.asarray(snapped[0])
    return None


def _random(space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator, passed: _Passed) -> Vector:
    """Return a new configuration drawn from the space."""
    for vectors in _draws(space, rng, passed):
        vector = _first_new(space, vectors, is_new, passed)
        if vector is not None:
            return vector
    return _any_new(space, is_new, rng)


def _draws(space: Space, rng: np.random.Generator, passed: _Passed) -> Iterator[Vector]:
    """Yield `(n, d)` random vectors from the space's prior, then uniform ones, as a prior may hide most of it."""
    for batch in range(MAX_BATCHES):
        vectors, rejected = space.sample(rng, BATCH if batch else 1)
        passed.rejected += rejected
        yield vectors
    for _ in range(MAX_BATCHES):
        yield space.scatter(rng, BATCH)


def _everything(space: Space) -> Vector:
    """Return all `(n, d)` vectors of the space, or an empty array if there are too many."""
    try:
        return space.enumerate()
    except SpaceError:
        return np.empty((0, len(space.names)))


def _any_new(space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator) -> Vector:
    """Return one of the last new configurations of a finite space.

    Raises:
        SpaceExhausted: If there is none.
    """
    left: list[Vector] = [vector for vector in _everything(space) if is_new(vector)]
    if not left:
        raise SpaceExhausted(
            f"expected a configuration that is new at this budget, found none in {MAX_BATCHES * BATCH} draws; "
            "the space holds too few, or its forbidden clauses leave too few: widen it"
        )
    return left[int(rng.integers(len(left)))]
