"""Compares searches on four real trainings that take a second each, wall time included.

python -m benchmarks.trainings run --out trainings.jsonl --jobs 2
python -m benchmarks.trainings report trainings.jsonl

A search may spend 20 full trainings: of epochs, where it goes on from checkpoints, or of rows, which are paid in full
each time. The trainings run in an environment of their own, which is created at the first run, because PyTorch is
large. Runs that are in the file are not repeated.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import optimizers, protocol, results
from benchmarks.__main__ import installed, known
from benchmarks.optimizers.environments import ensure
from benchmarks.protocol import Run
from benchmarks.results import Record
from benchmarks.settings import changed, setting_of
from benchmarks.simulation import regret_at
from benchmarks.trainings.problems import TRAININGS, perform

ROOT = Path(__file__).parents[2]
USUAL = ("bohb-default", "optuna-tpe-hyperband", "smac-mf", "random")


def main(arguments: Sequence[str] | None = None) -> int:
    """Perform the missing runs, or report those that there are. Return 1 if a run failed."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(words)
    if options.command == "report":
        print("\n".join(table(results.read(options.results))))
        return 0
    if find_spec("torch") is None:
        return _in_its_environment(words)
    return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trainings", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="perform the missing runs")
    run.add_argument("--out", type=Path, required=True, help="the file of results, to which runs are added")
    run.add_argument("--problems", nargs="+", default=list(TRAININGS), metavar="NAME", help="default: all four")
    run.add_argument("--optimizers", nargs="+", default=USUAL, metavar="NAME", help=f"default: {' '.join(USUAL)}")
    run.add_argument("--seeds", type=int, default=10, metavar="N", help="number of seeds; default: 10")
    run.add_argument("--total", type=float, default=20.0, metavar="X", help="full trainings of a search; default: 20")
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at the same time; default: 1")
    report = commands.add_parser("report", help="print the table of the finished runs, in Markdown")
    report.add_argument("results", type=Path)
    return parser


def _in_its_environment(words: Sequence[str]) -> int:
    """Run this command where PyTorch is installed."""
    command = [str(ensure("trainings")), "-m", "benchmarks.trainings", *words]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def _run(options: argparse.Namespace) -> int:
    names = installed(known(options.optimizers, optimizers.OPTIMIZERS, "an optimizer"))
    chosen = known(options.problems, TRAININGS, "a training")
    runs = [
        Run(problem, name, seed, changed(setting_of("1"), total=options.total, resume=TRAININGS[problem].resumes))
        for seed in range(options.seeds)
        for problem in chosen
        for name in names
    ]
    failed = 0
    for outcome in protocol.perform_all(runs, options.out, jobs=options.jobs, perform=perform):
        failed += not isinstance(outcome, Record) or outcome.error is not None
        print(_line(outcome), flush=True)
    return int(failed > 0)


def _line(outcome: Record | tuple[Run, str]) -> str:
    if not isinstance(outcome, Record):
        run, failure = outcome
        return f"{run.problem} {run.optimizer} seed {run.seed}: {failure}"
    text = outcome.error or (f"{outcome.incumbents[-1][2]:.4g}" if outcome.incumbents else "no result")
    return f"{outcome.problem} {outcome.optimizer} seed {outcome.seed}: {text} in {outcome.wall:.1f} s"


def table(records: Iterable[Record]) -> list[str]:
    """Return the medians over the seeds, as rows of Markdown.

    The columns are the validation loss of the incumbent after a third of the time and at the end, the loss of the same
    training on held-out data, the number of seeds in which the default ends lower, the wall time, and how much of it is
    the search's own.
    """
    rows = [
        "| training | search | loss at a third | loss | held out | the default is lower | wall | own |",
        "|---|---|---|---|---|---|---|---|",
    ]
    records = [record for record in records if record.error is None]
    for problem in TRAININGS:
        ours = {each.seed: _loss(each) for each in _of(records, problem, "bohb-default")}
        for name in dict.fromkeys(record.optimizer for record in records):
            found = list(_of(records, problem, name))
            if found:
                rows.append(_row(problem, name, found, ours))
    return rows


def _of(records: Iterable[Record], problem: str, name: str) -> Iterator[Record]:
    return (record for record in records if (record.problem, record.optimizer) == (problem, name))


def _loss(record: Record, part: float = 1.0) -> float:
    """Return the validation loss of the incumbent after a part of the time."""
    return regret_at([(at, budget, loss, loss) for at, budget, loss, _ in record.incumbents], part * record.clock)


def _row(problem: str, name: str, found: Sequence[Record], ours: dict[int, float]) -> str:
    third, end = (float(np.median([_loss(record, part) for record in found])) for part in (1 / 3, 1.0))
    held_out = float(np.median([record.regret for record in found]))
    pairs = [(ours[record.seed], _loss(record)) for record in found if record.seed in ours]
    wins = "" if name == "bohb-default" else f"{sum(mine < other for mine, other in pairs)} of {len(pairs)}"
    wall, own = (float(np.median([getattr(record, part) for record in found])) for part in ("wall", "seconds"))
    return f"| {problem} | `{name}` | {third:.4g} | {end:.4g} | {held_out:.4g} | {wins} | {wall:.1f} s | {own:.1f} s |"


if __name__ == "__main__":
    sys.exit(main())
