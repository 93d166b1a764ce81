"""A configuration for a new start: the model's choice where it has one, always valid, never one that was had before."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bohb.errors import SettingError, SpaceError, SpaceExhausted
from bohb.models import Proposal
from bohb.space import Space
from bohb.trials import Origin

MAX_BATCHES = 10
BATCH = 32

Vector = NDArray[np.float64]


def select(
    proposal: Proposal, num_levels: int, space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator
) -> tuple[Vector, Origin, dict[str, Any]]:
    """Returns the `(d,)` vector of a new configuration, where it came from, and JSON-able facts about the choice.

    Raises:
        SpaceExhausted: If no configuration is new.
        SettingError: If the model, a user's own, said something else than a proposal.
    """
    _check_vectors(proposal, len(space.names))
    facts = {**_read_facts(proposal.why, num_levels), "rejected": 0, "duplicates": 0}
    if len(proposal.vectors):
        vector = _first_new(space, proposal.vectors, is_new, facts)
        if vector is not None:
            return vector, Origin.MODEL, facts
        facts["reason"] = "every candidate was forbidden or had before"
    return _random(space, is_new, rng, facts), Origin.RANDOM, facts


def _check_vectors(proposal: Any, num_dims: int) -> None:
    if not isinstance(proposal, Proposal):
        raise SettingError(f"expected the model to return a Proposal, got {proposal!r}")
    shape = np.shape(proposal.vectors)
    if len(shape) != 2 or (shape[0] and shape[1] != num_dims):
        raise SettingError(f"expected a proposal of (n, {num_dims}) vectors from the model, got the shape {shape}")


def _read_facts(why: Any, num_levels: int) -> dict[str, Any]:
    """Returns a private copy of what a model notes, which has to go to JSON and to make sense to `explain`."""
    try:
        facts: dict[str, Any] = json.loads(json.dumps(dict(why), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingError(f"expected JSON-able facts in the model's proposal, got {why!r:.200}: {error}") from error
    numbers = [facts.get(name, 0) for name in ("level", "good", "bad")]
    is_sound = set(map(type, numbers)) == {int} and type(facts.get("score", 0)) in (int, float)
    if not is_sound or not 0 <= numbers[0] < num_levels or ("good" in facts) != ("bad" in facts):
        raise SettingError(
            "expected `level`, `good` and `bad` as integers, the latter two together, and `score` as a number in the "
            f"facts of the model's proposal, got {facts}; note anything else under another name"
        )
    if "reissue_of" in facts:
        raise SettingError(f"expected no `reissue_of` in the facts of the model's proposal, got {facts}; rename it")
    return facts


def _first_new(space: Space, vectors: Vector, is_new: Callable[[Vector], bool], facts: dict[str, Any]) -> Vector | None:
    """Returns the first of `(n, d)` vectors, moved to the grid, that is allowed and new; counts those before it."""
    for i in range(len(vectors)):
        snapped = space.deactivate(space.snap(vectors[i : i + 1]))  # in this order: a condition sees the grid's value
        if not space.is_allowed(snapped)[0]:
            facts["rejected"] += 1
        elif not is_new(snapped[0]):
            facts["duplicates"] += 1
        else:
            return np.asarray(snapped[0])
    return None


def _random(space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator, facts: dict[str, Any]) -> Vector:
    """Returns a new configuration drawn from the space."""
    for vectors in _draws(space, rng, facts):
        vector = _first_new(space, vectors, is_new, facts)
        if vector is not None:
            return vector
    return _any_new(space, is_new, rng)


def _draws(space: Space, rng: np.random.Generator, facts: dict[str, Any]) -> Iterator[Vector]:
    """Yields `(n, d)` random vectors: from the space's own distribution, and then evenly, since that may hide most."""
    for batch in range(MAX_BATCHES):
        vectors, rejected = space.sample(rng, BATCH if batch else 1)
        facts["rejected"] += rejected
        yield vectors
    for _ in range(MAX_BATCHES):
        yield space.scatter(rng, BATCH)


def _everything(space: Space) -> Vector:
    """Returns all `(n, d)` vectors of the space, none if they are too many to be listed."""
    try:
        return space.enumerate()
    except SpaceError:
        return np.empty((0, len(space.names)))


def _any_new(space: Space, is_new: Callable[[Vector], bool], rng: np.random.Generator) -> Vector:
    """Returns one of the few new configurations that are left of a finite space."""
    left: list[Vector] = [vector for vector in _everything(space) if is_new(vector)]
    if not left:
        raise SpaceExhausted(
            f"expected a configuration that is new at this budget, found none in {MAX_BATCHES * BATCH} draws; "
            "the space holds too few, or its forbidden clauses leave too few: widen it"
        )
    return left[int(rng.integers(len(left)))]
