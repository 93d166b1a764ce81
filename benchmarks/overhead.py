"""What the search itself costs: compared with HpBandSter and Optuna if they are installed, and against targets.

    python -m benchmarks overhead [--parts peers asks startup contention many_workers long_log]
        [--sizes 1000 50000] [--pairs 10000] [--only bohb] [--json overhead.jsonl]

The parts except `peers` are modules of their own, which print figures beside their limits. The exit status is 1 if one
falls short. All parts together take about a quarter of an hour.

Every measurement runs in a process of its own, pinned to one core with one BLAS thread, and reports CPU time, which
other processes do not inflate by preempting. The space is 10-dimensional and mixed: six floats of which two are
logarithmic, two integers, two categoricals of four choices. The numpy floor is not an optimizer: it is the time that
numpy alone takes for BOHB's model over all results, which is two densities at 64 candidates and their draw.
"""

import argparse
import importlib
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.targets import show

BUDGETS = (1, 3, 9, 27, 81)
NUM_TIMED = 200


def make_space() -> Any:
    """Return the 10-dimensional mixed space."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    parameters: list[Any] = [Float(f"float{i}", (0.0, 1.0)) for i in range(4)]
    parameters += [Float(f"log{i}", (1e-5, 1.0), log=True) for i in range(2)]
    parameters += [Integer("int16", (1, 16)), Integer("int256", (1, 256))]
    parameters += [Categorical(f"choice{i}", list("abcd")) for i in range(2)]
    space = ConfigurationSpace(seed=0)
    space.add(parameters)
    return space


def loss_of(config: Any) -> float:
    """A loss that takes no time to compute."""
    return float(sum(config[f"float{i}"] for i in range(4)) + (config["choice0"] != "a"))


class Peer(Protocol):
    """An optimizer under measurement."""

    def fill(self, configs: list[dict[str, Any]]) -> None:
        """Tell results for these configurations at the full budget, or as many for configurations of its own."""
        ...

    def ask(self) -> tuple[Any, bool]:
        """Return an evaluation to tell, and whether a model proposed it."""
        ...

    def tell(self, asked: Any) -> None:
        """Tell a loss for it."""
        ...


class Bohb:
    """This package."""

    def __init__(self) -> None:
        import bohb

        self.optimizer = bohb.Optimizer(make_space(), bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), seed=0)

    def fill(self, configs: list[dict[str, Any]]) -> None:
        """Ask and tells as often, so that the schedule has as much to look at as in a search; at all budgets."""
        for _ in configs:
            self.tell(self.ask()[0])

    def ask(self) -> tuple[Any, bool]:
        """Ask."""
        trial = self.optimizer.ask()
        return trial, trial.origin == "model"

    def tell(self, asked: Any) -> None:
        """Tell."""
        self.optimizer.tell(asked, loss_of(asked.config))


class HpBandSter:
    """HpBandSter's config generator, driven without its network."""

    def __init__(self) -> None:
        from hpbandster.optimizers.config_generators.bohb import BOHB

        self.generator = BOHB(make_space())

    def fill(self, configs: list[dict[str, Any]]) -> None:
        """Put all but the last result into its lists and tells the last one, which fits the model."""
        import ConfigSpace
        import numpy as np

        space, budget = self.generator.configspace, float(BUDGETS[-1])
        arrays = [ConfigSpace.Configuration(space, values=config).get_array() for config in configs[:-1]]
        self.generator.configs[budget] = [np.array(array) for array in arrays]
        self.generator.losses[budget] = [loss_of(config) for config in configs[:-1]]
        self.tell(configs[-1])

    def ask(self) -> tuple[Any, bool]:
        """Ask for a configuration."""
        config, info = self.generator.get_config(BUDGETS[-1])
        return config, bool(info.get("model_based_pick"))

    def tell(self, asked: Any) -> None:
        """Tell through a substitute for its job object."""
        job = type("Job", (), {})()
        job.kwargs = {"budget": float(BUDGETS[-1]), "config": dict(asked)}
        job.result, job.exception = {"loss": loss_of(asked)}, None
        self.generator.new_result(job)


class Optuna:
    """Optuna's default sampler."""

    def __init__(self) -> None:
        import optuna
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.create_trial = optuna.trial.create_trial
        self.study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        self.distributions: dict[str, Any] = {f"float{i}": FloatDistribution(0.0, 1.0) for i in range(4)}
        self.distributions |= {f"log{i}": FloatDistribution(1e-5, 1.0, log=True) for i in range(2)}
        self.distributions |= {"int16": IntDistribution(1, 16), "int256": IntDistribution(1, 256)}
        self.distributions |= {f"choice{i}": CategoricalDistribution(list("abcd")) for i in range(2)}

    def fill(self, configs: list[dict[str, Any]]) -> None:
        """Add completed trials."""
        self.study.add_trials(
            self.create_trial(params=config, distributions=self.distributions, value=loss_of(config))
            for config in configs
        )

    def ask(self) -> tuple[Any, bool]:
        """Ask with fixed distributions."""
        return self.study.ask(self.distributions), True

    def tell(self, asked: Any) -> None:
        """Tell."""
        self.study.tell(asked, loss_of(asked.params))


class Floor:
    """The arithmetic of the model alone: a good and a bad density over all results, 64 candidates drawn and scored."""

    def __init__(self) -> None:
        import numpy as np

        self.rng = np.random.default_rng(0)
        self.points = self.rng.random((0, 8))
        self.choices = self.rng.integers(4, size=(0, 2))

    def fill(self, configs: list[dict[str, Any]]) -> None:
        """Make as many random points; their scaling does not matter here."""
        self.points = self.rng.random((len(configs), 8))
        self.choices = self.rng.integers(4, size=(len(configs), 2))

    def ask(self) -> tuple[Any, bool]:
        """Draw candidates around good points and returns the one with the best density ratio."""
        from scipy.special import ndtr, ndtri

        num_good = max(len(self.points) * 15 // 100, 1)
        drawn = self.rng.integers(num_good, size=64)
        centres, width = self.points[drawn], 0.1
        low, high = ndtr(-centres / width), ndtr((1 - centres) / width)
        points = centres + width * ndtri(low + (high - low) * self.rng.random(centres.shape))
        good, bad = slice(num_good), slice(num_good, None)
        ratio = self._density(points, self.choices[drawn], good, width) / self._density(
            points, self.choices[drawn], bad, width
        )
        return ratio.argmax(), True

    def tell(self, asked: Any) -> None:
        """Find the good results again."""
        del asked
        self.points[:, 0].argpartition(len(self.points) * 15 // 100)

    def _density(self, points: Any, choices: Any, part: slice, width: float) -> Any:
        """Return (64,) the sum over kernels, all exponents by one matrix product."""
        import numpy as np

        centres, codes = self.points[part].T / width, np.arange(4)[:, None]
        kernels = [
            centres,
            *(codes == column for column in self.choices[part].T),
            -0.5 * (centres**2).sum(axis=0)[None],
        ]
        one_hot = [np.log(7.0) * (column[:, None] == codes.T) for column in choices.T]
        queries = [points / width, *one_hot, np.ones((len(points), 1))]
        terms = np.concatenate(queries, axis=1) @ np.concatenate(kernels)
        terms -= 0.5 * ((points / width) ** 2).sum(axis=1)[:, None]
        return np.exp(terms, out=terms).sum(axis=1) + 1e-300


FLOOR = "numpy floor"

PEERS: dict[str, tuple[str, Callable[[], Peer]]] = {
    "bohb": ("bohb", Bohb),
    "HpBandSter": ("hpbandster", HpBandSter),
    "Optuna TPE": ("optuna", Optuna),
    FLOOR: ("numpy", Floor),
}


def random_configs(num: int) -> list[dict[str, Any]]:
    """Return configurations drawn at random, in plain Python values."""
    return [
        {name: value.item() if hasattr(value, "item") else value for name, value in dict(config).items()}
        for config in make_space().sample_configuration(num)
    ]


def measure_steps(name: str, num_results: int) -> dict[str, float]:
    """Return the median CPU milliseconds of a model-based ask and of a tell after `size` results."""
    peer = PEERS[name][1]()
    peer.fill(random_configs(num_results))
    asks: list[float] = []
    tells: list[float] = []
    deadline = time.monotonic() + 60
    while len(asks) < NUM_TIMED and time.monotonic() < deadline:
        start = time.process_time()
        asked, from_model = peer.ask()
        middle = time.process_time()
        peer.tell(asked)
        tells.append(time.process_time() - middle)
        if from_model:
            asks.append(middle - start)
    return {"ask": 1e3 * statistics.median(asks), "tell": 1e3 * statistics.median(tells)}


def measure_pairs(name: str, num_pairs: int) -> dict[str, float]:
    """Return the CPU seconds of ask/tell pairs from an empty history, their number, and the peak memory in MB."""
    peer = PEERS[name][1]()
    start, deadline, done = time.process_time(), time.monotonic() + 60, 0
    while done < num_pairs and time.monotonic() < deadline:
        asked, _ = peer.ask()
        peer.tell(asked)
        done += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.process_time() - start, "pairs": done, "peak": peak}


def measure_import() -> dict[str, float]:
    """Return CPU milliseconds of `import bohb` beyond numpy's own import."""
    importlib.import_module("numpy")

    start = time.process_time()
    importlib.import_module("bohb")

    return {"import": 1e3 * (time.process_time() - start)}


class Nothing:
    """An optimizer and a problem that take no time, to measure the simulation itself."""

    name = family = "nothing"
    seconds = 0.0
    version: Mapping[str, str] = {"nothing": "0"}

    def __init__(self) -> None:
        import bohb

        self.space, self.ladder, self.number = make_space(), bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), 0

    def ask(self) -> Any:
        """Ask for ten new values at one budget after the other."""
        from benchmarks.optimizers.optimizer import Job

        self.number += 1
        config = {f"x{i}": (self.number * 0.618 + i / 10) % 1 for i in range(10)}
        return Job(self.number, config, BUDGETS[self.number % len(BUDGETS)])

    def tell(self, job: Any, loss: float) -> None:
        """Ignore the result."""

    def lose(self, job: Any) -> None:
        """Ignore the result."""

    def recommend(self) -> None:
        """Recommend nothing: the incumbent is what counts."""

    def close(self) -> None:
        """Do nothing: there are no resources to free."""

    def evaluate(self, config: Any, budget: float, rng: Any) -> Any:
        """Return one of the values."""
        from benchmarks.problems.problem import Evaluation

        del rng
        return Evaluation(config["x0"], budget / BUDGETS[-1])

    def regret(self, config: Any) -> float:
        """Return the same value."""
        return float(config["x0"])


def measure_simulation(num_workers: int) -> dict[str, float]:
    """Return the number of evaluations simulated per CPU second, with stragglers, crashes and lost workers."""
    from benchmarks.simulation import Setting, simulate

    nothing = Nothing()
    setting = Setting(num_workers, total=6_000.0, stragglers=1.0, crashes=0.1, losses=0.1)
    start = time.process_time()
    trace = simulate(nothing, nothing, setting, 0)
    return {"rate": trace.evaluations / (time.process_time() - start)}


def in_process(call: str, module: str = "benchmarks.overhead", *, is_pinned: bool = True) -> Any:
    """Return what a function of a module returns in a process of its own, with one BLAS thread and pinned to a core."""
    env = os.environ | {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    code = "import json, os\n"
    code += "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" if is_pinned else ""
    code += f"import warnings; warnings.simplefilter('ignore')\nimport {module} as module\n"
    code += f"print(json.dumps(module.{call}))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the parts. Return the exit status: 1 if a target falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 50_000], help="results told before")
    parser.add_argument("--pairs", type=int, default=10_000, help="ask/tell pairs from an empty history; 0: skip")
    parser.add_argument("--only", choices=sorted(PEERS), action="append", help="in the part peers, measure only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append one JSON line per measurement of peers")
    options = parser.parse_args(arguments)
    if "peers" in options.parts:
        compare(options.only or list(PEERS), options.sizes, options.pairs, options.json)
    modules = [importlib.import_module(f"benchmarks.{part}") for part in options.parts if part != "peers"]
    return show(target for module in modules for target in module.measure()) if modules else 0


PARTS = ("peers", "asks", "startup", "contention", "many_workers", "long_log")
"""The comparison with other libraries, and the modules that measure targets."""


def compare(names: Sequence[str], sizes: Sequence[int], num_pairs: int, path: Path | None) -> None:
    """Print the figures of optimizers, and append them to a file if one is given."""
    imported = statistics.median(in_process("measure_import()")["import"] for _ in range(5))
    print(f"import bohb: {imported:.1f} ms CPU over numpy's own import")
    rates = [in_process(f"measure_simulation({workers})")["rate"] for workers in (1, 128)]
    print(f"simulated time: {rates[0]:,.0f} evaluations per CPU second with 1 worker, {rates[1]:,.0f} with 128")
    for name in names:
        if importlib.util.find_spec(PEERS[name][0]) is None:
            print(f"{name}: not installed (pip install {PEERS[name][0]})")
            continue
        for size in sizes:
            step = in_process(f"measure_steps({name!r}, {size})")
            print(f"{name}: {size:,} results told: model-based ask {step['ask']:.3f} ms, tell {step['tell']:.3f} ms")
            write(path, {"optimizer": name, "results": size, **step})
        if num_pairs and name != FLOOR:
            run = in_process(f"measure_pairs({name!r}, {num_pairs})")
            print(f"{name}: {run['pairs']:,} pairs in {run['seconds']:.1f} s CPU, peak memory {run['peak']:.0f} MB")
            write(path, {"optimizer": name, **run})


def write(path: Path | None, line: dict[str, Any]) -> None:
    """Append a line to a file, if there is one."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
