"""The counts of a search against sums over its results, and the HTML of every record."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bohb
from bohb.optimizer.tally import kind_of, tally_of
from bohb.plots.shown import shown_of
from bohb.plots.shown import spent as budget_spent
from bohb.runner.limits import cost, resumed_from

OUTCOMES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([math.nan, "out of memory 3", "no data"])), max_size=40)


def searched(outcomes: list[float | str]) -> bohb.Optimizer:
    """A search that was told these outcomes, with two trials that run."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="fast")
    for number, outcome in enumerate(outcomes):
        told = bohb.Failure(outcome) if isinstance(outcome, str) else outcome
        optimizer.tell(optimizer.ask(), told, checkpoint=None if number % 2 else "c")
    optimizer.ask()
    optimizer.ask()
    return optimizer


@given(OUTCOMES)
def test_the_counts_are_sums_over_the_results(outcomes: list[float | str]) -> None:
    optimizer = searched(outcomes)
    found = tally_of(optimizer)
    assert found.num_results == sum(rung.num_done for rung in found.rungs) == len(outcomes)
    assert found.num_failed == sum(result.is_failure for result in optimizer.results)
    assert sum(rung.num_running for rung in found.rungs) == len(found.running) == 2
    assert found.spent == pytest.approx(sum(cost(optimizer, result.trial) for result in optimizer.results))
    assert sum(len(one.results) for one in found.failures) == found.num_failed
    assert len({kind_of(one.reason) for one in found.failures}) == len(found.failures)
    losses = {(result.budget, result.loss) for result in optimizer.results if not result.is_failure}
    assert [rung.best and rung.best.loss for rung in found.rungs] == [
        min((loss for budget, loss in losses if budget == rung.budget), default=None) for rung in found.rungs
    ]


def test_a_trial_that_stopped_itself_costs_what_it_used_and_so_does_the_one_that_goes_on_from_there() -> None:
    """In every place that says what was spent."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="hyperband")
    spent = 0.0
    for _ in range(20):
        trial = optimizer.ask()
        start = 0.0 if trial.previous is None else 0.75 * optimizer.trial(trial.previous).budget
        used = 0.75 * trial.budget if trial.id % 2 or trial.budget < 9 else None
        optimizer.tell(trial, trial.config["x"] / trial.budget, budget=used, checkpoint="c")
        spent += (trial.budget if used is None else used) - start
        assert resumed_from(optimizer, trial) == (start or None)
    assert spent < sum(cost(optimizer, result.trial) for result in optimizer.results)
    assert tally_of(optimizer).spent == pytest.approx(spent)
    assert budget_spent(shown_of(optimizer))[-1] == pytest.approx(spent)
    assert sum(cost(optimizer, one.trial, used=one.used) for one in optimizer.results) == pytest.approx(spent)


@given(st.floats(0.1, 2.9))
def test_between_two_budgets_costs_are_those_of_the_ladder_in_every_place(used: float) -> None:
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, bohb.ladder([1, 3], costs=[10, 50]), seed=0, preset="random")
    optimizer.tell(optimizer.ask(), 0.5, budget=used)
    expected = optimizer.ladder.cost(used)
    assert tally_of(optimizer).spent == pytest.approx(expected)
    assert budget_spent(shown_of(optimizer)) == pytest.approx([expected])


def test_what_was_observed_costs_nothing_and_a_lost_trial_counts_no_more() -> None:
    optimizer = searched([0.5])
    optimizer.observe({"x": 0.25}, 9, 0.1)
    found = tally_of(optimizer)
    assert found.spent == 1
    for trial in optimizer.pending:
        found.lose(trial)
        found.lose(trial)
    assert sum(rung.num_running for rung in found.rungs) == 0


def test_reasons_that_differ_in_numbers_are_one() -> None:
    assert kind_of("step 12: 1.5e-3 MiB") == kind_of("step 7: 220 MiB")
    assert kind_of("step a") != kind_of("step b")


HOSTILE = "</td><script>alert(1)</script>&\x1b[2J'\""


def test_every_record_is_a_table_for_notebooks_in_which_all_text_is_escaped(tmp_path: Path) -> None:
    space = {f"<b>{HOSTILE}": [HOSTILE, HOSTILE + "2", "c"]}
    budgets = bohb.ladder([{"b": HOSTILE}], costs=[1])
    with bohb.Study.open(tmp_path / "<i>&.db", space, budgets, seed=0) as study:
        failed = study.tell(study.ask(), bohb.Failure(HOSTILE))
        result = study.tell(study.ask(), 0.123456, checkpoint=HOSTILE)
        optimizer = bohb.Optimizer.from_state(study.to_state())
        records = [failed, result, result.trial, study, optimizer, study.plan(), study.health()]
        records += [study.explain(failed.trial), study.explain(result.trial)]
        pages = [record._repr_html_() for record in records]
    known = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "b", "ul", "li"}
    for page in pages:
        assert set(re.findall(r"</?(\w+)", page)) <= known
        assert "<b>&" not in page
        assert "\x1b" not in page
        assert re.sub(r"<\w+ (?:style='text-align:(?:left|right)'|scope='col')>|</?\w+>", "", page).count("<") == 0
    assert "0.1235" in pages[1]
    assert "alert(1)" in pages[0]
