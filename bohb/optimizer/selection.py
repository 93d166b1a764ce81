"""A configuration for a new start: the model's choice where it has one; always valid, never a repeat."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """The candidates that were passed over."""

    rejected: int = 0
    duplicates: int = 0


def select(
    proposal: Proposal, num_levels: int, space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator
) -> tuple[Vector, Origin, Facts]:
    """Return the `(d,)` vector of a new configuration, where it came from, and facts about the choice.

    Raises:
        SpaceExhausted: If no configuration is new.
        SettingError: If the model, a user's own, returned anything else than a valid proposal.
    """
    _check_vectors(proposal, len(space.names))
    facts, passed = _checked_facts(proposal.facts, num_levels), _Passed()
    vector, origin, reason = _first_new(space, proposal.vectors, is_new, passed), Origin.MODEL, facts.reason
    if vector is None:
        reason = "every candidate was forbidden or a repeat" if len(proposal.vectors) else reason
        vector, origin = _random(space, is_new, rng, passed), Origin.RANDOM
    return vector, origin, replace(facts, reason=reason, rejected=passed.rejected, duplicates=passed.duplicates)


def _check_vectors(proposal: Any, num_dims: int) -> None:
    if not isinstance(proposal, Proposal):
        raise SettingError(f"expected the model to return a Proposal, got {proposal!r}")
    shape = np.shape(proposal.vectors)
    if len(shape) != 2 or (shape[0] and shape[1] != num_dims):
        raise SettingError(f"expected a proposal of (n, {num_dims}) vectors from the model, got the shape {shape}")


def _checked_facts(facts: Any, num_levels: int) -> Facts:
    """Return a private copy of what a model notes, which has to go to JSON and to make sense to `explain`."""
    if not isinstance(facts, Facts):
        raise SettingError(f"expected Facts in the model's proposal, got {facts!r:.200}")
    if facts.level is not None and not 0 <= facts.level < num_levels:
        raise SettingError(f"expected a level from 0 to {num_levels - 1} in the facts of the model, got {facts.level}")
    if facts.reissue_of is not None:
        raise SettingError(f"expected no `reissue_of` in the facts of the model, got {facts}; the optimizer sets it")
    if not facts.more:
        return facts
    try:
        more = json.loads(json.dumps(dict(facts.more), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingError(f"expected JSON-able facts from the model, got {facts.more!r:.200}: {error}") from error
    return replace(facts, more=more)


def _first_new(space: Space, vectors: Vector, is_new: Callable[[Vector], bool], passed: _Passed) -> Vector | None:
    """Return the first of `(n, d)` vectors, moved to the grid, that is allowed and new; counts those before it."""
    for i in range(len(vectors)):
        snapped = space.deactivate(space.snap(vectors[i : i + 1]))  # in this order: a condition sees the grid's value
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
    """Yield `(n, d)` random vectors: from the space's own distribution, and then evenly, since that may hide most."""
    for batch in range(MAX_BATCHES):
        vectors, rejected = space.sample(rng, BATCH if batch else 1)
        passed.rejected += rejected
        yield vectors
    for _ in range(MAX_BATCHES):
        yield space.scatter(rng, BATCH)


def _everything(space: Space) -> Vector:
    """Return all `(n, d)` vectors of the space, none if they are too many to be listed."""
    try:
        return space.enumerate()
    except SpaceError:
        return np.empty((0, len(space.names)))


def _any_new(space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator) -> Vector:
    """Return one of the few new configurations that are left of a finite space."""
    left: list[Vector] = [vector for vector in _everything(space) if is_new(vector)]
    if not left:
        raise SpaceExhausted(
            f"expected a configuration that is new at this budget, found none in {MAX_BATCHES * BATCH} draws; "
            "the space holds too few, or its forbidden clauses leave too few: widen it"
        )
    return left[int(rng.integers(len(left)))]
