"""A space in which some values are fixed has them everywhere, whatever its origin was used for before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.space import checked_space

DECLARED = {"f": (0.0, 1.0), "log": (1e-5, 1.0, "log"), "i": (1, 9), "c": ["a", "b", "c"], "one": 7}
VALUES = {"f": 0.3, "log": 1e-3, "i": 4, "c": "b", "one": 7}


@given(names=st.sets(st.sampled_from(sorted(VALUES)), min_size=1), seed=st.integers(0, 2**32))
def test_whatever_is_drawn_or_snapped_has_the_fixed_values(names: set[str], seed: int) -> None:
    space, rng = checked_space(DECLARED), np.random.default_rng(seed)
    whole = space.scatter(rng, 8)
    before = space.snap(whole, floats=False)
    fixed = {name: VALUES[name] for name in names}
    part = space.pinned(fixed)
    columns = [space.names.index(name) for name in fixed]
    expected = space.encode(VALUES)[columns]
    for vectors in (part.snap(whole), part.snap(whole, floats=False), part.sample(rng, 8)[0]):
        assert (vectors[:, columns] == expected).all()
    assert np.array_equal(space.snap(whole, floats=False), before), "the space itself stays as it is"


def test_an_illegal_value_is_refused() -> None:
    with pytest.raises(bohb.ConfigError, match="'d'"):
        checked_space(DECLARED).pinned({"c": "d"})
