"""What a process pays before it does anything: `import bohb`, and single commands of the shell.

    python -m benchmarks.startup

Every figure is the CPU time of a fresh process, user and system, with one BLAS thread and with all bytecode cached: the
median of five runs. A command is compared with `python -c "import numpy"`, which runs beside it in every round: seconds
depend on the machine and on what else it does, and both slow down alike. The limits are those in seconds for a machine
where importing numpy takes 0.1 s: 0.15 s for `tell`, 0.8 s for `ask`; for what only looks (`status`, `best`, `trials`)
0.4 s, half of the 0.8 s that was asked for, because it needs no more. `import bohb` alone is so short that its limit is
in milliseconds.

The study is an SQLite file of the default preset, on the 10-dimensional mixed space of `benchmarks.overhead`. Each
round asks, tells and looks, so five different trials are asked.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import bohb
from benchmarks.overhead import BUDGETS, in_process, loss_of, make_space
from benchmarks.targets import Target, show

NUM_RUNS = 5
SIZES = (30, 1_000)
COMMAND = "from bohb.cli.main import main; raise SystemExit(main())"
"""What the script `bohb` does."""

LIMITS = {"ask": 8.0, "tell": 1.5, "status": 4.0, "best": 4.0, "trials": 4.0}
"""The CPU time of a command at most, as a multiple of that of importing numpy."""


def fill(path: str, num_results: int) -> None:
    """Make a study with results of the default preset."""
    with bohb.Study.open(path, make_space(), bohb.geometric(BUDGETS[0], BUDGETS[-1], eta=3), seed=0) as study:
        for _ in range(num_results):
            trial = study.ask()
            study.tell(trial, loss_of(trial.config))


def run(bytecode: Path, arguments: Sequence[str]) -> tuple[float, str]:
    """Run Python with arguments; return the CPU seconds that it took, and what it printed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    env["PYTHONPYCACHEPREFIX"] = str(bytecode)
    before = _seconds_of_children()
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=True)
    return _seconds_of_children() - before, done.stdout


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_round(bytecode: Path, study: Path) -> dict[str, float]:
    """Return the CPU seconds of each command on a study, and of importing numpy; one more trial is asked and told."""

    def command(name: str, *arguments: str) -> str:
        seconds[name], printed = run(bytecode, ["-c", COMMAND, name, str(study), *arguments])
        return printed

    seconds = {"numpy": run(bytecode, ["-c", "import numpy"])[0]}
    trial = json.loads(command("ask"))
    command("tell", str(trial["trial"]), "--loss", repr(loss_of(trial["config"])))
    for name in ("status", "best", "trials"):
        command(name)
    return seconds


def measure_commands(num_results: int, num_runs: int = NUM_RUNS) -> dict[str, tuple[float, float]]:
    """Return for each command the median CPU seconds, and the median multiple of importing numpy."""
    with tempfile.TemporaryDirectory() as folder:
        bytecode, study = Path(folder) / "bytecode", Path(folder) / "study.db"
        run(bytecode, ["-c", f"from benchmarks.startup import fill; fill({str(study)!r}, {num_results})"])
        measure_round(bytecode, study)  # compiles
        rounds = [measure_round(bytecode, study) for _ in range(num_runs)]
    numpy = statistics.median(one["numpy"] for one in rounds)
    medians = {name: statistics.median(one[name] for one in rounds) for name in LIMITS}
    return {name: (seconds, seconds / numpy) for name, seconds in medians.items()}


def measure_names(num_runs: int = NUM_RUNS) -> float:
    """Return the CPU milliseconds of loading the optimizer and the study, beyond importing numpy."""
    codes = ("import numpy", "import bohb; bohb.Optimizer; bohb.Study")
    with tempfile.TemporaryDirectory() as folder:
        rounds = [[run(Path(folder), ["-c", code])[0] for code in codes] for _ in range(1 + num_runs)]
    return 1e3 * statistics.median(loaded - numpy for numpy, loaded in rounds[1:])


def measure() -> Iterator[Target]:
    """Yield every figure with its limit."""
    imported = statistics.median(in_process("measure_import()")["import"] for _ in range(NUM_RUNS))
    yield Target("import bohb, over importing numpy", imported, 60.0, "ms")
    yield Target("bohb.Optimizer and bohb.Study loaded too, over importing numpy", measure_names(), 60.0, "ms")
    for num_results in SIZES:
        for name, (seconds, multiple) in measure_commands(num_results).items():
            label = f"bohb {name} with {num_results:,} results ({seconds:.3f} s), as a multiple of importing numpy"
            yield Target(label, multiple, LIMITS[name], "x")


if __name__ == "__main__":
    raise SystemExit(show(measure()))
