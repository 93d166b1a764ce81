"""The two files in which HpBandSter logs a run, `configs.json` and `results.json`, one JSON array a line.

    configs.json   [[iteration, stage, number], {configuration}, {facts}]
    results.json   [[iteration, stage, number], budget, {times}, {"loss", "info"} or null, error or null]

The source is `hpbandster/core/result.py` (0.7.4), `json_result_logger` and `logged_results_to_HBS_result`. HpBandSter
itself is not needed. DeepCAVE reads the same files, and the space from a `configspace.json` beside them.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb._json import parse
from bohb.budgets import Ladder
from bohb.errors import BudgetError, ConfigError, SettingError, StateError, TellConflict
from bohb.exchange.files import write_folder
from bohb.space.values import untagged
from bohb.study.snapshot import Snapshot, TrialTimes, snapshot_of
from bohb.trials import Failure, Origin, Result

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.study import Study

FILES = ("configs.json", "results.json")
SPACE_FILE = "configspace.json"
BUDGET_TOLERANCE = 1e-9
"""The relative difference that a budget may have to one of the ladder: HpBandSter computes 80.99999999999999 for 81."""


# Reading.


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        num_read: How many results the files hold.
        num_failures: How many of them are failures.
        num_new: How many results were new to the study.
        left_out: Why something was left out, one text each.
    """

    num_read: int
    num_failures: int
    num_new: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation; the outcome is the loss, or a failure with the last line of what HpBandSter noted."""

    config: Mapping[str, Any]
    budget: Any
    outcome: float | Failure
    source: str


def import_hpbandster(study: "Study | Optimizer", folder: str | os.PathLike[str]) -> Imported:
    """Record the results of an HpBandSter run as observations; importing the same folder again adds nothing.

    Left out, with a text that says so, are: a last line that is cut off, as a killed process leaves it; a configuration
    that does not lie in the space; a second loss of a configuration at one budget. The files are read in full before
    the first result is recorded.

    Args:
        study: A study or an optimizer with the space and the budgets of that run.
        folder: The folder with `configs.json` and `results.json`.

    Raises:
        SettingError: If a file is missing.
        StateError: If a line before the last one is damaged, or a result has no configuration.
        BudgetError: If a budget is not on the ladder.
    """
    left_out: list[str] = []
    runs = _read(Path(folder), study.ladder, left_out)
    known = {result.trial.id for result in study.results}
    num_known = len(known)
    for run in runs:
        try:
            known.add(study.observe(run.config, run.budget, run.outcome).trial.id)
        except (TellConflict, ConfigError) as error:
            left_out.append(f"{run.source} is left out: {error}")
    num_failures = sum(isinstance(run.outcome, Failure) for run in runs)
    return Imported(len(runs), num_failures, len(known) - num_known, tuple(left_out))


def _read(folder: Path, ladder: Ladder, left_out: list[str]) -> list[_Run]:
    """Return what the files hold; append to `left_out` what they do not."""
    configs: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    runs = []
    for source, line in _lines(folder / "configs.json", left_out):
        match line:
            case [[*key], dict(config)] | [[*key], dict(config), _]:
                configs[tuple(key)] = config
            case _:
                raise StateError(f"expected [id, configuration, facts] in {source}, got {line!r:.200}")
    for source, line in _lines(folder / "results.json", left_out):
        match line:
            case [[*key], budget, _, result, error] if tuple(key) in configs:
                outcome = _outcome(result, error, source)
                runs.append(_Run(configs[tuple(key)], _budget(budget, ladder, source), outcome, source))
            case [[*_], _, _, _, _]:
                raise StateError(f"expected the configuration of {line[0]} in configs.json, got none for {source}")
            case _:
                raise StateError(f"expected [id, budget, times, result, error] in {source}, got {line!r:.200}")
    return runs


def _lines(path: Path, left_out: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the name of each line, and its value."""
    if not path.is_file():
        raise SettingError(f"expected {' and '.join(FILES)} as HpBandSter writes them, but there is no {path}")
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        source = f"{path.name} line {number}"
        if not line.strip():
            continue
        try:
            yield source, parse(line.decode("utf-8-sig"))
        except ValueError as error:
            if number < len(lines):
                raise StateError(f"expected one JSON array a line, got damaged text in {source}: {error}") from error
            left_out.append(f"{source}, the last one, was cut off and is left out")


def _outcome(result: Any, error: Any, source: str) -> float | Failure:
    loss = result.get("loss") if isinstance(result, Mapping) else None
    if loss is None:
        text = str(error or "no result").strip().splitlines() or ["no result"]
        return Failure(text[-1])
    if isinstance(loss, bool) or not isinstance(loss, int | float):
        raise StateError(f"expected a number as loss in {source}, got {loss!r:.200}")
    return float(loss)


def _budget(budget: Any, ladder: Ladder, source: str) -> Any:
    """Return the budget of the ladder that is nearest, within the tolerance."""
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        for known, cost in zip(ladder.budgets, ladder.costs, strict=True):
            if math.isclose(cost, budget, rel_tol=BUDGET_TOLERANCE):
                return known
    raise BudgetError(
        f"expected a budget of the ladder {list(ladder.costs)} in {source}, got {budget!r}; nothing was imported: "
        "create a study with the budgets of that run"
    )


# Writing.


def write_hpbandster(
    study: "Study | Optimizer | Snapshot", folder: str | os.PathLike[str], *, force: bool = False
) -> int:
    """Write the results so that HpBandSter's and DeepCAVE's readers load them.

    A configuration gets the id (bracket, 0, number), as HpBandSter numbers them. Configurations without a bracket are
    in iteration -1, as in HpBandSter's warm start. A budget is written as its cost.

    Args:
        study: A study, a snapshot of one, or an optimizer. An optimizer has no clock: all its times are 0.
        folder: Where to write `configs.json`, `results.json` and `configspace.json`; it is made if need be.
        force: Whether to replace such files. A study and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If the folder has such files already, or there is no result yet.
    """
    snapshot = snapshot_of(study)
    if not snapshot.results:
        raise SettingError("expected at least one result to write, got none; HpBandSter's reader needs one")
    keys = _keys(snapshot.results)
    configs: dict[int, list[Any]] = {}
    for result in snapshot.results:
        config_id = result.trial.config_id
        configs.setdefault(config_id, [keys[config_id], dict(result.trial.config), _facts(result)])
    # Untagged, a tuple is written as a list: only we read our tags.
    space = json.dumps(untagged(snapshot.space.to_json())).encode()
    results = _lines_of(_result_lines(snapshot, keys))
    files = {SPACE_FILE: space, "configs.json": _lines_of(configs.values()), "results.json": results}
    write_folder(folder, files, force=force)
    return len(snapshot.results)


def _keys(results: Sequence[Result]) -> dict[int, list[int]]:
    """Return the triple of each configuration."""
    counts: dict[int, int] = {}
    keys: dict[int, list[int]] = {}
    for result in results:
        config_id = result.trial.config_id
        if config_id not in keys:
            bracket = -1 if result.trial.bracket is None else result.trial.bracket
            keys[config_id] = [bracket, 0, counts.get(bracket, 0)]
            counts[bracket] = keys[config_id][2] + 1
    return keys


def _facts(result: Result) -> dict[str, Any]:
    return {"model_based_pick": result.trial.origin is Origin.MODEL, "origin": str(result.trial.origin)}


def _result_lines(snapshot: Snapshot, keys: Mapping[int, list[int]]) -> Iterator[list[Any]]:
    start = min((times.asked for times in snapshot.times.values()), default=0.0)
    for result in snapshot.results:
        trial = result.trial
        times = snapshot.times.get(trial.id, TrialTimes(start, None))  # an observation has no times
        finished = times.asked if times.told is None else times.told
        stamps = {"submitted": times.asked, "started": times.asked, "finished": finished}
        budget = float(snapshot.ladder.costs[snapshot.ladder.level(trial.budget)])
        is_ok = result.status == "ok"
        answer = {"loss": result.loss, "info": dict(result.info)} if is_ok else None
        error = None if is_ok else str(result.info.get("error", result.status))
        yield [keys[trial.config_id], budget, stamps, answer, error]


def _lines_of(values: Iterable[Any]) -> bytes:
    """Return values as JSON, one a line."""
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in values).encode()
