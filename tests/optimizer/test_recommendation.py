"""The recommendation: the configuration of the lowest expected loss, which is not always that of the lowest one."""

import json
import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.models.beliefs import shrunk
from tests.strategies import PRESET_NAMES, ladders, loss_of, make, presets, seeds, spaces

COMMON = settings(max_examples=25, deadline=None, derandomize=True)


def search(preset: str, loss: Callable[[bohb.Trial], float], *, num: int = 60, **settings: object) -> bohb.Optimizer:
    """Return a search over one number with this many trials told."""
    settings = {"seed": 0, **settings}
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], preset=preset, **settings)  # type: ignore[arg-type]
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, loss(trial))
    return optimizer


@given(presets, spaces, ladders, seeds, st.integers(0, 40))
@COMMON
def test_it_is_a_configuration_that_succeeded_at_the_largest_budget_with_a_success(
    preset: str, space: str, ladder: str, seed: int, num: int
) -> None:
    """It is a function of the results, and reading it changes no later ask."""
    optimizer, twin = (make(preset, space=space, ladder=ladder, seed=seed) for _ in range(2))
    for _ in range(num):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            break
        assert twin.ask() == trial
        for one in (optimizer, twin):
            one.tell(trial, loss_of(trial))
        optimizer.recommend()
    assert optimizer.to_state() == twin.to_state()
    found = optimizer.recommend()
    assert found == twin.recommend()
    assert found == bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state()))).recommend()
    if optimizer.incumbent is None:
        assert found is None
        return
    assert found is not None
    assert found.budget == optimizer.incumbent.budget
    own = [r for r in optimizer.results if r.trial.config_id == found.config_id and r.budget == found.budget]
    assert [r.trial.id for r in own] == [found.trial]
    assert found.num_results == 1
    assert own[0].config == found.config
    assert not own[0].is_failure
    assert math.isfinite(found.mean)
    assert found.deviation >= 0
    assert str(found)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_it_speaks_the_users_metric(preset: str) -> None:
    """A metric that is maximised is shown as it was told, and the choice is that of its negative as a loss."""
    rng = random.Random(1)
    noise = [rng.gauss(0, 0.1) for _ in range(200)]

    def loss(trial: bohb.Trial) -> float:
        return float((trial.config["x"] - 0.3) ** 2 + noise[trial.id])

    plain = search(preset, loss).recommend()
    named = search(preset, lambda trial: -loss(trial), objectives={"accuracy": "maximize"}).recommend()
    assert plain is not None
    assert named is not None
    assert (plain.metric, named.metric) == ("loss", "accuracy")
    assert (named.config, named.mean, named.deviation) == (plain.config, -plain.mean, plain.deviation)
    assert "accuracy" in str(named)


def test_luck_does_not_decide() -> None:
    """Under noise, the default's recommendation is better on average than the incumbent, and its mean is honest."""
    found, lucky, errors = [], [], []
    for seed in range(8):
        rng = random.Random(seed)

        def loss(trial: bohb.Trial, rng: random.Random = rng) -> float:
            return float(4 * (trial.config["x"] - 0.3) ** 2 + rng.gauss(0, 1.0))

        optimizer = search("default", loss, seed=seed, num=80)
        recommended, incumbent = optimizer.recommend(), optimizer.incumbent
        assert recommended is not None
        assert incumbent is not None
        true = 4 * (recommended.config["x"] - 0.3) ** 2
        found.append(true)
        lucky.append(4 * (incumbent.config["x"] - 0.3) ** 2)
        errors.append((recommended.mean - true) / recommended.deviation)
        assert abs(recommended.mean - true) < abs(incumbent.loss - lucky[-1])
    assert np.mean(found) <= np.mean(lucky)
    assert np.sqrt(np.mean(np.square(errors))) < 3


def test_a_deviation_that_nobody_knows_is_not_called_zero() -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="fast")
    optimizer.tell(optimizer.ask(), 0.5)
    assert str(optimizer.recommend()).startswith("loss 0.5 at budget 1 (trained once)")
    for _ in range(40):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])
    assert " \N{PLUS-MINUS SIGN} " in str(optimizer.recommend())


def test_without_noise_it_is_the_incumbent() -> None:
    """A process that sees no noise believes the results."""
    optimizer = search("default", lambda trial: (trial.config["x"] - 0.3) ** 2, num=60)
    found, incumbent = optimizer.recommend(), optimizer.incumbent
    assert found is not None
    assert incumbent is not None
    assert found.mean == pytest.approx(incumbent.loss, abs=0.01)
    assert found.deviation < 0.02


@pytest.mark.parametrize("preset", [name for name in PRESET_NAMES if name != "default"])
def test_without_a_process_it_is_the_incumbents_configuration(preset: str) -> None:
    """Its mean is shrunk toward that of all."""
    rng = random.Random(0)
    optimizer = search(preset, lambda _: rng.gauss(0, 1))
    found, incumbent = optimizer.recommend(), optimizer.incumbent
    assert found is not None
    assert incumbent is not None
    assert found.config == incumbent.config
    assert found.trial == incumbent.trial.id
    assert found.mean >= incumbent.loss


@pytest.mark.parametrize("preset", ["default", "hyperband"])
@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
def test_the_size_of_the_losses_makes_no_difference(preset: str, factor: float) -> None:
    """Nothing overflows and nothing vanishes."""
    rng = random.Random(0)
    noise = [rng.gauss(0, 0.1) for _ in range(200)]
    plain = search(preset, lambda trial: trial.config["x"] + noise[trial.id], num=40)
    scaled = bohb.Optimizer(plain.space, [1, 3, 9], seed=0, preset=preset)
    for result in plain.results:
        scaled.observe(result.config, result.budget, result.loss * factor)
    one, other = plain.recommend(), scaled.recommend()
    assert one is not None
    assert other is not None
    assert other.config == one.config
    assert other.mean / factor == pytest.approx(one.mean)
    assert other.deviation / factor == pytest.approx(one.deviation)


def observing(preset: str, losses: list[float]) -> bohb.Optimizer:
    """Return an optimizer that knows full trainings with these losses."""
    optimizer, rng = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset=preset), random.Random(0)
    for loss in losses:
        optimizer.observe({"x": rng.random()}, 3, loss)
    return optimizer


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("diverged", [1e6, 1e200, 1.7e308])
def test_a_training_that_diverged_says_nothing_of_the_others(preset: str, diverged: float) -> None:
    rng = random.Random(0)
    losses = [0.1 + 0.01 * rng.random() for _ in range(20)]
    found = observing(preset, [*losses, diverged]).recommend()
    assert found is not None
    assert min(losses) <= found.mean <= max(losses)
    assert found.deviation < np.std(losses)


@pytest.mark.parametrize("preset", ["default", "hyperband"])
@pytest.mark.parametrize("num_worse", [1, 3, 6])
@pytest.mark.parametrize(("factor", "shift"), [(1.0, 100.0), (1e-3, 0.0), (1e3, -5.0)])
def test_where_most_losses_equal_the_best_the_others_count(
    preset: str, num_worse: int, factor: float, shift: float
) -> None:
    """As with an accuracy that is mostly 1: scaled and shifted losses have a scaled deviation."""
    losses = [1.0] * num_worse + [0.0] * (20 - num_worse)
    one = observing(preset, losses).recommend()
    other = observing(preset, [factor * loss + shift for loss in losses]).recommend()
    assert one is not None
    assert other is not None
    assert one.deviation > 0.05
    assert other.config == one.config
    assert other.deviation == pytest.approx(factor * one.deviation, rel=1e-3)
    assert other.mean == pytest.approx(factor * one.mean + shift, rel=1e-3, abs=factor * 1e-3)


def test_equal_losses_are_believed() -> None:
    """If every training has the same loss, that is the expectation."""
    found = search("default", lambda _: 0.25, num=40).recommend()
    assert found is not None
    assert (found.mean, found.deviation) == (0.25, 0.0)


def test_shrinking_keeps_the_order_of_equally_often_trained_ones() -> None:
    """Without repetitions, half of the variance counts as noise."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="random")
    for x, loss in ((0.1, 1.0), (0.2, 2.0), (0.3, 3.0)):
        optimizer.observe({"x": x}, 3, loss)
    beliefs = shrunk(optimizer._history.observations, 1)
    assert beliefs.losses == pytest.approx([1.5, 2.0, 2.5])
    assert beliefs.deviations == pytest.approx([0.5, 0.5, 0.5])
