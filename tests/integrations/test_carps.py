"""The optimizer on tasks of CARP-S: one with fidelities, one without, through its own command line and its API."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.runner.engines import requires

pytestmark = [
    *requires("suites", "carps", "mfpbench", "ioh"),
    pytest.mark.filterwarnings("default"),  # what CARP-S deprecates is its own
]

CONFIGS = Path(__file__).parents[2] / "docs" / "examples" / "carps"
ROOT = Path(bohb.__file__).parents[1]


def run_task(task: str, folder: Path, **resources: int) -> list[dict[str, Any]]:
    """Run bohb on a task as the page shows; return the log of the trials."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "carps.run", "--config-dir", str(CONFIGS), "+optimizer/bohb=default", task]
    command += [f"task.optimization_resources.{name}={value}" for name, value in resources.items()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder, env=environment)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    (log,) = folder.rglob("trial_logs.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


def make_task(values: list[Any], *, fidelities: tuple[int, int] | None = None, num_objectives: int = 1) -> Any:
    """Return a task whose evaluations end as listed, again and again: with a cost, or a status that is a failure."""
    from carps.objective_functions.objective_function import ObjectiveFunction
    from carps.utils.task import FidelitySpace, InputSpace, OptimizationResources, OutputSpace, Task, TaskMetadata
    from carps.utils.trials import StatusType, TrialInfo, TrialValue
    from ConfigSpace import ConfigurationSpace, EqualsCondition, Float

    space = ConfigurationSpace({"kind": ["a", "b"], "x": (0.0, 1.0)}, seed=0)
    space.add(Float("only_a", (0.0, 1.0)))
    space.add(EqualsCondition(space["only_a"], space["kind"], "a"))
    left = itertools.cycle(values)

    class Listed(ObjectiveFunction):  # type: ignore[misc]  # where CARP-S is not installed, it has no type
        configspace = space

        def _evaluate(self, trial_info: TrialInfo) -> TrialValue:
            value = next(left)
            return TrialValue(cost=1e9, status=value) if isinstance(value, StatusType) else TrialValue(cost=value)

    fidelity = FidelitySpace(True, "epochs", *fidelities) if fidelities else FidelitySpace()
    names: Any = tuple(f"cost_{number}" for number in range(num_objectives))
    parts = InputSpace(space, fidelity), OutputSpace(num_objectives, names)
    metadata = TaskMetadata(dimensions=3, **dict.fromkeys(COUNTS, 1), **dict.fromkeys(FACTS, False))
    return Task("listed", Listed(), *parts, OptimizationResources(n_trials=len(values)), metadata)


COUNTS = [f"search_space_n_{kind}" for kind in ("categoricals", "ordinals", "integers", "floats")]
FACTS = [f"search_space_has_{fact}" for fact in ("conditionals", "forbiddens", "priors")]


def test_a_task_with_fidelities_is_searched_on_a_ladder(tmp_path: Path) -> None:
    trials = run_task("+task/MFPBench/SO/mfh=mfh3_good", tmp_path, n_trials=5)
    budgets = {trial["trial_info"]["budget"] for trial in trials}
    assert max(budgets) == 100
    assert len(budgets) > 2
    assert 5 <= sum(budgets_of(trials)) / 100 < 6


def test_a_task_without_fidelities_is_searched_at_one_budget(tmp_path: Path) -> None:
    trials = run_task("+task/BBOB=cfg_2_1_0", tmp_path, n_trials=15)
    assert len(trials) == 15
    assert {trial["trial_info"]["budget"] for trial in trials} == {None}
    costs = [trial["trial_value"]["cost"] for trial in trials]
    assert min(costs[5:]) < min(costs[:5])


def budgets_of(trials: list[dict[str, Any]]) -> list[float]:
    return [trial["trial_info"]["budget"] for trial in trials]


def test_the_incumbent_is_the_best_cost_at_the_largest_fidelity() -> None:
    from bohb.integrations.carps import BOHBOptimizer

    optimizer = BOHBOptimizer(make_task([float(20 - number) for number in range(20)], fidelities=(1, 9)), {"seed": 0})
    trial, value = optimizer.run()
    best = optimizer.solver.incumbent
    assert (trial.budget, value.cost) == (best.budget, best.loss)
    assert trial.config == optimizer.convert_to_trial(best.trial).config


def test_a_crash_is_a_failure_and_no_incumbent() -> None:
    from carps.utils.trials import StatusType

    from bohb.integrations.carps import BOHBOptimizer

    optimizer = BOHBOptimizer(make_task([StatusType.CRASHED, StatusType.TIMEOUT, 3.0]), {"seed": 0})
    _, value = optimizer.run()
    assert value.cost == 3.0
    assert [result.is_failure for result in optimizer.solver.results] == [True, True, False]
    assert optimizer.solver.results[1].reason == "TIMEOUT"


def test_inactive_parameters_are_left_out() -> None:
    from bohb.integrations.carps import BOHBOptimizer

    optimizer = BOHBOptimizer(make_task([1.0] * 12), {"seed": 0, "preset": "random"})
    optimizer.run()
    assert {"only_a" in result.config for result in optimizer.solver.results} == {True, False}


def test_the_same_seed_gives_the_same_search() -> None:
    from bohb.integrations.carps import BOHBOptimizer

    runs = [BOHBOptimizer(make_task([float(n % 7) for n in range(12)]), {"seed": 5}) for _ in range(2)]
    assert runs[0].run() == runs[1].run()
    assert runs[0].solver.results == runs[1].solver.results


def test_several_objectives_are_refused() -> None:
    from bohb.integrations.carps import BOHBOptimizer

    with pytest.raises(NotImplementedError, match="2"):
        BOHBOptimizer(make_task([[1.0, 2.0]], num_objectives=2), {"seed": 0})
