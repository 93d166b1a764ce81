"""Peers in their own loops, as in their own examples; run in the peer's environment.

    python own_loops.py NAME SEED TOTAL

Prints the evaluations in order as JSON: [[values by name, budget], ...]. This file uses nothing of the suite, because
the tests compare its evaluations with those of the suite's adapters.
"""

import json
import logging
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

BUDGETS = (1, 3, 9, 27)
SEEN: list[tuple[dict[str, Any], float]] = []


def loss_of(config: Any, budget: float) -> float:
    """Lowest at x = 0.3, y = 0.01, n = 7, c = "b"; NaN in a corner."""
    if config["x"] > 0.9:
        return math.nan
    distance = (config["x"] - 0.3) ** 2 + (math.log10(config["y"]) + 2) ** 2 / 9 + ((config["n"] - 7) / 15) ** 2
    return float(distance + 0.3 * (config["c"] != "b") + 0.1 / budget + 0.01)


def note(config: Any, budget: float) -> float:
    """Evaluate, and remember the evaluation."""
    values = {"x": float(config["x"]), "y": float(config["y"]), "n": int(config["n"]), "c": str(config["c"])}
    SEEN.append((values, round(float(budget), 6)))
    return loss_of(config, round(float(budget), 6))


def space(seed: int) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace(seed=seed)
    made.add(
        [Float("x", (0, 1)), Float("y", (1e-4, 1), log=True), Integer("n", (1, 16)), Categorical("c", list("abc"))]
    )
    return made


def hpbandster(seed: int, total: int) -> None:
    """A name server, a worker in the background and the master, all through Pyro."""
    import hpbandster.core.nameserver as hpns
    import numpy as np
    import serpent
    from hpbandster.core.worker import Worker
    from hpbandster.optimizers import BOHB

    class Quadratic(Worker):  # type: ignore[misc]
        def compute(self, config: Any, budget: float, **_: Any) -> dict[str, Any]:
            loss = note(config, budget)
            if math.isnan(loss):
                raise RuntimeError("failed")
            return {"loss": loss, "info": {}}

    np.random.seed(seed)  # noqa: NPY002 - it has no other
    # Pyro cannot send the strings that ConfigSpace makes of choices, and reports no error: the master waits for ever.
    serpent.register_class(np.str_, lambda text, serializer, out, level: out.append(repr(str(text))))
    server = hpns.NameServer(run_id="own", host="127.0.0.1", port=0)
    host, port = server.start()
    worker = Quadratic(nameserver=host, nameserver_port=port, run_id="own")
    worker.run(background=True)
    master = BOHB(
        space(seed),
        run_id="own",
        nameserver=host,
        nameserver_port=port,
        min_budget=1,
        max_budget=27,
        ping_interval=3600,
    )
    master.run(n_iterations=total)
    master.shutdown(shutdown_workers=True)
    server.shutdown()


def suggest(trial: Any) -> dict[str, Any]:
    """In the order in which ConfigSpace lists parameters, by name."""
    return {
        "c": trial.suggest_categorical("c", list("abc")),
        "n": trial.suggest_int("n", 1, 16),
        "x": trial.suggest_float("x", 0, 1),
        "y": trial.suggest_float("y", 1e-4, 1, log=True),
    }


def optuna_full(seed: int, total: int, sampler: str) -> None:
    import optuna

    study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed))
    study.optimize(lambda trial: note(suggest(trial), 27), n_trials=total)


def optuna_hyperband(seed: int, total: int) -> None:
    import optuna

    def objective(trial: Any) -> float:
        config = suggest(trial)
        for budget in BUDGETS:
            loss = note(config, budget)
            if math.isnan(loss):
                return loss
            trial.report(loss, budget)
            if budget < BUDGETS[-1] and trial.should_prune():
                raise optuna.TrialPruned
        return loss

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner, study_name=f"benchmark-{seed}"
    )
    study.optimize(objective, n_trials=total)


def smac(seed: int, total: int, facade: str, **more: Any) -> None:
    import smac

    def target(config: Any, seed: int = 0, budget: float = 27) -> float:
        del seed
        loss = note(config, budget)
        if math.isnan(loss):
            raise RuntimeError("failed")
        return loss

    folder = Path(tempfile.mkdtemp())
    scenario = smac.Scenario(space(seed), output_directory=folder, n_trials=total, seed=seed, **more)
    getattr(smac, facade)(scenario, target, overwrite=True, logging_level=False).optimize()


def ax(seed: int, total: int) -> None:
    """The loop of its first tutorial."""
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    client = Client(random_seed=seed)
    client.configure_experiment(
        [
            ChoiceParameterConfig(name="c", values=["0", "1", "2"], parameter_type="str"),
            RangeParameterConfig(name="n", bounds=(1, 16), parameter_type="int"),
            RangeParameterConfig(name="x", bounds=(0, 1), parameter_type="float"),
            RangeParameterConfig(name="y", bounds=(1e-4, 1), parameter_type="float", scaling="log"),
        ]
    )
    client.configure_optimization(objective="-loss")
    for _ in range(total):
        for index, values in client.get_next_trials(max_trials=1).items():
            loss = note({**values, "c": "abc"[int(values["c"])]}, 27)
            if math.isnan(loss):
                client.mark_trial_failed(index)
            else:
                client.complete_trial(index, raw_data={"loss": loss})


def hebo(seed: int, total: int) -> None:
    """The loop of its README; what failed is not observed."""
    import numpy as np
    import torch
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.hebo import HEBO

    np.random.seed(seed)  # noqa: NPY002 - it draws from the global generator
    torch.manual_seed(seed)
    described = [
        {"name": "c", "type": "cat", "categories": [0, 1, 2]},
        {"name": "n", "type": "int", "lb": 1, "ub": 16},
        {"name": "x", "type": "num", "lb": 0, "ub": 1},
        {"name": "y", "type": "pow", "lb": 1e-4, "ub": 1, "base": 10},
    ]
    optimizer = HEBO(DesignSpace().parse(described), scramble_seed=seed)
    for _ in range(total):
        frame = optimizer.suggest(n_suggestions=1)
        values = dict(frame.iloc[0])
        loss = note({**values, "c": "abc"[int(values["c"])]}, 27)
        if not math.isnan(loss):
            optimizer.observe(frame, np.array([[loss]]))


def dehb(seed: int, total: int) -> None:
    from dehb import DEHB

    def target(config: Any, fidelity: float) -> dict[str, float]:
        loss = note(config, fidelity)
        return {"fitness": math.inf if math.isnan(loss) else loss, "cost": fidelity}

    DEHB(
        f=target, cs=space(seed), min_fidelity=1, max_fidelity=27, eta=3, n_workers=1, seed=seed,
        output_path=tempfile.mkdtemp(),
    ).run(fevals=total)  # fmt: skip


def syne_tune(seed: int, total: int, scheduler: str, attribute: str = "time_attr", **more: Any) -> None:
    """Its tuner, with one process of the local backend per trial."""
    import os

    import numpy as np
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import choice, loguniform, randint, uniform
    from syne_tune.optimizer import baselines
    from syne_tune.tuner_callback import TunerCallback

    class Listener(TunerCallback):  # type: ignore[misc]
        def on_trial_result(self, trial: Any, status: str, result: dict[str, Any], decision: str) -> None:
            del status, decision
            note(trial.config, result["step"])

    os.environ["SYNETUNE_FOLDER"] = tempfile.mkdtemp()
    os.chdir(os.environ["SYNETUNE_FOLDER"])  # counting GPUs, it leaves a file wherever it is
    np.random.seed(np.random.SeedSequence([seed, 1]).generate_state(1)[0])  # noqa: NPY002
    domains = {"c": choice(list("abc")), "n": randint(1, 16), "x": uniform(0, 1), "y": loguniform(1e-4, 1)}
    Tuner(
        trial_backend=LocalBackend(entry_point=str(Path(__file__).with_name("own_loops_trial.py"))),
        scheduler=getattr(baselines, scheduler)(
            domains,
            metric="loss",
            max_t=27,
            grace_period=1,
            reduction_factor=3,
            random_seed=seed,
            **{attribute: "step"},
            **more,
        ),
        stop_criterion=StoppingCriterion(max_num_trials_started=total),
        n_workers=1,
        sleep_time=0.05,
        save_tuner=False,
        callbacks=[Listener()],
        max_failures=total,
    ).run()


def syne_tune_models(seed: int, total: int, scheduler: str) -> None:
    syne_tune(seed, total, scheduler, "resource_attr", mode="min", search_options={"debug_log": False})


def blackboxopt(seed: int, total: int) -> None:
    import parameterspace as ps
    from blackboxopt import Objective
    from blackboxopt.optimization_loops.sequential import run_optimization_loop
    from blackboxopt.optimizers.bohb import BOHB

    space = ps.ParameterSpace()
    space.add(ps.CategoricalParameter("c", values=list("abc")))
    space.add(ps.IntegerParameter("n", bounds=(1, 16)))
    space.add(ps.ContinuousParameter("x", bounds=(0, 1)))
    space.add(ps.ContinuousParameter("y", bounds=(1e-4, 1), transformation="log"))

    def target(specification: Any) -> Any:
        loss = note(specification.configuration, specification.settings["fidelity"])
        return specification.create_evaluation(objectives={"loss": None if math.isnan(loss) else loss})

    optimizer = BOHB(
        space, Objective("loss", greater_is_better=False), min_fidelity=1, max_fidelity=27, eta=3, num_iterations=100,
        seed=seed + 1,
    )  # fmt: skip
    run_optimization_loop(optimizer, target, max_evaluations=total)


def neps_ask_and_tell(seed: int, total: int, algorithm: str = "hyperband", **more: Any) -> None:
    """Its example of ask and tell, because `neps.run` no longer accepts a space of this kind."""
    import random

    import neps
    import numpy as np
    import torch
    from neps.space import HPOCategorical, HPOFloat, HPOInteger, SearchSpace

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it has no other
    torch.manual_seed(seed)
    domains = {"c": HPOCategorical(list("abc")), "n": HPOInteger(1, 16), "x": HPOFloat(0.0, 1.0)}
    domains |= {"y": HPOFloat(1e-4, 1.0, log=True), "budget": HPOFloat(1.0, 27.0, is_fidelity=True)}
    optimizer = neps.AskAndTell(optimizer=getattr(neps.algorithms, algorithm)(SearchSpace(domains), eta=3, **more))
    for _ in range(total):
        trial = optimizer.ask()
        loss = note(trial.config, trial.config["budget"])
        optimizer.tell(trial, RuntimeError("failed") if math.isnan(loss) else loss)


LOOPS: dict[str, Any] = {
    "hpbandster": hpbandster,
    "optuna-tpe": lambda seed, total: optuna_full(seed, total, "TPESampler"),
    "optuna-tpe-hyperband": optuna_hyperband,
    "optuna-gp": lambda seed, total: optuna_full(seed, total, "GPSampler"),
    "smac-mf": lambda seed, total: smac(seed, total, "MultiFidelityFacade", min_budget=1, max_budget=27),
    "smac-hpo": lambda seed, total: smac(seed, total, "HyperparameterOptimizationFacade", deterministic=True),
    "ax": ax,
    "hebo": hebo,
    "dehb": dehb,
    "syne-tune-bohb": lambda seed, total: syne_tune(seed, total, "BOHB"),
    "syne-tune-asha": lambda seed, total: syne_tune(seed, total, "ASHA"),
    "blackboxopt-bohb": blackboxopt,
    "neps": neps_ask_and_tell,
    "neps-priorband": lambda seed, total: neps_ask_and_tell(seed, total, "priorband"),
    "syne-tune-mobster": lambda seed, total: syne_tune_models(seed, total, "MOBSTER"),
    "syne-tune-hypertune": lambda seed, total: syne_tune_models(seed, total, "HyperTune"),
    "syne-tune-dyhpo": lambda seed, total: syne_tune_models(seed, total, "DyHPO"),
}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    name, seed, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    LOOPS[name](seed, total)
    sys.stdout.write("\nEVALUATIONS " + json.dumps(SEEN) + "\n")
