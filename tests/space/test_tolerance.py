"""A number that differs from a bound by rounding alone means the bound; any other one out of range is refused."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.exchange.hpbandster import import_hpbandster
from bohb.space import checked_space

ranges = st.sampled_from(
    [(1e-5, 1e-1, "log"), (0.0, 1.0), (-1.0, 1.0), (0.1, 0.3), (1e3, 1e9, "log"), (-922338.125, 3.5)]
)


@settings(deadline=None)
@given(declared=ranges, end=st.sampled_from([0, 1]), units=st.integers(0, 4))
def test_a_few_units_in_the_last_place_are_rounding(declared: Any, end: int, units: int) -> None:
    """The value is set on the bound."""
    space = checked_space({"x": declared})
    bound = space.parameters["x"].range[end]
    size = abs(bound) if "log" in declared else max(abs(declared[0]), abs(declared[1]))
    value = bound + (units if end else -units) * math.ulp(size)
    assert space.canonical({"x": value}) == {"x": bound}
    assert space.encode({"x": value}).tobytes() == space.encode({"x": bound}).tobytes()
    with pytest.raises(bohb.ConfigError, match="'x'"):
        space.encode({"x": bound + (1e-5 if end else -1e-5) * size})


@settings(deadline=None)
@given(declared=ranges, share=st.floats(0, 1))
def test_a_value_inside_stays_exactly_as_given(declared: Any, share: float) -> None:
    space = checked_space({"x": declared})
    lower, upper, _ = space.parameters["x"].range
    value = min(max(lower + share * (upper - lower), lower), upper)
    assert space.canonical({"x": value}) == {"x": value}


@pytest.mark.parametrize("value", [np.logspace(-5, -1, 5)[0], np.float32(1e-5), np.array([1e-5]), np.array(1e-5)])
def test_the_value_of_a_grid_is_the_bound(value: Any) -> None:
    optimizer = bohb.Optimizer({"lr": (1e-5, 1e-1, "log")}, [1, 3], seed=0)
    assert optimizer.observe({"lr": value}, 1, 0.5).config == {"lr": pytest.approx(1e-5, rel=1e-6)}
    assert optimizer.results[0].config["lr"] >= 1e-5
    optimizer.enqueue({"lr": value}, 3)
    assert optimizer.ask().config["lr"] >= 1e-5
    assert bohb.Optimizer.from_state(optimizer.to_state()).results == optimizer.results


def test_a_float_of_a_grid_of_steps_is_found() -> None:
    space = checked_space({"x": {"float": [0, 1], "step": 0.1}})
    assert [space.canonical({"x": value})["x"] for value in np.arange(0, 1.05, 0.1)] == [k / 10 for k in range(11)]
    with pytest.raises(bohb.ConfigError):
        space.encode({"x": 0.3001})


def test_an_import_sets_values_on_the_bounds(tmp_path: Any) -> None:
    value = float(np.logspace(-5, -1, 5)[0])
    assert value < 1e-5
    (tmp_path / "configs.json").write_text(json.dumps([[0, 0, 0], {"lr": value}, {}]) + "\n")
    (tmp_path / "results.json").write_text(json.dumps([[0, 0, 0], 1.0, {}, {"loss": 0.5, "info": {}}, None]) + "\n")
    optimizer = bohb.Optimizer({"lr": (1e-5, 1e-1, "log")}, [1, 3], seed=0)
    assert import_hpbandster(optimizer, tmp_path).num_new == 1
    assert optimizer.results[0].config == {"lr": 1e-5}
