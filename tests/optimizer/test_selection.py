"""A new configuration is valid and not a repeat, however few are left."""

import numpy as np
import pytest

import bohb
from bohb.models import Proposal
from bohb.optimizer.selection import select
from bohb.space import Space
from bohb.trials import Origin

NOTHING = np.empty((0, 1))


def chosen(space, is_new, *, vectors=NOTHING, seed=0):
    return select(Proposal(vectors), 1, space, is_new, np.random.default_rng(seed))


@pytest.mark.parametrize("left", [0, 777, 4999])
def test_the_last_new_configuration_is_found(left):
    """Although hundreds of draws may all miss it; the control is a draw among many."""
    space = Space({"n": (1, 5000)})
    last = space.enumerate()[left]
    vector, origin, facts = chosen(space, lambda candidate: np.array_equal(candidate, last))
    assert np.array_equal(vector, last)
    assert origin is Origin.RANDOM
    assert facts.duplicates > 300
    _, _, easy = chosen(space, lambda _: True)
    assert easy.duplicates == 0


@pytest.mark.parametrize("space", [{"n": (1, 5)}, {"x": (0.0, 1.0)}])
def test_if_nothing_is_new_the_space_is_exhausted(space):
    with pytest.raises(bohb.SpaceExhausted, match="new at this budget"):
        chosen(Space(space), lambda _: False)


def test_the_first_new_candidate_of_the_model_is_taken():
    """Repeats are counted; without a new candidate the configuration is random, and the facts say why."""
    space = Space({"n": (1, 5)})
    vectors = space.enumerate()
    vector, origin, facts = chosen(space, lambda v: not np.array_equal(v, vectors[0]), vectors=vectors)
    assert np.array_equal(vector, vectors[1])
    assert (origin, facts.duplicates) == (Origin.MODEL, 1)
    _, origin, facts = chosen(space, lambda v: np.array_equal(v, vectors[4]), vectors=vectors[:2])
    assert origin is Origin.RANDOM
    assert "repeat" in facts.reason
