"""An adapter of the suite leads to the same evaluations as the peer's own loop."""

import json
import math
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer

import bohb
from benchmarks.optimizers import ENVIRONMENTS, Job, Optimizer, PeerBroke, make
from benchmarks.optimizers.environments import ensure, is_ready
from tests.benchmarks.own_loops import loss_of
from tests.benchmarks.test_peer_pipe import make_space as make_full_space

pytestmark = [pytest.mark.slow, pytest.mark.peers]

SEED = 3
SEEDS = {"smac-hpo": 1}
"""By name, where SEED is not the one: with this seed nothing fails, which would break it."""
SLOW = {"ax", "hebo", "syne-tune-mobster", "syne-tune-hypertune", "syne-tune-dyhpo"}
"""Their models take long for an evaluation, so they are asked for fewer."""
TOTALS = {
    # how much of its own unit each loop is given
    "hpbandster": 5,  # brackets
    "optuna-tpe": 40,  # trials
    "optuna-tpe-hyperband": 60,
    "optuna-gp": 16,
    "smac-mf": 82,  # evaluations; also the number of trials that SMAC plans for
    "dehb": 150,
    "syne-tune-bohb": 40,  # trials
    "syne-tune-asha": 15,
    "blackboxopt-bohb": 150,  # evaluations
    "neps": 60,
    "neps-priorband": 60,
    "smac-hpo": 20,  # trials; also the number that SMAC plans for
    "ax": 15,
    "hebo": 15,
    "syne-tune-mobster": 15,
    "syne-tune-hypertune": 15,
    "syne-tune-dyhpo": 20,
}


def make_space() -> ConfigurationSpace:
    space = ConfigurationSpace(seed=0)
    numbers = [Float("x", (0, 1)), Float("y", (1e-4, 1), log=True), Integer("n", (1, 16))]
    space.add([*numbers, Categorical("c", list("abc"))])
    return space


@pytest.fixture(params=TOTALS)
def name(request: pytest.FixtureRequest) -> str:
    peer: str = request.param
    environment = ENVIRONMENTS[peer]
    if not is_ready(environment) and os.environ.get("BOHB_REQUIRE_PEERS") != "1":
        pytest.skip(
            f"the environment {environment} is not installed: python -m benchmarks.optimizers.environments "
            f"{environment}, or set BOHB_REQUIRE_PEERS=1"
        )
    ensure(environment)
    return peer


@pytest.fixture
def optimizer(name: str) -> Iterator[Optimizer]:
    full_trainings = 19 if name == "smac-hpo" else 3
    made = make(name, make_space(), bohb.geometric(1, 27, eta=3), SEEDS.get(name, SEED), 1, full_trainings)
    yield made
    made.close()


def own_evaluations(name: str, seed: int) -> list[tuple[dict[str, object], float]]:
    script = Path(__file__).with_name("own_loops.py")
    command = [str(ensure(ENVIRONMENTS[name])), "-W", "ignore", str(script), name, str(seed), str(TOTALS[name])]
    environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith("EVALUATIONS ")]
    assert lines, done.stderr[-4000:]
    return [(config, budget) for config, budget in json.loads(lines[-1].removeprefix("EVALUATIONS "))]


def adapted_evaluations(optimizer: Optimizer, num: int) -> list[tuple[dict[str, object], float]]:
    seen = []
    for _ in range(num):
        job = optimizer.ask()
        assert job is not None
        loss = loss_of(job.config, job.budget)
        if not (math.isnan(loss) and optimizer.version.get("syne-tune")):
            seen.append((dict(job.config), float(job.budget)))  # Syne Tune's tuner never shows a failure
        optimizer.tell(job, loss)
    return seen


def test_an_adapter_agrees_with_the_peers_own_loop(name: str, optimizer: Optimizer) -> None:
    own = own_evaluations(name, SEEDS.get(name, SEED))
    adapted = adapted_evaluations(optimizer, len(own))
    assert len(own) >= 15
    assert adapted == own[: len(adapted)]


def test_another_seed_gives_other_evaluations(name: str, optimizer: Optimizer) -> None:
    with closing(make(name, make_space(), bohb.geometric(1, 27, eta=3), SEED + 10, 1, 19)) as other:
        assert adapted_evaluations(other, 5) != adapted_evaluations(optimizer, 5)


def test_every_kind_of_parameter_keeps_its_values(name: str) -> None:
    space = make_full_space()
    with closing(make(name, space, bohb.geometric(1, 9, eta=3), SEED, 1, 12)) as optimizer:
        for _ in range(10 if name in SLOW else 25):
            job = optimizer.ask()
            assert job is not None
            config = Configuration(space, values=dict(job.config))
            rounded = {
                key: pytest.approx(value) if isinstance(value, float) else value for key, value in config.items()
            }
            assert job.config == rounded  # ConfigSpace rounds what it is given
            assert job.config["version"] == 3
            loss = job.config["rate"] + (job.config["size"] == "small") + 0.5 * job.config["nesterov"]
            optimizer.tell(job, loss + job.config["layers"])


BREAKS = {"smac-mf": "Input y contains NaN", "smac-hpo": "Input y contains NaN"}
"""What failures do to a peer, in its own loop as well: SMAC's model cannot be fitted to its own cost of a crash."""


def test_lost_workers_and_failures_break_only_known_peers(name: str, optimizer: Optimizer) -> None:
    """A peer that breaks here also breaks in the suite."""
    with pytest.raises(PeerBroke, match=BREAKS[name]) if name in BREAKS else nullcontext():
        tell_out_of_order(optimizer, 12 if name in SLOW else 60)


def tell_out_of_order(optimizer: Optimizer, num: int) -> None:
    """Keep eight evaluations running, and lose every fifth."""
    jobs: list[Job] = []
    told = 0
    while told < num:
        new = optimizer.ask() if len(jobs) < 8 else None
        if new is not None:
            jobs.append(new)
            continue
        job = jobs.pop(told % len(jobs))
        told += 1
        if told % 5 == 0:
            optimizer.lose(job)
        else:
            optimizer.tell(job, loss_of(job.config, job.budget))
