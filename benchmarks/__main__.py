"""Compares optimizers of hyperparameters in simulated time.

python -m benchmarks run --problems synthetic real --optimizers bohb-default random --out results.jsonl
python -m benchmarks report results.jsonl --out report
python -m benchmarks overhead --json overhead.jsonl
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from benchmarks import optimizers, overhead, problems, protocol, results
from benchmarks.optimizers.environments import EnvironmentFailed, ensure
from benchmarks.problems.data import DataMissing, find
from benchmarks.protocol import Run
from benchmarks.results import Record
from benchmarks.settings import PARTS, changed, setting_of
from benchmarks.simulation import Setting

CI_SEEDS = 3
CI_REAL = ("arl-cartpole-dqn", "taskset-imdb-irnn")
CI_OPTIMIZERS = ("bohb-default", "bohb-paper", "bohb-hpbandster", "bohb-hyperband", "bohb-asha", "random")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0; 1 if a run failed; 2 if an argument is not valid."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["overhead"]:
        return overhead.main(words[1:])
    options = _parser().parse_args(words, argparse.Namespace(words=words))
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Perform the missing runs. Return 1 if the suite itself failed in one of them, 0 otherwise."""
    planned_runs = planned(options)
    able = installed(dict.fromkeys(run.optimizer for run in planned_runs))
    runs = [run for run in planned_runs if run.optimizer in able]
    left = len(protocol.missing(runs, results.read(options.out), again=options.again))
    print(f"{len(runs):,} runs, {len(runs) - left:,} of them in {options.out} already", flush=True)
    failed, start = 0, time.monotonic()
    finished = protocol.perform_all(runs, options.out, data=options.data, jobs=options.jobs, again=options.again)
    try:
        for number, outcome in enumerate(finished, 1):
            print(f"[{number}/{left}, {time.monotonic() - start:.0f} s] {_line(outcome)}", flush=True)
            failed += not isinstance(outcome, Record)
    except BrokenProcessPool:
        print("error: a process died, perhaps out of memory; run the same command again", file=sys.stderr)
        return 1
    if failed:
        print(f"error: {failed} runs failed and are not in the results; see above", file=sys.stderr)
    return int(failed > 0 or len(runs) < len(planned_runs))


def planned(options: argparse.Namespace) -> list[Run]:
    """Return the runs that the options ask for.

    Raises:
        ValueError: If there is no such problem, optimizer or setting.
    """
    is_ci = options.group == "ci"
    names = known(
        options.optimizers or (CI_OPTIMIZERS if is_ci else optimizers.OPTIMIZERS), optimizers.OPTIMIZERS, "an optimizer"
    )
    wanted = problems.names(*options.problems) if options.problems else ci_problems(options.data) if is_ci else None
    settings = [_changed(setting_of(name), options) for name in options.workers]
    seeds = options.seeds or (CI_SEEDS if is_ci else protocol.NUM_SEEDS)
    return protocol.plan(wanted or problems.names("synthetic"), names, seeds, dict.fromkeys(settings))


def ci_problems(data: Path | None) -> tuple[str, ...]:
    """Return the problems of the fixed small set, with the real ones if their data are available."""
    try:
        find(data)
    except DataMissing:
        return problems.names("ci")
    return problems.names("ci", *CI_REAL)


def installed(names: Iterable[str]) -> list[str]:
    """Return the optimizers that can run here, after creating the environments of other libraries."""
    able: list[str] = []
    for name in names:
        try:
            if name in optimizers.ENVIRONMENTS:
                ensure(optimizers.ENVIRONMENTS[name])
            able.append(name)
        except EnvironmentFailed as error:
            print(f"error: {name} is left out: {error}", file=sys.stderr, flush=True)
    return able


def known(words: Iterable[str], names: Iterable[str], what: str) -> list[str]:
    """Return the words.

    Raises:
        ValueError: If one of them is not a known name.
    """
    allowed = list(names)
    for word in words:
        if word not in allowed:
            raise ValueError(f"expected {what}, one of {', '.join(allowed)}; got {word!r}")
    return list(dict.fromkeys(words))


def report(options: argparse.Namespace) -> int:
    """Write the report and prints its tables."""
    from benchmarks.report.page import PAGE, make_report, read_overhead, run_commands

    records = results.read_all(options.results)
    if options.optimizers:
        names = known(options.optimizers, {record.optimizer: None for record in records}, "an optimizer with results")
        records = [record for record in records if record.optimizer in names]
    lines = read_overhead(options.overhead) if options.overhead else ()
    commands = options.command_line or [*run_commands(records), f"python -m benchmarks {' '.join(options.words)}"]
    print(make_report(records, options.out, reference=options.reference, overhead=lines, commands=commands))
    print(f"written: {options.out / PAGE}")
    return 0


def _line(outcome: Record | tuple[Run, str]) -> str:
    if not isinstance(outcome, Record):
        return f"{' '.join(map(str, outcome[0].key))}: failed\n{outcome[1]}"
    told = max(outcome.evaluations + outcome.lost, 1)
    final = f"{outcome.incumbents[-1][3]:.4f}" if outcome.incumbents else "none"
    text = f"{outcome.problem} {outcome.optimizer} seed {outcome.seed}, setting {outcome.setting}: regret {final}, "
    text += f"{outcome.evaluations:,} evaluations, {1e3 * outcome.seconds / told:.2f} ms each"
    return text + (f"; it broke: {outcome.error.splitlines()[-1]}" if outcome.error else "")


def _changed(setting: Setting, options: argparse.Namespace) -> Setting:
    return changed(
        setting,
        total=options.total,
        stragglers=options.stragglers,
        crashes=options.crashes,
        losses=options.losses,
        resume=False if options.no_resume else None,
        measured=True if options.measured else None,
        seconds=options.seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="run|report|overhead")
    _add_run(
        commands.add_parser(
            "run",
            help="run searches and append their results to a file",
            epilog=_SETTINGS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_report(commands.add_parser("report", help="tables, figures and a page of the results"))
    commands.add_parser("overhead", help="the time of an ask and a tell; see overhead --help", add_help=False)
    return parser


_SETTINGS = "What can follow the workers in the name of a setting, as in 32-stragglers or 8-crashes=0.2:\n" + "\n".join(
    f"  -{name:<12}{part.meaning}{f' (={part.usual:g} by default)' if type(part.usual) is float else ''}"
    for name, part in PARTS.items()
)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run)
    add = parser.add_argument
    add(
        "--problems",
        nargs="+",
        metavar="NAME",
        help=f"problems or groups ({', '.join(problems.GROUPS)}); default: synthetic",
    )
    add(
        "--optimizers",
        nargs="+",
        metavar="NAME",
        help="default: all; the environment of another library is created on its first use",
    )
    add(
        "--workers",
        nargs="+",
        default=["1"],
        metavar="SETTING",
        help="numbers of simulated workers, or settings by name, see below; default: 1",
    )
    add("--seeds", type=_positive, metavar="N", help=f"number of seeds; default: {protocol.NUM_SEEDS}")
    add(
        "--out",
        type=Path,
        default=Path("results.jsonl"),
        metavar="FILE",
        help="one line per finished run is appended; runs that it holds are skipped; default: results.jsonl",
    )
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder of the data of the real problems; default: the environment variable BOHB_BENCHDATA",
    )
    add(
        "--jobs",
        type=_positive,
        default=1,
        metavar="N",
        help="processes at the same time, one BLAS thread each; default: 1",
    )
    add(
        "--group",
        choices=["ci"],
        help=f"ci: a fixed small set of problems, our presets and random search, {CI_SEEDS} seeds",
    )
    add("--again", action="store_true", help="repeat runs in which a library failed")
    world = parser.add_argument_group("the simulated conditions, for all settings")
    world.add_argument(
        "--total", type=float, metavar="X", help="full trainings in all; default: 30 for one worker, 96 for more"
    )
    world.add_argument(
        "--stragglers", type=float, metavar="SIGMA", help="sigma of the lognormal factor on durations; default: 0"
    )
    world.add_argument(
        "--crashes", type=float, metavar="SHARE", help="share of configurations that fail at every budget; default: 0"
    )
    world.add_argument(
        "--losses", type=float, metavar="SHARE", help="share of evaluations whose worker is lost half-way; default: 0"
    )
    world.add_argument("--no-resume", action="store_true", help="promoted configurations train from scratch again")
    world.add_argument("--measured", action="store_true", help="durations from the data instead of by budget")
    world.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="a full training takes S seconds, and the optimizer's own time is added; default: that time is ignored",
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=report)
    add = parser.add_argument
    add("results", nargs="+", type=Path, metavar="FILE", help="results files of `run`")
    add(
        "--out",
        type=Path,
        default=Path("report"),
        metavar="FOLDER",
        help="folder for report.html, report.txt and PNG files; default: report",
    )
    add(
        "--reference",
        default="bohb-default",
        metavar="NAME",
        help="the optimizer that is compared with the others; default: bohb-default",
    )
    add("--optimizers", nargs="+", metavar="NAME", help="compare only these; default: all in the files")
    add("--overhead", type=Path, metavar="FILE", help="lines of `overhead --json`, for the figure of overhead")
    add(
        "--command-line",
        action="append",
        metavar="TEXT",
        help="a command to print in the page as its origin; may be repeated",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
