"""What is said inside a training: reports on the way, how much was used, and going on in place."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.errors import BohbWarning
from bohb.optimizer.events import Joined
from bohb.trials import Origin, Status
from tests.strategies import ladders, loss_of, make, presets, seeds, spaces

COMMON = settings(max_examples=40, deadline=None, derandomize=True)


@given(st.integers(1, 400), st.sampled_from([0.1, 0.01, 0.3, 1 / 3, 0.7]))
@COMMON
def test_a_budget_that_was_added_up_is_the_one_of_the_ladder(num: int, step: float) -> None:
    """Who counts fractions of an epoch misses a rung by a few units in the last place."""
    low, high = num * step, (num + 1) * 2 * step
    added = sum([step] * num)
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [low, high], seed=0, preset="random")
    trial = optimizer.ask()
    optimizer.report(trial, added, 0.5)
    assert [(result.budget, result.loss) for result in optimizer.results] == [(low, 0.5)]
    assert optimizer.tell(trial, 0.25, budget=sum([step] * 2 * (num + 1))).used is None
    optimizer.enqueue({"x": 0.25}, added)
    assert optimizer.ask().budget == low
    assert optimizer.observe({"x": 0.75}, added, 0.5).budget == low
    other = bohb.Optimizer({"x": (0.0, 1.0)}, [low, high], seed=0, preset="random")
    assert other.adopt([{"config": {"x": 0.75}, "budget": added, "loss": 0.5}]).lowered == ()
    with pytest.raises(bohb.BudgetError):
        optimizer.observe({"x": 0.5}, low * (1 + 1e-10), 0.5)


@given(st.integers(2, 60))
@COMMON
def test_a_generator_that_adds_up_stops_at_its_budget(num: int) -> None:
    def objective(trial: bohb.Trial) -> Any:
        at = 0.0
        while True:
            at += 0.1
            yield at, 1 / at

    low, high = round(0.1 * num, 9), round(0.2 * num, 9)
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [low, high], seed=0, preset="random")
    bohb.run(objective, optimizer, executor=bohb.runner.SerialExecutor(), max_trials=1, progress=False)
    assert [(result.budget, result.used) for result in optimizer.results] == [(low, None), (high, None)]
    assert len(optimizer.results[-1].curve) == 2 * num - 1


def _ask(*searches: bohb.Optimizer) -> bohb.Trial | None:
    """Ask all searches, which must answer alike; None if they are exhausted."""
    try:
        trials = [search.ask() for search in searches]
    except bohb.SpaceExhausted:
        return None
    assert all(trial == trials[0] for trial in trials)
    return trials[0]


@given(presets, spaces, ladders, seeds)
@COMMON
def test_one_worker_that_proceeds_sees_the_search_of_one_that_tells_and_asks(
    preset: str, space: str, ladder: str, seed: int
) -> None:
    """The trials are equal, one by one, for every preset."""
    proceeding, telling = (make(preset, space=space, ladder=ladder, seed=seed) for _ in range(2))
    trial: bohb.Trial | None = None
    for _ in range(30):
        went_on = trial is not None
        trial = trial or _ask(proceeding)
        again = _ask(telling)
        assert trial == again
        if trial is None:
            return
        telling.tell(trial, loss_of(trial), checkpoint=str(trial.id))
        events = len(telling.events)
        before, trial = trial, proceeding.proceed(trial, loss_of(trial), checkpoint=str(trial.id))
        assert trial is None or trial.config_id == before.config_id
        assert trial is not None or len(proceeding.events) == events, f"nothing is asked, {went_on=}"


@given(presets, spaces, ladders, seeds)
@COMMON
def test_workers_that_proceed_see_the_search_of_those_that_tell_and_ask(
    preset: str, space: str, ladder: str, seed: int
) -> None:
    """With several workers, forgotten and enqueued trials: `proceed` goes on exactly if the next ask would."""
    rng, searches = random.Random(seed), [make(preset, space=space, ladder=ladder, seed=seed) for _ in range(2)]
    proceeding, telling = searches
    source, running = make("random", space=space, ladder=ladder, seed=seed ^ 1), list[bohb.Trial]()
    for _ in range(40):
        if rng.random() < 0.1 and (given := _ask(source)) is not None:
            for search in searches:
                try:
                    search.enqueue(given.config)
                except bohb.ConfigError:
                    continue
        if (not running or (len(running) < 4 and rng.random() < 0.5)) and (asked := _ask(*searches)) is not None:
            running.append(asked)
        if not running:
            return
        trial = running.pop(rng.randrange(len(running)))
        if rng.random() < 0.1:
            proceeding.forget(trial)
            telling.forget(trial)
            continue
        following = proceeding.proceed(trial, loss_of(trial))
        telling.tell(trial, loss_of(trial))
        if following is not None:
            assert following == telling.ask()
            running.append(following)
        elif not proceeding._history.answers[trial.id].is_failure:
            assert not _would_go_on(telling, trial)
    assert proceeding.to_state() == telling.to_state()


def _would_go_on(search: bohb.Optimizer, trial: bohb.Trial) -> bool:
    """Whether the next ask is one of the same configuration at a larger budget, and concerns no other before.

    A start that draws the same configuration of a small space again is a training of its own.
    """
    again = bohb.Optimizer.from_state(search.to_state())
    asked = _ask(again)
    new = again.events[len(search.events) :]
    if asked is None or isinstance(new[0], Joined) or asked.origin in (Origin.RANDOM, Origin.MODEL):
        return False
    return asked.config_id == trial.config_id and search.ladder.level(asked.budget) > search.ladder.level(trial.budget)


def test_the_default_goes_on_in_place() -> None:
    """The control of the laws: good configurations climb without being torn down."""
    search, went_on = make(space="float"), 0
    trial = search.ask()
    for _ in range(40):
        following = search.proceed(trial, (trial.config["x"] - 0.3) ** 2 + 1 / trial.budget)
        went_on += following is not None
        trial = following or search.ask()
    assert went_on > 3


def _started(budget: Any, budgets: Any = (1, 3, 9)) -> tuple[bohb.Optimizer, bohb.Trial]:
    """Return a search, and a trial of it at this budget."""
    search = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.ladder(budgets), seed=0)
    search.enqueue({"x": 0.5}, budget)
    return search, search.ask()


def test_a_report_on_a_rung_counts_there_and_the_rest_is_the_curve() -> None:
    search, trial = _started(9)
    for budget in (1, 2, 3.5):
        search.report(trial, budget, {"loss": 1 / budget, "lr": 3}, checkpoint=f"c{budget}")
    assert [(result.budget, result.loss, result.checkpoint) for result in search.results] == [(1, 1.0, "c1")]
    reported = search.results[0].trial
    assert (reported.origin, reported.config_id, reported.config) == (Origin.REPORTED, trial.config_id, trial.config)
    assert search.trial(reported.id) == reported
    assert "reported" in str(search.explain(reported.id))
    assert search.pending == (trial,)
    assert search.tell(trial, 0.1).curve == ((1, 1.0), (2, 0.5), (3.5, 1 / 3.5))
    again = bohb.Optimizer.from_state(json.loads(json.dumps(search.to_state())))
    assert again.results == search.results
    assert again.events == search.events


def test_a_report_counts_only_where_there_is_no_result() -> None:
    search, trial = _started(9)
    search.observe(trial.config, 3, 0.25)
    search.report(trial, 3, 0.5)
    assert [result.loss for result in search.results] == [0.25]
    assert search.tell(trial, 0.1).curve == ((3, 0.5),)


def test_a_repeated_report_is_safe_and_a_contradiction_is_not() -> None:
    search, trial = _started(9)
    search.report(trial, 2, 0.5)
    search.report(trial, 4, float("nan"))
    before = search.to_state()
    search.report(trial.id, 2, 0.5)
    search.report(trial, 4, float("nan"))
    with pytest.raises(bohb.TellConflict, match=r"0\.5"):
        search.report(trial, 2, 0.25)
    assert search.to_state() == before


@pytest.mark.parametrize(
    ("budget", "error", "match"),
    [
        (9, bohb.BudgetError, "below the budget 9"),
        (10, bohb.BudgetError, "below the budget 9"),
        (1, bohb.BudgetError, "increasing budgets"),
        (0, bohb.BudgetError, "budget"),
        ("much", bohb.BudgetError, "budget"),
    ],
)
def test_a_report_at_a_wrong_budget_is_an_error_and_changes_nothing(budget: Any, error: Any, match: str) -> None:
    search, trial = _started(9)
    search.report(trial, 2, 0.5)
    before = search.to_state()
    with pytest.raises(error, match=match):
        search.report(trial, budget, 0.1)
    assert search.to_state() == before


def test_a_trial_that_was_told_reports_no_more() -> None:
    search, trial = _started(9)
    search.tell(trial, 0.5)
    with pytest.raises(bohb.TellConflict, match="was told"):
        search.report(trial, 3, 0.5)


def test_a_ladder_without_numbers_has_reports_on_its_rungs_only() -> None:
    budgets = bohb.ladder([{"epochs": 1}, {"epochs": 2}, {"epochs": 4}], costs=[1, 3, 9])
    search, trial = _started({"epochs": 4}, budgets)
    search.report(trial, {"epochs": 2}, 0.5)
    assert [result.budget for result in search.results] == [{"epochs": 2}]
    with pytest.raises(bohb.BudgetError, match="a budget of the ladder"):
        search.report(trial, 3, 0.5)


def test_a_running_trial_keeps_its_last_checkpoint() -> None:
    search, trial = _started(9)
    search.report(trial, 1, 0.5, checkpoint="a")
    search.report(trial, 2, 0.5, checkpoint="b")
    search.report(trial, 3, 0.4, checkpoint="c")
    assert search.releasable() == ("a", "b")
    search.tell(trial, 0.3, checkpoint="d")
    assert search.releasable() == ("a", "c", "b")


def test_what_a_trial_used_is_kept_and_costs_less() -> None:
    search, trial = _started(9)
    result = search.tell(trial, 0.5, budget=5, cost=12)
    assert (result.budget, result.used, result.cost, result.status) == (9, 5, 12.0, Status.OK)
    again = bohb.Optimizer.from_state(json.loads(json.dumps(search.to_state())))
    assert again.results == search.results
    assert search.tell(trial, 0.5) == result, "a repetition is safe"


def test_all_of_the_budget_is_no_part_of_it() -> None:
    search, trial = _started(9)
    assert search.tell(trial, 0.5, budget=9).used is None


@pytest.mark.parametrize("budget", [10, 1, -1, "much"])
def test_a_part_that_is_none_is_an_error_and_changes_nothing(budget: Any) -> None:
    search, trial = _started(9)
    search.report(trial, 2, 0.5)
    before = search.to_state()
    with pytest.raises(bohb.BudgetError):
        search.tell(trial, 0.5, budget=budget)
    assert search.to_state() == before


def test_a_cost_that_is_no_number_loses_no_training() -> None:
    search, trial = _started(9)
    with pytest.warns(BohbWarning, match="cost"):
        result = search.tell(trial, 0.5, cost="much")  # type: ignore[arg-type]
    assert (result.loss, result.cost) == (0.5, None)


def test_a_failure_is_told_and_does_not_go_on() -> None:
    search = make("asha", space="float")
    trial = search.ask()
    assert search.proceed(trial, RuntimeError("out of memory")) is None
    assert search.results[0].status is Status.ERROR
