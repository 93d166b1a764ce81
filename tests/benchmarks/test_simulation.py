"""Simulated time agrees with arithmetic on workers, checkpoints, failures and the optimizer's own time."""

import math
from dataclasses import replace

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.optimizers.ours import Preset
from benchmarks.simulation import FRACTIONS, Setting, Simulation, Trace, regret_at, simulate
from tests.benchmarks.worlds import Line, Listed

BUDGETS = (1.0, 3.0, 9.0)


def fresh(number: int) -> tuple[float, float]:
    """A new configuration each time, at the full budget."""
    return (number * 0.618) % 1, 9.0


def mixed(number: int) -> tuple[float, float]:
    """A new configuration each time, at all budgets in turn."""
    return (number * 0.618) % 1, BUDGETS[number % 3]


def climbing(number: int) -> tuple[float, float]:
    """Each configuration at one budget after the other."""
    return (number // 3 * 0.618) % 1, BUDGETS[number % 3]


@given(workers=st.integers(1, 40), rounds=st.integers(1, 12))
def test_equal_costs_finish_in_rounds(workers: int, rounds: int) -> None:
    """W workers finish W evaluations per unit of time, the last ones exactly at the end of the clock."""
    optimizer = Listed(fresh)
    trace = simulate(optimizer, Line(), Setting(workers=workers, total=float(workers * rounds)), 0)
    assert trace.evaluations == workers * rounds
    assert trace.ended == rounds
    assert trace.busy == pytest.approx(workers * rounds)
    assert {round(time, 9) for time, *_ in trace.incumbents} <= {float(i) for i in range(1, rounds + 1)}


def test_thirds_add_up() -> None:
    """An evaluation that ends exactly with the clock counts in spite of rounding errors."""
    for total in range(1, 40):
        trace = simulate(Listed(climbing), Line(), Setting(total=float(total)), 0)
        assert trace.evaluations == 3 * total


@given(
    workers=st.integers(1, 20),
    total=st.floats(1, 20),
    stragglers=st.sampled_from([0.0, 1.0]),
    losses=st.sampled_from([0.0, 0.3]),
    seconds=st.sampled_from([None, 10.0]),
)
def test_workers_are_never_busier_than_the_clock(
    workers: int, total: float, stragglers: float, losses: float, seconds: float | None
) -> None:
    setting = Setting(workers, total, stragglers=stragglers, losses=losses, seconds=seconds)
    optimizer = Listed(mixed, thinks=0.5)
    trace = simulate(optimizer, Line(), setting, 0)
    assert 0 <= trace.busy <= total * (1 + 1e-9)
    assert trace.ended <= total / workers
    assert trace.evaluations == len(optimizer.told)
    assert trace.lost == len(optimizer.lost)
    assert len(optimizer.asked) - trace.evaluations - trace.lost <= workers + 1
    times = [time for time, *_ in trace.incumbents]
    assert times == sorted(times)


def test_checkpoints_pay_the_difference() -> None:
    """Training up to nine units costs nine with checkpoints, and 1 + 3 + 9 without."""
    resumed = simulate(Listed(climbing), Line(), Setting(total=10.0), 0)
    scratch = simulate(Listed(climbing), Line(), Setting(total=10.0 * 13 / 9, resume=False), 0)
    assert resumed.evaluations == scratch.evaluations == 30


def test_measured_durations_come_from_the_problem() -> None:
    assert simulate(Listed(fresh), Line(price=0.5), Setting(total=10.0, measured=True), 0).evaluations == 20
    assert simulate(Listed(fresh), Line(price=0.5), Setting(total=10.0), 0).evaluations == 10


def test_a_search_that_repeats_itself_ends() -> None:
    """A checkpoint helps only at a larger budget, so a repeated evaluation costs the same again."""
    trace = simulate(Listed(lambda _: (0.5, 9.0)), Line(), Setting(total=10.0), 0)
    assert trace.evaluations == 10
    trace = simulate(Listed(lambda i: (0.5, (3.0, 9.0, 9.0)[i % 3])), Line(), Setting(total=10.0), 0)
    assert trace.evaluations == pytest.approx(3 * 10 / (3 / 9 + 6 / 9 + 6 / 9), abs=2)


def test_a_lost_evaluation_is_asked_again() -> None:
    """Half of its time has passed, and the optimizer is told no loss."""
    optimizer = Listed([(i / 50, 9.0) for i in range(50)])
    trace = simulate(optimizer, Line(), Setting(total=200.0, losses=0.3), 0)
    assert trace.lost == len(optimizer.lost) > 5
    assert sorted(job.key for job, _ in optimizer.told) == list(range(50))
    assert trace.ended == pytest.approx(50 + trace.lost / 2) == pytest.approx(trace.busy)


def test_presets_repeat_lost_evaluations() -> None:
    problem = Line()
    optimizer = Preset(problem.space, problem.ladder, 0, preset="default")
    trace = simulate(optimizer, problem, Setting(workers=4, total=40.0, losses=0.2), 0)
    assert trace.lost > 5
    assert trace.evaluations > 40


def test_stragglers_have_mean_one() -> None:
    """The mean factor is 1 within four standard errors, and the spread is that of a lognormal."""
    simulation = Simulation(Listed([]), Line(), Setting(stragglers=1.0), 0)
    factors = np.array([simulation._luck(str(i), "9")[0] for i in range(20_000)])
    error = math.sqrt(math.e - 1) / math.sqrt(len(factors))
    assert abs(factors.mean() - 1) < 4 * error
    assert np.log(factors).std() == pytest.approx(1.0, rel=0.03)
    assert abs(np.log(factors).mean() + 0.5) < 0.05


def test_shares_of_crashes_and_losses() -> None:
    """A crash depends on the configuration alone; both crashes and losses have the given share."""
    optimizer = Listed(climbing)
    trace = simulate(optimizer, Line(), Setting(total=1000.0, crashes=0.2), 0)
    by_config: dict[float, set[bool]] = {}
    for job, loss in optimizer.told:
        by_config.setdefault(job.config["x"], set()).add(math.isnan(loss))
    assert all(len(outcomes) == 1 for outcomes in by_config.values())
    assert trace.failures / trace.evaluations == pytest.approx(0.2, abs=4 * 0.4 / math.sqrt(1000))
    lost = simulate(Listed(fresh), Line(), Setting(total=2000.0, losses=0.2), 0)
    assert lost.lost / (lost.lost + lost.evaluations) == pytest.approx(0.2, abs=4 * 0.4 / math.sqrt(2000))


def test_the_optimizer_handles_one_call_at_a_time() -> None:
    """Eight workers that start together wait for one another's asks, each a tenth of a training."""
    setting = Setting(workers=8, total=8 * 1.75, seconds=10.0)
    optimizer = Listed(fresh, thinks=1.0)
    problem = Line()
    trace = simulate(optimizer, problem, setting, 0)
    starts = [0.1 * (i + 1) for i in range(8)]
    assert trace.evaluations == sum(start + 1 <= 1.75 for start in starts) == 7
    free = simulate(Listed(fresh, thinks=1.0), problem, replace(setting, seconds=None), 0)
    assert free.evaluations == 8


def test_asks_stop_when_the_clock_has_ended() -> None:
    optimizer = Listed(fresh, thinks=100.0)
    trace = simulate(optimizer, Line(), Setting(workers=4, total=8.0, seconds=10.0), 0)
    assert (trace.evaluations, optimizer.number) == (0, 1)


def test_the_same_seed_gives_the_same_search() -> None:
    """Another seed gives another search. The randomness does not depend on the order of the asks."""

    def run(seed: int) -> Trace:
        problem = Line(noise=0.1)
        optimizer = Preset(problem.space, problem.ladder, 7, preset="default")
        return simulate(optimizer, problem, Setting(workers=8, total=24.0, stragglers=1, crashes=0.1, losses=0.1), seed)

    assert run(1) == run(1)
    assert run(1) != run(2)
    jobs = [(i / 20, BUDGETS[i % 3]) for i in range(20)]
    forth, back = Listed(jobs), Listed(jobs[::-1])
    for optimizer in (forth, back):
        simulate(optimizer, Line(noise=0.1), Setting(total=100.0), 0)
    losses = [{(job.config["x"], job.budget): loss for job, loss in each.told} for each in (forth, back)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 20


def test_a_waiting_optimizer_ends_the_search_early() -> None:
    trace = simulate(Listed([(0.5, 9.0)] * 3), Line(), Setting(workers=2, total=100.0), 0)
    assert (trace.evaluations, trace.ended) == (3, 2.0)


def test_the_incumbent_is_the_best_at_the_largest_budget() -> None:
    jobs = [(0.1, 1.0), (0.5, 3.0), (0.05, 1.0), (0.4, 3.0), (0.9, 9.0), (0.8, 3.0)]
    trace = simulate(Listed(jobs), Line(), Setting(total=30.0), 0)
    assert [(budget, regret) for _, budget, _, regret in trace.incumbents] == [(1, 0.1), (3, 0.5), (3, 0.4), (9, 0.9)]
    assert regret_at(trace.incumbents, 0.0) == math.inf
    assert regret_at(trace.incumbents, 30.0) == 0.9


def test_an_exhausted_space_ends_the_search() -> None:
    """Random search has three configurations, at the full budget only."""
    problem = Line()
    problem.space = ConfigurationSpace({"x": (1, 3)})
    optimizer = Preset(problem.space, problem.ladder, 0, preset="random")
    trace = simulate(optimizer, problem, Setting(total=100.0), 0)
    assert (trace.evaluations, trace.ended) == (3, pytest.approx(3))


def test_a_configuration_that_is_trained_again_meets_other_noise() -> None:
    """The second training of every optimizer is the same one."""
    losses = []
    for _ in range(2):
        optimizer = Listed([(0.5, 9.0)] * 3)
        simulate(optimizer, Line(noise=1.0), Setting(total=10.0), 0)
        losses.append([loss for _, loss in optimizer.told])
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3


def test_what_is_recommended_is_scored_at_fractions_of_the_clock() -> None:
    """An optimizer without a recommendation of its own has no such scores."""
    optimizer = Listed(fresh)
    assert simulate(optimizer, Line(), Setting(total=12.0), 0).recommended == []
    optimizer = Listed(fresh)
    optimizer.recommended = {"x": 0.25}
    found = simulate(optimizer, Line(), Setting(total=12.0), 0).recommended
    assert found == [(pytest.approx(12 * fraction), 0.25) for fraction in FRACTIONS]
