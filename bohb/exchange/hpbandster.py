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

from bohb._checks import real
from bohb._json import parse
from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import BudgetError, ConfigError, SettingError, StateError, TellConflict
from bohb.exchange.files import as_path, write_folder
from bohb.objectives import RESERVED, Goal, goal_of
from bohb.space.values import untagged
from bohb.study.snapshot import Snapshot, snapshot_with_results, spans_of
from bohb.trials import Failure, Origin, Result, failure_text

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.study import Study

FILES = ("configs.json", "results.json")
SPACE_FILE = "configspace.json"


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
    info: Mapping[str, Any]
    source: str

    @property
    def is_failure(self) -> bool:
        """Whether it is recorded as a failure: there is no loss, or none that is finite."""
        return isinstance(self.outcome, Failure) or not math.isfinite(self.outcome)

    def told(self, goal: Goal) -> Any:
        """Return the outcome as `observe` reads it; numbers beside a declared goal are metrics again."""
        if isinstance(self.outcome, Failure):
            return self.outcome
        beside = self.info if goal.is_declared and not set(RESERVED) & set(self.info) else {"info": self.info}
        return {**beside, goal.name: self.outcome}


def import_hpbandster(study: "Study | Optimizer", folder: str | os.PathLike[str]) -> Imported:
    """Record the results of an HpBandSter run as observations; importing the same folder again adds nothing.

    Left out, with a text that says so, are: a last line that is cut off, as a killed process leaves it; a configuration
    that does not lie in the space; a second loss of a configuration at one budget. The files are read in full before
    the first result is recorded. If the study has objectives, the value is read from the info by name; a loss of
    HpBandSter is a value to minimise.

    Args:
        study: A study or an optimizer with the space and the budgets of that run.
        folder: The folder with `configs.json` and `results.json`.

    Raises:
        SettingError: If a file is missing.
        StateError: If a line before the last one is damaged, or a result has no configuration.
        BudgetError: If a budget is not on the ladder.
    """
    left_out: list[str] = []
    goal = goal_of(study)
    runs = _read(as_path(folder), study.ladder, goal, left_out)
    known = {result.trial.id for result in study.results}
    num_known = len(known)
    for run in runs:
        try:
            known.add(study.observe(run.config, run.budget, run.told(goal)).trial.id)
        except (TellConflict, ConfigError) as error:
            left_out.append(f"{run.source} is left out: {error}")
    num_failures = sum(run.is_failure for run in runs)
    return Imported(len(runs), num_failures, len(known) - num_known, tuple(left_out))


def _read(folder: Path, ladder: Ladder, goal: Goal, left_out: list[str]) -> list[_Run]:
    """Return what the files hold; append to `left_out` what they do not."""
    configs: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    runs = []
    for source, line in _lines(folder / "configs.json", left_out):
        match line:
            case [[*key], dict(config)] | [[*key], dict(config), _] if _is_id(key):
                configs[tuple(key)] = config
            case _:
                raise StateError(f"expected [id, configuration, facts] in {source}, got {brief(line)}")
    for source, line in _lines(folder / "results.json", left_out):
        match line:
            case [[*key], budget, _, result, error] if _is_id(key) and tuple(key) in configs:
                outcome, info = _outcome(result, error, goal, source), _info(result)
                runs.append(_Run(configs[tuple(key)], _budget(budget, ladder, source), outcome, info, source))
            case [[*_], _, _, _, _]:
                raise StateError(
                    f"expected the configuration of {brief(line[0])} in configs.json, got none for {source}"
                )
            case _:
                raise StateError(f"expected [id, budget, times, result, error] in {source}, got {brief(line)}")
    return runs


def _is_id(key: Sequence[Any]) -> bool:
    """Whether a list is the id of a configuration: HpBandSter writes three integers, and others write names."""
    return all(isinstance(part, str | int | float) for part in key)


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


def _outcome(result: Any, error: Any, goal: Goal, source: str) -> float | Failure:
    loss = result.get("loss") if isinstance(result, Mapping) else None
    if loss is None:
        text = str(error or "no result").strip().splitlines() or ["no result"]
        return Failure(text[-1])
    number, info = real(loss), result.get("info")
    if number is None:
        raise StateError(f"expected a number as loss in {source}, got {brief(loss)}")
    named = info.get(goal.name) if goal.is_declared and isinstance(info, Mapping) else None
    if named is None and not goal.is_maximised:
        return number
    value = real(named)
    if value is None:
        raise StateError(
            f"expected a number under {goal.name!r} in the info of {source}, because the study has it as its "
            f"objective; got {brief(named)}"
        )
    return value


def _info(result: Any) -> Mapping[str, Any]:
    """Return what was noted beside a loss; HpBandSter accepts any value there."""
    info = result.get("info") if isinstance(result, Mapping) else None
    if info is None or isinstance(info, Mapping):
        return info or {}
    return {"info": info}


def _budget(budget: Any, ladder: Ladder, source: str) -> Any:
    """Return the budget of the ladder that is nearest, within the tolerance."""
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        for level, known in enumerate(ladder):
            if ladder.is_cost(level, budget):
                return known
    raise BudgetError(
        f"expected a budget of the ladder {list(ladder.costs)} in {source}, got {brief(budget)}; nothing was imported: "
        "create a study with the budgets of that run"
    )


# Writing.


def write_hpbandster(
    study: "Study | Optimizer | Snapshot", folder: str | os.PathLike[str], *, force: bool = False
) -> int:
    """Write the results so that HpBandSter's and DeepCAVE's readers load them.

    A configuration gets the id (bracket, 0, number), as HpBandSter numbers them. Configurations without a bracket are
    in iteration -1, as in HpBandSter's warm start. A budget is written as its cost. HpBandSter always minimises:
    if the study has objectives, its loss is the minimised number, and its info has the metrics by name. It knows one
    result of a configuration at a budget, so the repetitions are left out.

    Args:
        study: A study, a snapshot of one, or an optimizer. An optimizer has no clock: all its times are 0.
        folder: Where to write `configs.json`, `results.json` and `configspace.json`; it is made if need be.
        force: Whether to replace such files. A study and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If the folder has such files already, or there is no result yet.
    """
    snapshot = snapshot_with_results(study, "HpBandSter")
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
    return sum(not result.trial.repeat for result in snapshot.results)


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
    _, spans = spans_of(snapshot)
    for result, (asked, told) in zip(snapshot.results, spans, strict=True):
        trial = result.trial
        if trial.repeat:
            continue
        stamps = {"submitted": asked, "started": asked, "finished": told}
        budget = float(snapshot.ladder.costs[snapshot.ladder.level(trial.budget)])
        is_ok = result.status == "ok"
        answer = {"loss": result.loss, "info": {**result.info, **result.metrics}} if is_ok else None
        error = None if is_ok else failure_text(result)
        yield [keys[trial.config_id], budget, stamps, answer, error]


def _lines_of(values: Iterable[Any]) -> bytes:
    """Return values as JSON, one a line."""
    return "".join(json.dumps(value, allow_nan=False) + "\n" for value in values).encode()
