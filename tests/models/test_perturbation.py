"""Variations of a configuration: near it, within the space, and with every kind of parameter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.models import PerturbationModel
from bohb.space import Space
from tests.strategies import GOOD, mixed_space

SEEDS = st.integers(0, 2**32 - 1)


def varied(definition, config, num=2000, *, seed=0, **settings):
    """Return the values of each parameter in variations of a configuration that are allowed."""
    space = Space(definition)
    drawn = PerturbationModel(**settings).vary(space.encode(config), space, np.random.default_rng(seed), num)
    vectors = space.deactivate(space.snap(drawn))
    return [space.decode(vector) for vector in vectors[space.is_allowed(vectors)]]


@given(seed=SEEDS, resample=st.sampled_from([0.0, 0.1, 1.0]))
def test_variations_lie_in_the_space(seed, resample):
    space = Space(mixed_space())
    for config in varied(mixed_space(), GOOD, 20, seed=seed, resample=resample):
        space.encode(config)


def test_numbers_move_by_about_one_step_and_stay_within_their_range():
    values = np.array([config["x"] for config in varied({"x": (0.0, 1.0)}, {"x": 0.5}, resample=0.0, step=0.1)])
    assert abs(values.mean() - 0.5) < 0.02
    assert 0.09 < values.std() < 0.11
    at_bound = np.array([config["x"] for config in varied({"x": (0.0, 1.0)}, {"x": 1.0}, resample=0.0)])
    assert at_bound.max() <= 1.0
    assert (at_bound < 1.0).mean() > 0.99  # drawn again within the range, and not cut off at its bound


def test_a_step_is_relative_where_the_scale_is_logarithmic():
    rates = np.array([config["x"] for config in varied({"x": (1e-4, 1.0, "log")}, {"x": 0.01}, resample=0.0)])
    assert abs(np.log10(rates).mean() + 2) < 0.1
    assert abs(np.log10(rates).std() - 0.4) < 0.05


@pytest.mark.parametrize("definition", [{"x": (1, 5)}, mixed_space()["size"]])
def test_ordered_values_move_to_their_neighbours(definition):
    is_ordinal = not isinstance(definition, dict)
    definition = {"x": (1, 5)} if not is_ordinal else {"size": definition}
    (name,) = definition
    order = ["small", "medium", "large"] if is_ordinal else [1, 2, 3, 4, 5]
    middle = len(order) // 2
    places = np.array([order.index(c[name]) for c in varied(definition, {name: order[middle]}, resample=0.0)])
    assert 0.3 < (places != middle).mean() < 0.7
    assert (np.abs(places - middle) <= 1).mean() > 0.95


def test_choices_stay_or_are_drawn_anew():
    choices = [config["x"] for config in varied({"x": ["a", "b", "c", "d"]}, {"x": "b"}, resample=0.2)]
    assert abs(np.mean([choice != "b" for choice in choices]) - 0.2 * 3 / 4) < 0.03
    assert set(varied({"x": ["a", "b"]}, {"x": "b"}, resample=0.0)[0].values()) == {"b"}


def test_parameters_that_become_active_get_any_value():
    inactive = {"rate": 0.01, "units": 8, "depth": 2, "act": None, "size": "small", "task": "digits"}
    dropouts = [config["dropout"] for config in varied(mixed_space(), inactive) if "dropout" in config]
    assert len(dropouts) > 50
    assert min(dropouts) < 0.1
    assert max(dropouts) > 0.8


@pytest.mark.parametrize("value", [-0.1, 2.5, "0.1", None, True, math.nan])
@pytest.mark.parametrize("name", ["step", "resample", "num_candidates"])
def test_a_setting_out_of_its_range_is_refused(name, value):
    with pytest.raises(bohb.SettingError, match=name):
        PerturbationModel(**{name: value})


@pytest.mark.parametrize("settings", [{"step": 0.0}, {"num_candidates": 0}])
def test_zero_is_refused_where_nothing_would_change(settings):
    with pytest.raises(bohb.SettingError):
        PerturbationModel(**settings)
