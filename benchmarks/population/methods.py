"""What trains a population: the presets of bohb, Ray's schedulers, and configurations that stay as they are.

Every method returns a point for each training of one interval: how many intervals that training has had in all, the
loss that the search was told, and the loss that is reported.
"""

import json
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.population.problems import NUM_INTERVALS, Problem

SIZE, NUM_WORKERS = 8, 4


class Point(NamedTuple):
    """One training of one interval; its loss to report is computed where it is needed."""

    age: int
    told: float
    loss: Callable[[], float]


def _start(problem: Problem, seed: int, member: int) -> Any:
    return problem.start(1000 * seed + member)


def ours(preset: str, problem: Problem, seed: int) -> list[Point]:
    """Train one population with bohb, whose workers all take equally long."""
    import bohb

    space = {name: (*bounds, "log") for name, bounds in problem.space.items()}
    optimizer = bohb.Optimizer(space, range(1, NUM_INTERVALS + 1), seed=seed, preset=preset)
    states: dict[str, Any] = {}
    running: list[bohb.Trial] = []
    points: list[Point] = []
    while len(points) < SIZE * NUM_INTERVALS:
        while len(running) < NUM_WORKERS:
            running.append(optimizer.ask())
        trial = running.pop(0)
        state = _start(problem, seed, trial.id) if trial.checkpoint is None else states[trial.checkpoint]
        state = problem.advance(state, trial.config)
        states[f"{trial.id}"] = state
        points.append(Point(trial.budget, problem.told(state), partial(problem.loss, state)))
        optimizer.tell(trial, points[-1].told, checkpoint=f"{trial.id}")
    return points


def fixed(num: int, problem: Problem, seed: int) -> list[Point]:
    """Train random configurations that stay as they are."""
    import bohb

    space = {name: (*bounds, "log") for name, bounds in problem.space.items()}
    optimizer = bohb.Optimizer(space, [1], seed=seed, preset="random")
    points: list[Point] = []
    for member in range(num):
        config, state = optimizer.ask().config, _start(problem, seed, member)
        for age in range(1, NUM_INTERVALS + 1):
            state = problem.advance(state, config)
            points.append(Point(age, problem.told(state), partial(problem.loss, state)))
    return points


def ray(scheduler: str, problem: Problem, seed: int) -> list[Point]:
    """Train one population with Ray Tune, all of whose members run at once, as its users run it."""
    import random

    import numpy as np
    from ray import tune

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - PB2 draws from it
    rng = np.random.default_rng(seed)
    logs = {name: np.log(bounds) for name, bounds in problem.space.items()}
    members = [
        {"member": member} | {name: float(np.exp(rng.uniform(*log))) for name, log in logs.items()}
        for member in range(SIZE)
    ]
    with tempfile.TemporaryDirectory() as folder:
        tune.run(
            _trainable(type(problem), seed, Path(folder)),
            config={name: tune.sample_from(_of_member(members, name)) for name in members[0] if name != "member"}
            | {"member": tune.grid_search(list(range(SIZE)))},
            scheduler=_scheduler(scheduler, problem),
            stop={"age": NUM_INTERVALS},
            resources_per_trial={"cpu": 1},
            storage_path=folder,
            reuse_actors=True,
            verbose=0,
            raise_on_failed_trial=True,
        )
        return _read(Path(folder, "points"))


def _of_member(members: list[dict[str, Any]], name: str) -> Callable[[Any], float]:
    def value(spec: Any) -> float:
        return float(members[spec.config.member][name])

    return value


def _trainable(make: type, seed: int, folder: Path) -> Any:
    """Return a member. It begins when all are there: Ray compares those that have a result, however old they are.

    It writes what it trained to a file that all share, because Ray's own lacks most results of members that it paused.
    """
    from ray import tune

    class Training(tune.Trainable):  # type: ignore[misc]
        """A member."""

        def setup(self, config: Mapping[str, Any]) -> None:
            self.problem = make()
            self.age, self.state = 0, _start(self.problem, seed, config["member"])
            (folder / f"started-{config['member']}").touch()

        def step(self) -> dict[str, Any]:
            while len(list(folder.glob("started-*"))) < SIZE:
                time.sleep(0.05)
            config = {name: self.config[name] for name in self.problem.space}
            self.age, self.state = self.age + 1, self.problem.advance(self.state, config)
            point = {"age": self.age, "told": self.problem.told(self.state), "reported": self.problem.loss(self.state)}
            with (folder / "points").open("a", encoding="utf-8") as file:
                file.write(json.dumps(point) + "\n")
            return point

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            (Path(checkpoint_dir) / "state").write_bytes(pickle.dumps((self.age, self.state)))

        def load_checkpoint(self, checkpoint: Any) -> None:
            self.age, self.state = pickle.loads((Path(checkpoint) / "state").read_bytes())  # noqa: S301 - its own

        def reset_config(self, new_config: Mapping[str, Any]) -> bool:
            self.config = dict(new_config)
            return True

    return Training


def _scheduler(name: str, problem: Problem) -> Any:
    import numpy as np
    from ray import tune
    from ray.tune.schedulers import PopulationBasedTraining
    from ray.tune.schedulers.pb2 import PB2

    # Ray's defaults. `synch=True` would compare members at the same age only, and takes longer.
    common = {"time_attr": "age", "metric": "told", "mode": "min", "perturbation_interval": 1}
    if name == "pb2":
        bounds = {name: [float(np.float64(low)), float(high)] for name, (low, high) in problem.space.items()}
        return PB2(hyperparam_bounds=bounds, **common)
    mutations = {name: tune.loguniform(*bounds) for name, bounds in problem.space.items()}
    return PopulationBasedTraining(hyperparam_mutations=mutations, **common)


def _read(path: Path) -> list[Point]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Point(row["age"], row["told"], partial(float, row["reported"])) for row in rows]


METHODS: dict[str, Callable[[Problem, int], list[Point]]] = {
    "bohb-population": lambda problem, seed: ours("population", problem, seed),
    "bohb-pb2": lambda problem, seed: ours("pb2", problem, seed),
    "ray-pbt": lambda problem, seed: ray("pbt", problem, seed),
    "ray-pb2": lambda problem, seed: ray("pb2", problem, seed),
    "fixed": lambda problem, seed: fixed(SIZE, problem, seed),
    "fixed-32": lambda problem, seed: fixed(32, problem, seed),
}
"""The methods. Ours and `fixed` spend the same: 8 members, trained in full. `fixed-32` spends 4 times as much, and Ray
what it takes until all 8 have arrived: a member that takes over the checkpoint of a younger one trains again."""


def curve(points: list[Point]) -> list[float]:
    """Return the reported loss at each age of the training that was told the lowest loss at that age."""
    best: dict[int, Point] = {}
    for point in points:
        if point.age not in best or point.told < best[point.age].told:
            best[point.age] = point
    return [best[age].loss() for age in range(1, NUM_INTERVALS + 1) if age in best]
