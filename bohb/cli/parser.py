"""The commands and their options. argparse parses them: it is in the standard library, and starts fast."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from bohb._text import read_integer, read_number
from bohb.cli.output import hide_addresses, print_to_stderr, stdout, without_addresses

TARGET = "a file, or a postgresql:// URL"
FREE = {"--loss", "--metrics", "--error", "--checkpoint", "--info", "--config", "--like", "--sort", "--target"}
"""The options whose value may begin with a dash."""

EPILOG = (
    "Exit codes: 0 done, 1 the answer is no, 2 usage, 3 nothing left to ask, 4 told differently before, 65 damaged or "
)
EPILOG += "another study, 69 busy or out of reach (try again), 70 a bug in bohb, 74 output, 130 Ctrl-C, 143 SIGTERM."


class Parser(argparse.ArgumentParser):
    """A parser that prints its usage to stderr: stdout is for results."""

    def error(self, message: str) -> NoReturn:
        """Print the usage to stderr and end with code 2."""
        print_to_stderr(f"{self.format_usage()}{self.prog}: {without_addresses(message)}; see {self.prog} --help")
        raise SystemExit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a text; argparse itself ignores that it cannot be written."""
        (stdout() if file is None else file).write(message)


class _Intermixed(Parser):
    """The parser of one command: options may stand between its arguments, also before those that may be left out."""

    _is_within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, which calls this again from within."""
        if self._is_within:
            return super().parse_known_args(args, namespace)
        self._is_within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_within = False


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one call; the words after the first `--` are a command and stay as they are.

    Raises:
        SystemExit: With code 2 if the arguments are not valid, with 0 after `--help` and `--version`.
    """
    words = list(arguments)
    hide_addresses(words)
    own, rest = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, None)
    parser = build()
    if not words:
        parser.print_help(stdout())
        raise SystemExit(0)
    options = parser.parse_args(list(_joined(own)))
    if options.name != "run":
        if rest is not None:
            parser.error(f"expected no command after -- for {options.name}")
    elif (rest is not None) == (options.objective is not None):
        parser.error("expected either script.py:objective or -- COMMAND")
    elif rest == []:
        parser.error("expected a command after --")
    if rest is None and getattr(options, "metric", None) is not None:
        parser.error("expected --metric with -- COMMAND only; an objective returns its metric by name")
    options.words = rest
    return options


def _joined(words: Sequence[str]) -> Iterator[str]:
    """Yield the words; join an option and its value if the value may begin with a dash, as -1e-3, for argparse."""
    rest = iter(words)
    for word in rest:
        value = next(rest, None) if word in FREE else None
        yield word if value is None else f"{word}={value}"


def build() -> Parser:
    """Return the parser of all commands."""
    # No abbreviations: a new option must not change what an old script means.
    about = "BOHB hyperparameter search, shared and durable."
    parser = Parser(prog="bohb", description=about, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", parser_class=_Intermixed)
    for add in (_add_create, _add_extend, _add_asking, _add_telling, _add_facts, _add_run, _add_exchange, _add_verify):
        add(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"bohb {version('bohb')}", file=stdout())
        parser.exit()


def _add(commands: Any, name: str, command: str, text: str, *, has_json: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG, allow_abbrev=False
    )
    parser.add_argument("study", metavar="STUDY", help=TARGET)
    if has_json:
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(command=command)
    return parser


def _add_create(commands: Any) -> None:
    parser = _add(commands, "create", "create:create", "create a study; the same call again changes nothing")
    parser.add_argument("--space", required=True, help="space.py:space, package.module:space, or a .json or .yaml file")
    parser.add_argument("--budgets", help="all budgets, ascending: 1,4,10,50")
    parser.add_argument("--min-budget", type=NUMBER, help="the smallest budget")
    parser.add_argument("--max-budget", type=NUMBER, help="the largest budget")
    parser.add_argument("--eta", type=NUMBER, help="the factor between budgets (3)")
    parser.add_argument("--seed", type=INTEGER, help="makes the search repeatable")
    parser.add_argument("--objective", metavar="NAME:max|min", help="the metric that is told (a loss, minimised)")
    parser.add_argument("--repeats", action="store_true", help="train the best in full again where trainings are noisy")
    parser.add_argument("--preset", help="default, fast, paper, hpbandster, hyperband, asha, random, population or pb2")


def _add_extend(commands: Any) -> None:
    parser = _add(commands, "extend", "extend:extend", "go on with larger budgets; the best are trained further")
    longer = parser.add_mutually_exclusive_group(required=True)
    longer.add_argument("--max-budget", type=NUMBER, help="the new largest budget; steps in between are as before")
    longer.add_argument("--budgets", help="all budgets, the old ones first: 1,4,10,50,200")


def _add_asking(commands: Any) -> None:
    parser = _add(commands, "ask", "ask:ask", "print the next trial to evaluate, as one JSON line")
    parser.add_argument("--lease", type=REAL, metavar="SECONDS", help="how long the trial is held")
    parser = _add(commands, "heartbeat", "ask:heartbeat", "restart the lease of a trial; code 1 if it is lost")
    _add_trial(parser)
    parser = _add(commands, "release", "ask:release", "give back a trial: it is asked again")
    _add_trial(parser)
    parser = _add(commands, "retry", "ask:retry", "take failures back: their configurations are asked again")
    parser.add_argument("trials", metavar="TRIAL", type=INTEGER, nargs="*", help="the number of a trial that failed")
    parser.add_argument("--failed", action="store_true", help="every trial that failed")
    parser.add_argument("--like", metavar="TEXT", help="of these, only those whose error contains the text")
    parser = _add(commands, "enqueue", "ask:enqueue", "try a configuration next")
    parser.add_argument("--config", required=True, metavar="JSON")
    parser.add_argument("--budget", metavar="BUDGET", help="default: where the schedule starts")
    parser = _add(commands, "observe", "ask:observe", "record a result from elsewhere")
    parser.add_argument("--config", required=True, metavar="JSON")
    parser.add_argument("--budget", required=True, metavar="BUDGET")
    _add_outcome(parser)


def _add_telling(commands: Any) -> None:
    parser = _add(commands, "tell", "tell:tell", "tell the outcome of a trial; repeating it is safe")
    _add_trial(parser)
    _add_outcome(parser)
    _add_extras(parser)
    parser = _add(commands, "fail", "tell:tell", "tell that a trial failed, as tell --error")
    _add_trial(parser)
    parser.add_argument("error", metavar="TEXT", nargs="?", default="failed", help="the reason")
    _add_extras(parser)
    parser.set_defaults(loss=None, metrics=None)


def _add_trial(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trial", metavar="TRIAL", type=INTEGER, help="the number of the trial")


def _add_outcome(parser: argparse.ArgumentParser) -> None:
    outcome = parser.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--loss", type=REAL, help="the loss to minimise; nan and inf are failures")
    outcome.add_argument("--metrics", metavar="JSON", help="the objective by name, and what else is told beside it")
    outcome.add_argument("--error", metavar="TEXT", help="the reason of a failure")


def _add_extras(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", metavar="PATH", help="where training may resume after a promotion")
    parser.add_argument("--budget", metavar="BUDGET", help="what the training used of its budget, if it stopped itself")
    parser.add_argument("--cost", type=REAL, metavar="COST", help="what the trial cost, in seconds or money")
    parser.add_argument("--info", metavar="JSON", help="a JSON object to keep with it")


def _add_facts(commands: Any) -> None:
    _add(commands, "status", "inspect:status", "print the parts of the study and its progress")
    _add(commands, "best", "inspect:best", "print the incumbent; code 1 if there is none yet")
    _add(commands, "recommend", "inspect:recommend", "print the configuration to use; code 1 if there is none yet")
    parser = _add(commands, "trials", "inspect:trials", "print a line for each result")
    parser.add_argument("--curves", action="store_true", help="also print what each trial reported on its way")
    parser.add_argument("--sort", metavar="COLUMN", help="by loss, seconds, a parameter, ...; -COLUMN descends")
    parser.add_argument("--last", type=INTEGER, metavar="N", help="the last N only")
    parser.add_argument("--failed", action="store_true", help="failures only")
    _add(commands, "health", "inspect:health", "print how the search is doing")
    parser = _add(commands, "explain", "inspect:explain", "print why a trial was chosen")
    _add_trial(parser)
    parser = _add(commands, "plan", "inspect:plan", "print what a search will take, before anything is spent")
    parser.add_argument("--workers", type=INTEGER, default=1, metavar="N")
    parser.add_argument("--cycles", type=INTEGER, default=1, metavar="N")
    parser = _add(commands, "importance", "importance:importance", "print how much each parameter matters")
    parser.add_argument("--budget", metavar="BUDGET", help="default: the largest that has a finite loss")
    parser.add_argument("--within", type=REAL, default=1.0, metavar="Q", help="the best share of the losses counts (1)")
    parser = _add(commands, "watch", "watch:watch", "follow a study while other processes work on it")
    parser.add_argument("--every", type=REAL, default=2.0, metavar="S", help="look again after S seconds (2)")
    parser.add_argument("--max-seconds", type=REAL, metavar="S", help="end after S seconds; without it, by Ctrl-C")
    parser = _add(commands, "report", "exchange:report", "print all results as a table")
    parser.add_argument("--format", choices=["csv", "json"], default="csv")
    parser.add_argument("--html", metavar="FILE", help="write one page for a browser instead, which needs no network")
    parser.add_argument("--watch", type=REAL, metavar="S", help="with --html: write it again every S seconds")
    parser.add_argument("--force", action="store_true", help="with --html: replace a file that is no report")


def _add_run(commands: Any) -> None:
    parser = _add(commands, "run", "run:run", "a worker: ask, evaluate, tell, until a limit is reached")
    parser.usage = "bohb run [options] STUDY (script.py:objective | -- COMMAND ...)"
    parser.add_argument("objective", nargs="?", help="script.py:objective or package.module:objective")
    parser.add_argument("--metric", metavar="NAME", help="read a line NAME=0.93 of the command's output")
    parser.add_argument("--workers", type=INTEGER, default=1, metavar="N", help="trials at the same time")
    parser.add_argument("--max-trials", type=INTEGER, metavar="N", help="trials of this worker")
    parser.add_argument("--total-trials", type=INTEGER, metavar="N", help="results in the study, of all workers")
    parser.add_argument("--max-seconds", type=REAL, metavar="S", help="start no trial after S seconds")
    parser.add_argument("--max-budget", type=REAL, metavar="B", help="the budget of all trials together")
    parser.add_argument("--max-failures", type=INTEGER, metavar="N", help="failures of this worker")
    parser.add_argument("--target", type=REAL, metavar="X", help="stop at this loss or metric at full budget")
    parser.add_argument("--patience", type=REAL, metavar="N", help="stop N full trainings after the last improvement")
    parser.add_argument("--trial-seconds", type=REAL, metavar="S", help="end a trial after S seconds as a failure")
    parser.add_argument(
        "--lease", type=REAL, default=60.0, metavar="S", help="a trial is lost S seconds after the last heartbeat (60)"
    )
    parser.add_argument("--grace", type=REAL, default=5.0, metavar="S", help="seconds between SIGTERM and SIGKILL (5)")
    parser.add_argument("--retries", type=INTEGER, default=1, metavar="N", help="ask a killed trial again N times (1)")
    parser.add_argument("--gpus-per-trial", type=INTEGER, default=0, metavar="N", help="sets CUDA_VISIBLE_DEVICES")
    parser.add_argument("--directory", metavar="DIR", help="keep what trials print in DIR/output")


def _add_exchange(commands: Any) -> None:
    parser = _add(commands, "import", "exchange:import_", "read results of another program or study as observations")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--hpbandster", metavar="DIR", help="has configs.json and results.json")
    source.add_argument("--optuna", metavar="URL", help="a database, or the file of a database or of a journal")
    source.add_argument("--from", dest="from_study", metavar="STUDY", help="a study of another space or ladder")
    parser.add_argument("--study-name", metavar="NAME", help="with --optuna: which study, if there are several")
    fill = "a value for a parameter that the other study lacks; repeat it for others"
    parser.add_argument("--fill", metavar="NAME=VALUE", action="append", default=[], help=fill)
    parser = _add(commands, "export", "exchange:export", "write the results for another program", has_json=False)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--csv", metavar="FILE")
    where.add_argument("--json", dest="json_file", metavar="FILE", help="one object with all results")
    where.add_argument("--hpbandster", metavar="DIR", help="for HpBandSter")
    where.add_argument("--deepcave", metavar="DIR", help="for DeepCAVE")
    where.add_argument("--optuna", metavar="FILE", help="an SQLite file (.db) or a journal (.log)")
    parser.add_argument("--force", action="store_true", help="replace existing files, except databases and links")


def _add_verify(commands: Any) -> None:
    _add(commands, "verify", "verify:verify", "check every event, and compute every ask again")


def number(text: str) -> int | float:
    """Return a number as it is written: 9 is an integer, 9.0 is not.

    Raises:
        ValueError: If it is not a number.
    """
    try:
        return read_integer(text)
    except ValueError:
        return read_number(text)


class _Of:
    """Reads the value of an option; argparse shows the whole message of this error only."""

    def __init__(self, read: Callable[[str], float]) -> None:
        self._read = read

    def __call__(self, text: str) -> float:
        try:
            return self._read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error


INTEGER, REAL, NUMBER = _Of(read_integer), _Of(read_number), _Of(number)
