"""Compares what optimizers recommend where trainings are noisy, by the true loss: `python -m benchmarks.noise`.

Counting Ones with few flips, two noisy problems of our own, and three of reinforcement learning. On each, every
optimizer searches for 30 full trainings with one worker. The regret is that of the mean of endless trainings. It is
shown for the incumbent, which luck favours, and for what the optimizer recommends; an optimizer that recommends nothing
of its own recommends its incumbent.

The last lines compare the default, with and without repetitions, with the best of the others and with Hyperband.
"""

import argparse
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import optimizers, protocol, results
from benchmarks.__main__ import installed, known
from benchmarks.results import Record
from benchmarks.simulation import Setting
from bohb._text import aligned

PROBLEMS = (
    "counting-ones-16-16-few",
    "noisy-hartmann6",
    "noisy-collapse",
    "arl-cartpole-dqn",
    "arl-cartpole-ppo",
    "arl-lunar-lander-dqn",
)
OURS = ("bohb-default", "bohb-default-repeats")
HYPERBAND = "bohb-hyperband"
USUAL = (*OURS, HYPERBAND)

Regrets = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Final regrets by optimizer, problem and seed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the missing searches and print the tables. Return 1 if one failed."""
    options = _parser().parse_args(arguments)
    names = known(options.optimizers, optimizers.OPTIMIZERS, "an optimizer")
    chosen = known(options.problems, PROBLEMS, "a problem")
    runs = protocol.plan(chosen, installed(names), options.seeds, [Setting(total=options.total)])
    failed = 0
    for outcome in protocol.perform_all(runs, options.out, data=options.data, jobs=options.jobs):
        failed += not isinstance(outcome, Record) or outcome.error is not None
    wanted = {run.key for run in runs}
    print(report([record for record in results.read(options.out) if record.key in wanted]))
    return int(failed > 0)


def report(records: Iterable[Record]) -> str:
    """Return the tables of some runs."""
    records = list(records)
    incumbents, recommended = regrets_of(records, recommended=False), regrets_of(records, recommended=True)
    return "\n\n".join(
        [
            table("True regret of the incumbent", incumbents),
            table("True regret of what is recommended", recommended),
            *(comparison(recommended, name) for name in OURS if name in recommended),
        ]
    )


def regrets_of(records: Iterable[Record], *, recommended: bool) -> Regrets:
    """Return the final regrets of the incumbents, or of what is recommended."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for record in records:
        regret = record.recommended_regret if recommended else record.regret
        found.setdefault(record.optimizer, {}).setdefault(record.problem, {})[record.seed] = regret
    return found


def table(title: str, regrets: Regrets) -> str:
    """Return the mean of each optimizer on each problem with its standard error, and the mean over the problems."""
    problems = list(dict.fromkeys(problem for own in regrets.values() for problem in own))
    rows = [
        [name, *(_mean(list(own.get(problem, {}).values())) for problem in problems), f"{_overall(own):.3f}"]
        for name, own in regrets.items()
    ]
    head = ["optimizer", *problems, "mean"]
    return "\n".join([title, *aligned(head, rows, right=range(1, len(head)))])


def comparison(regrets: Regrets, name: str) -> str:
    """Return the regret of one optimizer divided by that of the best other, and its difference to Hyperband's."""
    others = [other for other in regrets if other not in OURS]
    if not others:
        return f"{name}: nothing to compare with"
    rows = []
    for problem, own in regrets[name].items():
        best = min(others, key=lambda other: _value(regrets[other].get(problem, {})))
        ratio = _value(own) / _value(regrets[best].get(problem, {}))
        rows.append([problem, best, f"{ratio:.2f}", _difference(own, regrets.get(HYPERBAND, {}).get(problem, {}))])
    head = ["problem", "best other", "its regret / that of the best", "its regret - Hyperband's"]
    return "\n".join(
        [f"{name} against {len(others)} others, by what is recommended", *aligned(head, rows, right=[2, 3])]
    )


def _difference(own: Mapping[int, float], other: Mapping[int, float]) -> str:
    """Return the mean difference over the seeds that both have, with its standard error."""
    return _mean([own[seed] - other[seed] for seed in own if seed in other])


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "-"
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{np.mean(values):.3f} ± {error:.3f}"


def _value(by_seed: Mapping[int, float]) -> float:
    return float(np.mean(list(by_seed.values()))) if by_seed else math.nan


def _overall(own: Mapping[str, Mapping[int, float]]) -> float:
    return float(np.mean([_value(by_seed) for by_seed in own.values()]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.noise", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=int, default=10, metavar="N", help="number of seeds; default: 10")
    add("--total", type=float, default=30.0, metavar="X", help="full trainings of each search; default: 30")
    add("--optimizers", nargs="+", default=USUAL, metavar="NAME", help=f"default: {' '.join(USUAL)}")
    add("--problems", nargs="+", default=PROBLEMS, metavar="NAME", help="default: all six")
    add("--data", type=Path, metavar="FOLDER", help="as for `python -m benchmarks run`")
    add("--jobs", type=int, default=1, metavar="N", help="processes at the same time; default: 1")
    add(
        "--out",
        type=Path,
        default=Path("noise.jsonl"),
        metavar="FILE",
        help="keeps finished runs; default: noise.jsonl",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
