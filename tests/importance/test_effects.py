"""Importance: known decompositions, exact leaves, conditions, budgets, and Optuna's evaluator beside it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import BudgetError, SettingError
from bohb.importance import importance, respond
from bohb.importance.anova import Anova
from bohb.importance.forest import grow
from tests.strategies import loss_of, make


def frame_of(function: Callable[[Any], Any], bounds: list[tuple[float, float]], *, num: int = 600) -> pd.DataFrame:
    """Random points of a function of numbers."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(low, high, num) for low, high in bounds])
    columns = {f"config.x{column + 1}": points[:, column] for column in range(len(bounds))}
    ids = np.arange(num)
    return pd.DataFrame({"trial": ids, "config_id": ids, **columns, "budget": 1, "loss": function(points)})


def ishigami(x: Any) -> Any:
    """Ishigami and Homma 1990 with a = 7 and b = 0.1."""
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


PI = [(-math.pi, math.pi)] * 3


def test_of_a_sum_every_share_is_that_of_its_variance() -> None:
    found = importance(frame_of(lambda x: 4 * x[:, 0] + 2 * x[:, 1] + x[:, 2], [(0, 1)] * 3))
    shares = {name: effect.share for name, effect in found.main.items()}
    assert list(shares) == ["x1", "x2", "x3"]
    assert shares == pytest.approx({"x1": 16 / 21, "x2": 4 / 21, "x3": 1 / 21}, abs=0.03)
    assert max(effect.share for effect in found.pairs.values()) < 0.03


def test_of_a_product_the_pair_has_its_share() -> None:
    """Of x * y on the unit square: 3/7, 3/7 and 1/7."""
    found = importance(frame_of(lambda x: x[:, 0] * x[:, 1], [(0, 1)] * 2))
    assert {name: effect.share for name, effect in found.main.items()} == pytest.approx(
        {"x1": 3 / 7, "x2": 3 / 7}, abs=0.03
    )
    assert found.pairs["x1", "x2"].share == pytest.approx(1 / 7, abs=0.03)


def test_of_ishigami_the_decomposition_is_found() -> None:
    """0.314, 0.442 and 0 alone, 0.244 for the first and the third together: a forest smooths the second."""
    found = importance(frame_of(ishigami, PI, num=1000))
    assert found.main["x1"].share == pytest.approx(0.314, abs=0.08)
    assert found.main["x2"].share == pytest.approx(0.442, abs=0.12)
    assert found.main["x3"].share < 0.05
    assert found.pairs["x1", "x3"].share == pytest.approx(0.244, abs=0.06)
    assert next(iter(found.pairs)) == ("x1", "x3")


def test_it_agrees_with_optuna_on_the_same_trials() -> None:
    import optuna
    from optuna.distributions import FloatDistribution

    frame = frame_of(ishigami, PI, num=150)
    distributions: dict[str, Any] = {name: FloatDistribution(-math.pi, math.pi) for name in ("x1", "x2", "x3")}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    columns = [frame[f"config.{name}"].tolist() for name in distributions]
    for *values, loss in zip(*columns, frame["loss"].tolist(), strict=True):
        params = dict(zip(distributions, values, strict=True))
        study.add_trial(optuna.trial.create_trial(value=loss, params=params, distributions=distributions))
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
    theirs = evaluator.evaluate(study)
    ours = {name: effect.share for name, effect in importance(frame, pairs=False).main.items()}
    assert ours == pytest.approx(dict(theirs), abs=0.08)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([0, 0, 2, 3]), min_size=1, max_size=3))
def test_mean_and_marginals_are_those_of_the_tree(seed: int, choices: list[int]) -> None:
    """The leaves fill the space, the mean of a marginal is the mean, and all shares are shares."""
    rng = np.random.default_rng(seed)
    counts = np.array(choices)
    vectors = np.where(counts > 0, np.floor(rng.random((40, len(counts))) * counts), rng.random((40, len(counts))))
    losses = rng.normal(size=40)
    for leaves in grow(vectors, np.zeros(40), losses, counts, at=0.0, num_trees=2, seed=seed):
        tree = Anova(leaves)
        volumes = np.prod([axis.inside @ axis.weights for axis in leaves.axes], axis=0)
        assert volumes.sum() == pytest.approx(1.0)
        assert losses.min() <= tree.mean <= losses.max()
        for column, axis in enumerate(leaves.axes):
            assert axis.weights.sum() == pytest.approx(1.0)
            assert axis.weights @ tree.effect(column) == pytest.approx(0.0, abs=1e-9)
        pairs = [tree.pair(one, other) for one in range(len(counts)) for other in range(one)]
        assert min([*tree.main, *pairs, 0.0]) >= -1e-9
        if len(counts) <= 2:
            assert sum(tree.main) + sum(pairs) == pytest.approx(1.0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_marginal_is_the_mean_over_all_other_values(seed: int) -> None:
    """Of a tree over a number and a choice, compared with scikit-learn's own predictions."""
    from sklearn.tree import DecisionTreeRegressor

    from bohb.importance import forest

    rng = np.random.default_rng(seed)
    vectors, losses = np.column_stack([rng.random(30), rng.integers(3, size=30)]), rng.normal(size=30)
    columns = np.column_stack([vectors[:, 0], *(vectors[:, 1] == choice for choice in range(3)), np.zeros(30)])
    fitted = DecisionTreeRegressor(random_state=0).fit(columns, losses)
    tree = Anova(forest._leaves(fitted.tree_, np.array([0, 3]), 0.0))
    places = np.linspace(0.005, 0.995, 100)
    expected = np.mean(
        [
            fitted.predict(np.column_stack([places, *(np.full(100, choice == one) for one in range(3)), np.zeros(100)]))
            for choice in range(3)
        ],
        axis=0,
    )
    assert tree.at([0], [places]) == pytest.approx(expected)


SPACE = {"kind": ["a", "b"], "x": {"float": (0.0, 1.0), "when": {"kind": "a"}}, "y": (0.0, 1.0)}


def conditional(num: int = 300) -> bohb.Optimizer:
    """Searched at random: x matters where kind is a; y never does."""
    opt = bohb.Optimizer(SPACE, [1], seed=0, preset="random")
    for _ in range(num):
        trial = opt.ask()
        opt.tell(trial, trial.config["x"] if trial.config["kind"] == "a" else 0.5)
    return opt


def test_a_conditional_parameter_counts_as_far_as_it_is_active() -> None:
    """The loss is x in half of the space and 1/2, the mean of x, in the other: half is explained by x alone."""
    found = conditional().importance()
    assert found.main["x"].share == pytest.approx(0.5, abs=0.05)
    assert found.pairs["kind", "x"].share == pytest.approx(0.5, abs=0.05)
    assert found.main["kind"].share < 0.02
    assert found.main["y"].share < 0.02


def by_budget() -> bohb.Optimizer:
    """At budget 1 only x matters, at budget 4 only y."""
    opt = bohb.Optimizer({"x": (0.0, 1.0), "y": (0.0, 1.0)}, [1, 4], seed=0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        config = dict(zip("xy", rng.random(2).tolist(), strict=True))
        opt.observe(config, 1, config["x"])
        opt.observe(config, 4, config["y"])
    return opt


def test_importance_is_that_of_one_budget() -> None:
    opt = by_budget()
    assert next(iter(opt.importance(budget=1).main)) == "x"
    assert next(iter(opt.importance().main)) == "y"
    assert opt.importance().budget == 4
    assert opt.importance().main["y"].share > 0.9


def test_losses_that_are_terrible_can_be_kept_from_deciding() -> None:
    def function(x: Any) -> Any:
        return x[:, 1] + np.where(x[:, 0] > 0.9, 1000.0, 0.0)

    frame = frame_of(function, [(0, 1)] * 2)
    assert next(iter(importance(frame).main)) == "x1"
    assert next(iter(importance(frame, within=0.5).main)) == "x2"


def test_the_same_results_have_the_same_importance() -> None:
    opt = conditional(50)
    assert opt.importance() == opt.importance()
    assert str(opt.importance()).splitlines()[0] == "share of the variance of the loss at budget 1"


def test_failures_are_left_out_and_said() -> None:
    opt = make("hyperband")
    for _ in range(60):
        trial = opt.ask()
        opt.tell(trial, loss_of(trial))
    found = opt.importance()
    num_failed = sum(result.is_failure for result in opt.results)
    assert num_failed > 0
    assert found.num_results == 60 - num_failed
    assert any(note.startswith(f"{num_failed} results without a finite loss") for note in found.notes)


def test_constant_losses_make_nothing_important() -> None:
    found = importance(frame_of(lambda x: np.zeros(len(x)), [(0, 1)] * 2, num=20))
    assert all(effect.share == 0 for effect in (*found.main.values(), *found.pairs.values()))
    assert "nothing matters" in found.notes[-1]


def test_a_table_has_every_parameter_and_the_first_of_many_pairs() -> None:
    space = {f"x{number}\n": (0.0, 1.0) for number in range(12)}
    opt = bohb.Optimizer(space, [1], seed=0, preset="random")
    for _ in range(20):
        trial = opt.ask()
        opt.tell(trial, sum(trial.config.values()))
    found = opt.importance()
    title, *lines = str(found).splitlines()
    assert "budget 1" in title
    assert [line.partition("  ")[0] for line in lines[:12]] == [name.replace("\n", "\\n") for name in found.main]
    assert len(lines) == 12 + 20 + 1
    assert len({line.index("+-") for line in lines[:32]}) <= 2
    assert lines[-1].startswith(f"{66 - 20} more pairs explain no more than ")


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e300, 1.7e308])
@pytest.mark.parametrize("start", [0.0, 1000.0])
def test_the_unit_and_the_zero_of_the_losses_change_no_share(unit: float, start: float) -> None:
    """Neither squares that are infinite, nor a forest that sees no tiny difference."""
    if unit > 1 and start:
        start = -0.5  # the same number of digits
    plain = conditional(60).to_frame()
    expected = importance(plain)
    moved = plain.assign(loss=(plain["loss"] / plain["loss"].abs().max() + start) * unit)
    found = importance(moved)
    assert [effect.share for effect in found.main.values()] == pytest.approx(
        [expected.main[name].share for name in found.main], abs=0.02
    )
    means = respond(plain, "kind").means
    assert respond(moved, "kind").means / unit - start == pytest.approx(means / plain["loss"].abs().max(), abs=0.01)


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 10 finite losses, got 5"):
        conditional(5).importance()
    with pytest.raises(SettingError, match="within=2"):
        conditional(20).importance(within=2)
    with pytest.raises(BudgetError):
        conditional(20).importance(budget=7)
    constant = bohb.Optimizer({"x": 1}, [1], seed=0)
    constant.tell(constant.ask(), 0.5)
    with pytest.raises(SettingError, match="a parameter that has more than one value, got none"):
        constant.importance()


@pytest.mark.parametrize("model", ["forest", "process"])
def test_a_response_follows_the_loss(model: str) -> None:
    opt = bohb.Optimizer({"x": (0.0, 1.0), "kind": ["a", "b"]}, [1], seed=0, preset="random")
    for _ in range(80):
        trial = opt.ask()
        opt.tell(trial, (trial.config["x"] - 0.3) ** 2 + (trial.config["kind"] == "b"))
    one = respond(opt.to_frame(), "x", model=model)
    assert one.values[0][int(one.means.argmin())] == pytest.approx(0.3, abs=0.1)
    both = respond(opt.to_frame(), ["x", "kind"], model=model)
    assert both.means.shape == both.deviations.shape == (len(both.values[0]), 2)
    assert (both.means[:, 1] - both.means[:, 0]).mean() == pytest.approx(1.0, abs=0.2)
    assert (both.deviations >= 0).all()


def test_a_response_of_what_is_no_parameter_is_refused() -> None:
    frame = conditional(20).to_frame()
    for names in ("z", [], ["x", "x"], ["x", "y", "kind"]):
        with pytest.raises(SettingError, match="expected one or two of"):
            respond(frame, names)
    with pytest.raises(SettingError, match="forest"):
        respond(frame, "x", model="oracle")
