"""Compares population-based training with Ray's, and with configurations that stay as they are.

python -m benchmarks.population run --out population.jsonl
python -m benchmarks.population report population.jsonl --picture population.png

Three trainings of 20 intervals (see `problems.py`), 8 members, 10 seeds. Everything runs in an environment of its own,
which is created at the first run, because Ray and PyTorch are large. Runs that are in the file are not repeated.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.optimizers.environments import ensure
from benchmarks.population.methods import METHODS
from benchmarks.population.problems import NUM_INTERVALS, PROBLEMS, Quadratic

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> None:
    """Perform the missing runs, or report those that there are."""
    options = _parser().parse_args(arguments)
    if options.command == "run":
        _run(options)
    else:
        records = _read(options.results)
        print("\n".join(table(records)))
        if options.picture is not None:
            _draw(records, options.picture)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="perform the missing runs")
    run.add_argument("--out", type=Path, required=True, help="the file of results, to which runs are added")
    run.add_argument("--problems", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    run.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    run.add_argument("--seeds", type=int, default=10)
    report = commands.add_parser("report", help="print a table, and draw a picture")
    report.add_argument("results", type=Path)
    report.add_argument("--picture", type=Path)
    return parser


def _run(options: argparse.Namespace) -> None:
    known = {_key(record) for record in _read(options.out)} if options.out.exists() else set()
    runs = [
        {"problem": problem, "method": method, "seed": seed}
        for problem in options.problems
        for method in options.methods
        for seed in range(options.seeds)
    ]
    missing = [run for run in runs if _key(run) not in known]
    with options.out.open("a", encoding="utf-8") as file:
        for number, record in enumerate(_perform(missing), 1):
            print(json.dumps(record), file=file, flush=True)
            what = f"{record['problem']} {record['method']} seed {record['seed']}"
            print(
                f"[{number}/{len(missing)}] {what}: {record['curve'][-1]:.4g} in {record['seconds']:.1f} s", flush=True
            )


def _perform(runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the records of runs, performed one after the other in the environment of its own."""
    limits = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    # Ray's PB2 warns of every fit that does not converge.
    environment = {**os.environ, **limits, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [str(ensure("population")), "-m", "benchmarks.population.child"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for run in runs:
            print(json.dumps(run), file=child.stdin, flush=True)
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"expected the result of {run}, got none; see what the run printed")
            yield json.loads(line)
        child.stdin.close()


def _key(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["problem"], record["method"], record["seed"]


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _groups(records: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield problem, method, `(seeds, intervals)` losses and `(seeds,)` intervals trained, in a fixed order."""
    records = list(records)
    for problem in PROBLEMS:
        for method in METHODS:
            own = [one for one in records if (one["problem"], one["method"]) == (problem, method)]
            if own:
                yield (
                    problem,
                    method,
                    np.array([one["curve"] for one in own]),
                    np.array([one["intervals"] for one in own]),
                )


def table(records: Iterable[dict[str, Any]]) -> list[str]:
    """Return a table of the losses at the end, and of what was trained for them: medians over seeds, in Markdown."""
    rows = [
        "| problem | method | seeds | final loss: median | quartiles | intervals trained |",
        "|---|---|---|---|---|---|",
    ]
    for problem, method, losses, trained in _groups(records):
        low, middle, high = np.quantile(losses[:, -1], [0.25, 0.5, 0.75])
        spread, spent = f"{low:.4g} to {high:.4g}", f"{np.median(trained):.0f}"
        rows.append(f"| {problem} | `{method}` | {len(losses)} | {middle:.4g} | {spread} | {spent} |")
    best = Quadratic().best_known(NUM_INTERVALS)
    return [*rows, f"| quadratic | the best schedule | | {best:.4g} | | |"]


def _draw(records: Iterable[dict[str, Any]], path: Path) -> None:
    """Draw the median of the loss over the intervals, and its quartiles."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    groups = list(_groups(records))
    names = list(dict.fromkeys(problem for problem, *_ in groups))
    figure = Figure(figsize=(5 * len(names), 4), layout="constrained")
    panels = dict(zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True))
    for problem, method, losses, _ in groups:
        low, middle, high = np.quantile(losses, [0.25, 0.5, 0.75], axis=0)
        number, ages = list(METHODS).index(method), np.arange(1, len(middle) + 1)
        style = "--" if method.startswith("ray") else ":" if method.startswith("fixed") else "-"
        panels[problem].plot(ages, middle, style, label=method, color=f"C{number}")
        panels[problem].fill_between(ages, low, high, color=f"C{number}", alpha=0.15, linewidth=0)
    for problem, panel in panels.items():
        panel.set(title=problem, xlabel="intervals of training", ylabel="loss of the best member")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        medians = np.concatenate([line.get_ydata() for line in panel.get_lines()])
        if medians.max() > 4 * medians.min():
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter("{x:g}")
        if problem == Quadratic.name:
            best = [Quadratic().best_known(age) for age in range(1, NUM_INTERVALS + 1)]
            panel.plot(range(1, NUM_INTERVALS + 1), best, "k-", linewidth=1, label="the best schedule")
        panel.legend(fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
