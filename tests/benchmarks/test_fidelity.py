"""The preset agrees with HpBandSter, our copies of problems agree with the originals, and the checks can fail."""

import os

import numpy as np
import pytest

from benchmarks import fidelity, published
from benchmarks.optimizers.environments import ensure, is_ready
from benchmarks.twosample import compare


def needs(environment):
    if not is_ready(environment) and os.environ.get("BOHB_REQUIRE_PEERS") != "1":
        pytest.skip(
            f"the environment {environment} is not installed: python -m benchmarks.optimizers.environments "
            f"{environment}, or set BOHB_REQUIRE_PEERS=1"
        )
    ensure(environment)


@pytest.fixture
def case():
    return fidelity.case_of(fidelity.spaces()["binary"], 0)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fidelity, "NUM_DRAWS", 300)


# Without other libraries.


def test_a_case_is_reproducible_and_its_losses_differ(case):
    assert fidelity.case_of(fidelity.spaces()["binary"], 0).results == case.results
    assert len({loss for _, loss in case.results}) == len(case.results) == 60


def test_the_preset_agrees_with_itself(case, few):
    other = fidelity.Case(case.space, case.results, seed=7)
    ours, again = (fidelity.our_proposals(each, preset="hpbandster") for each in (case, other))
    assert compare(ours, again, case.choices, 0).p_value >= fidelity.LEVEL


def test_random_search_differs_from_the_preset(case, few):
    ours, other = (fidelity.our_proposals(case, preset=name) for name in ("hpbandster", "hyperband"))
    tested = compare(ours, other, case.choices, 0)
    assert tested.p_values["from model"] < fidelity.LEVEL
    assert tested.p_values["jointly"] < fidelity.LEVEL


def test_a_sample_lies_on_the_unit_cube(case, few):
    sample = fidelity.our_proposals(case, preset="hpbandster")
    assert sample.shape == (300, len(case.space) + 1)
    assert ((sample >= 0) & (sample <= 1)).all()


@pytest.mark.parametrize("row", published.TABLE.values(), ids=published.TABLE)
def test_only_the_same_problem_agrees_with_its_row(row):
    spread = np.linspace(-1, 1, 15)[:, None] * np.array(row.deviations)
    assert published.agreement(np.array(row.means) + spread, row).min() > 0.9
    assert published.agreement(np.array(row.means) + spread + 5 * np.array(row.deviations), row).max() < 0.01


def test_budgets_agree_with_the_published_runs():
    """DEHB counts down from the largest: 100 / 81 and not 1, 933.12 / 81 and not 5.76."""
    whole = [[int(budget) for budget in row.ladder] for row in published.TABLE.values()]
    assert whole == [[1, 3, 11, 33, 100], [1, 3, 11, 33, 100], [11, 34, 103, 311, 933]]


def test_the_exit_status_reports_unexpected_results(monkeypatch, capsys):
    wrong = [[{"budgets": [1.0], "sizes": [1]}] for _ in fidelity.LADDERS]
    monkeypatch.setattr(fidelity, "_their_brackets", lambda: wrong)
    assert fidelity.main(["brackets"]) == 1
    assert "DIFFERENT - UNEXPECTED" in capsys.readouterr().out
    right = [fidelity.our_brackets(*ladder) for ladder in fidelity.LADDERS]
    monkeypatch.setattr(fidelity, "_their_brackets", lambda: right)
    assert fidelity.main(["brackets"]) == 0
    with pytest.raises(SystemExit):
        fidelity.main(["everything"])


# With them.


@pytest.mark.slow
@pytest.mark.peers
def test_brackets_agree_with_hpbandster():
    """HpBandSter's promotions within them are in tests/golden/hpbandster_brackets.json."""
    needs("hpbandster")
    assert fidelity.check_brackets()


@pytest.mark.slow
@pytest.mark.peers
def test_proposals_agree_with_hpbandster():
    needs("hpbandster")
    assert fidelity.check_proposals()


@pytest.mark.slow
@pytest.mark.peers
def test_counting_ones_agrees_with_hpbandster(tmp_path):
    """Fewer seeds than the command runs suffice for the order."""
    needs("hpbandster")
    assert fidelity.check_curves(tmp_path / "curves.jsonl", seeds=6)


@pytest.mark.slow
@pytest.mark.peers
def test_problems_agree_with_published_results():
    needs("dehb")
    assert published.check_published(seeds=5)
