"""The two files in which HpBandSter logs a run, `configs.json` and `results.json`, one JSON array a line.

    configs.json   [[iteration, stage, number], {configuration}, {facts}]
    results.json   [[iteration, stage, number], budget, {times}, {"loss", "info"} or null, error or null]

The source is `hpbandster/core/result.py` (0.7.4), `json_result_logger` and `logged_results_to_HBS_result`. HpBandSter
itself is not needed. DeepCAVE reads the same files, and the space from a `configspace.json` beside them.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bohb.budgets import Ladder
from bohb.errors import BudgetError, ConfigError, SettingError, StateError, TellConflict
from bohb.trials import Failure, Origin, Result

if TYPE_CHECKING:
    from bohb.study.snapshot import TrialTimes
    from bohb.study.study import Study

FILES = ("configs.json", "results.json")
NEAR = 1e-9
"""How far, relatively, a budget may be from one of the ladder: HpBandSter computes 80.99999999999999 for 81."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation; the outcome is the loss, or a failure with the last line of what HpBandSter noted."""

    config: Mapping[str, Any]
    budget: Any
    outcome: float | Failure
    name: str


# Reading.


def read(directory: Path, ladder: Ladder) -> tuple[list[Run], list[str]]:
    """Returns what the files hold, and remarks about what they do not.

    A last line that is cut off, as a killed process leaves it, is left out with a remark. So is a run that was never
    finished.

    Raises:
        SettingError: If a file is missing.
        StateError: If a line before the last one is damaged, or a result has no configuration.
        BudgetError: If a budget is not on the ladder.
    """
    remarks: list[str] = []
    configs, runs = {}, []
    for place, line in _lines(directory / "configs.json", remarks):
        match line:
            case [[*key], dict(config)] | [[*key], dict(config), _]:
                configs[tuple(key)] = config
            case _:
                raise StateError(f"expected [id, configuration, facts] in {place}, got {line!r:.200}")
    for place, line in _lines(directory / "results.json", remarks):
        match line:
            case [[*key], budget, _, result, error] if tuple(key) in configs:
                outcome = _outcome(result, error, place)
                runs.append(Run(configs[tuple(key)], _budget(budget, ladder, place), outcome, place))
            case [[*_], _, _, _, _]:
                raise StateError(f"expected the configuration of {line[0]} in configs.json, got none for {place}")
            case _:
                raise StateError(f"expected [id, budget, times, result, error] in {place}, got {line!r:.200}")
    return runs, remarks


def observe(study: "Study", runs: Iterable[Run]) -> tuple[int, list[str]]:
    """Records runs as observations; repeating it is safe.

    Returns:
        How many were new, and remarks about those that could not be recorded: the same configuration had another loss
        at the same budget (the first stays), or it does not lie in the space.
    """
    before, remarks = len(study.results), []
    for run in runs:
        try:
            study.observe(run.config, run.budget, run.outcome)
        except (TellConflict, ConfigError) as error:
            remarks.append(f"{run.name} is left out: {error}")
    return len(study.results) - before, remarks


def _lines(path: Path, remarks: list[str]) -> Iterator[tuple[str, Any]]:
    """Yields where each line is, and what it holds."""
    if not path.is_file():
        raise SettingError(f"expected {' and '.join(FILES)} as HpBandSter writes them, but there is no {path}")
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        place = f"{path.name} line {number}"
        if not line.strip():
            continue
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise StateError(f"expected one JSON array a line, got damaged text in {place}: {error}") from error
            remarks.append(f"{place}, the last one, was cut off and is left out")


def _outcome(result: Any, error: Any, place: str) -> float | Failure:
    loss = result.get("loss") if isinstance(result, Mapping) else None
    if loss is None:
        text = str(error or "no result").strip().splitlines() or ["no result"]
        return Failure(text[-1])
    if isinstance(loss, bool) or not isinstance(loss, int | float):
        raise StateError(f"expected a number as loss in {place}, got {loss!r:.200}")
    return float(loss)


def _budget(budget: Any, ladder: Ladder, place: str) -> Any:
    """Returns the budget of the ladder that is meant."""
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        for known, cost in zip(ladder.budgets, ladder.costs, strict=True):
            if math.isclose(cost, budget, rel_tol=NEAR):
                return known
    raise BudgetError(
        f"expected a budget of the ladder {list(ladder.costs)} in {place}, got {budget!r}; nothing was imported: "
        "create a study with the budgets of that run"
    )


# Writing.


def write(
    directory: Path,
    results: Sequence[Result],
    ladder: Ladder,
    times: "Mapping[int, TrialTimes]",
    space: Mapping[str, Any],
) -> None:
    """Writes the results so that HpBandSter's and DeepCAVE's readers load them.

    A configuration gets the id (bracket, 0, number), as HpBandSter numbers them; what belongs to no bracket is in
    iteration -1, as HpBandSter's warm start has it.

    Args:
        directory: Where; it is made if need be.
        results: What to write.
        ladder: The ladder; a budget is written as its cost.
        times: When each trial was asked and told, by its id.
        space: The space as ConfigSpace's own JSON.

    Raises:
        SettingError: If there are such files already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    there = [name for name in (*FILES, "configspace.json") if (directory / name).exists()]
    if there:
        raise SettingError(f"expected a folder without {', '.join(there)}, got {directory}; choose another")
    if not results:
        raise SettingError("expected at least one result to write, got none; HpBandSter's reader needs one")
    keys = _keys(results)
    start = min((one.asked for one in times.values()), default=0.0)
    configs: dict[int, list[Any]] = {}
    for result in results:
        config_id = result.trial.config_id
        configs.setdefault(config_id, [keys[config_id], dict(result.trial.config), _facts(result)])
    _write_lines(directory / "configs.json", configs.values())
    _write_lines(directory / "results.json", (_line(result, keys, ladder, times, start) for result in results))
    (directory / "configspace.json").write_text(json.dumps(space), encoding="utf-8")


def _keys(results: Sequence[Result]) -> dict[int, list[int]]:
    """Returns the triple of each configuration."""
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


def _line(
    result: Result,
    keys: Mapping[int, list[int]],
    ladder: Ladder,
    times: "Mapping[int, TrialTimes]",
    start: float,
) -> list[Any]:
    trial = result.trial
    asked, told = times.get(trial.id, (start, None))
    stamps = {"submitted": asked, "started": asked, "finished": asked if told is None else told}
    budget = float(ladder.costs[ladder.level(trial.budget)])
    is_ok = result.status == "ok"
    answer = {"loss": result.loss, "info": dict(result.info)} if is_ok else None
    return [keys[trial.config_id], budget, stamps, answer, None if is_ok else _reason(result)]


def _reason(result: Result) -> str:
    return str(result.info.get("error", result.status))


def _write_lines(path: Path, lines: Iterable[Any]) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.writelines(json.dumps(line, allow_nan=False) + "\n" for line in lines)
