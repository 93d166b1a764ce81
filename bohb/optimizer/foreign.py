"""Read the results of another search, in whatever form they come; whether they fit is for `adoption.py` to say."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bohb._frame import ATTRIBUTE, CONFIG, INFO, METRIC, configs_of
from bohb._plain import scalar
from bohb._text import brief
from bohb.budgets import Ladder
from bohb.errors import BudgetError, OutcomeError, SettingError
from bohb.objectives import Goal, goal_of, read_goal
from bohb.optimizer.events import is_number
from bohb.optimizer.outcomes import read_answer, read_outcome
from bohb.space import Space
from bohb.trials import NOTHING, Result, Status

EXPECTED = (
    "expected an optimizer, a study, a snapshot, a state as `to_state` returns it, a frame with columns such as "
    "config.NAME, budget and loss or metric.NAME, or a list of results"
)


class Given(NamedTuple):
    """A result of another search.

    Attributes:
        name: What messages call it.
        config: Its configuration there.
        budget: Its budget there.
        cost: What that budget costs there; None if nobody said.
        loss: The loss, infinite for a failure; NaN if there are metrics alone.
        status: How it ended.
        info: What else was told.
        metrics: The metrics that were told.
        goal: What that search optimises; None if nobody said.
        repeat: How often its configuration was trained at this budget before.
    """

    name: str
    config: Mapping[str, Any]
    budget: Any
    cost: int | float | None
    loss: float
    status: Status
    info: Mapping[str, Any]
    metrics: Mapping[str, float] = NOTHING
    goal: Goal | None = None
    repeat: int = 0

    @property
    def is_failure(self) -> bool:
        """Whether there is no loss and no metric."""
        return self.status.is_failure


def read_results(source: Any, restore: Callable[[Mapping[str, Any]], Any]) -> list[Given]:
    """Return the results of another search, in the order of telling.

    Args:
        source: An optimizer, a study, a snapshot, a state, a frame, or results: records, or mappings as
            `bohb trials --json` prints them.
        restore: Returns the optimizer that a state describes.

    Raises:
        SettingError: If it is none of these.
        StateError: If it is a state that is damaged, or of a search with parts of its own.
        OutcomeError: If a loss is no number.
    """
    if isinstance(source, Mapping):
        source = source["results"] if "results" in source else restore(source)
    if hasattr(source, "snapshot"):  # a study: all that is read is of one moment
        source = source.snapshot()
    if hasattr(source, "results") and hasattr(source, "ladder"):
        return [_of_result(result, source.ladder, goal_of(source)) for result in source.results]
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        return _of_frame(source)
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise SettingError(f"{EXPECTED}, got {brief(source)}; open a study first")
    return [_of_item(number, item) for number, item in enumerate(source)]


def _of_item(number: int, item: Any) -> Given:
    if isinstance(item, Given):
        return item
    if isinstance(item, Result):
        return _of_result(item, goal=_goal_of_result(item))
    if not isinstance(item, Mapping) or not {"config", "budget"} <= item.keys():
        raise SettingError(f"{EXPECTED}, got a list in which number {number} is {brief(item)}")
    if not item.keys() & {"loss", "metrics", "status"}:
        raise SettingError(
            f"expected a loss, metrics or a status in each result of a list, got {brief(item)} as number {number}; for "
            'a failure write {"loss": None}'
        )
    info = item.get("info") or {}
    name = f"result {number}" if item.get("trial") is None else f"trial {item['trial']}"
    return _of_record(name, item, item["config"], info, item.get("metrics") or {})


def _of_result(result: Result, ladder: Ladder | None = None, goal: Goal | None = None) -> Given:
    return Given(
        f"trial {result.trial.id} at {brief(result.budget)}",
        result.config,
        result.budget,
        None if ladder is None else ladder.costs[ladder.level(result.budget)],
        result.loss,
        result.status,
        result.info,
        result.metrics,
        goal,
        result.trial.repeat,
    )


def _goal_of_result(result: Result) -> Goal | None:
    """Return what the search of a result optimises: its first metric, if that is the loss or its negative."""
    for name, value in result.metrics.items():
        told = repr(float(value))  # which also tells 0.0 from -0.0
        directions = [("minimize", result.loss), ("maximize", -result.loss)]
        return next((read_goal({name: direction}) for direction, shown in directions if repr(shown) == told), None)
    return None


def _of_record(
    name: str, facts: Mapping[str, Any], config: Mapping[str, Any], info: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Given:
    """Return a result from a row of a table; without a status, the loss is read as `tell` reads it."""
    budget = scalar(facts["budget"])
    title = f"{name} at {brief(budget)}"
    status = None if _is_missing(facts.get("status")) else _status(facts["status"], title)
    loss, kept = facts.get("loss"), read_answer(math.inf, info=info).info
    plain = {each: scalar(value) for each, value in metrics.items()}
    numbers = {each: value for each, value in plain.items() if is_number(value)}
    repeat = 0 if _is_missing(facts.get("repeat")) else int(facts["repeat"])
    if status not in (None, Status.OK):
        return Given(title, config, budget, None, math.inf, status, kept, numbers, repeat=repeat)
    if numbers and _is_missing(loss):
        return Given(title, config, budget, None, math.nan, Status.OK, kept, numbers, repeat=repeat)
    value, status, kept = read_outcome(read_answer(math.inf if _is_missing(loss) else loss, info=info))
    return Given(title, config, budget, None, value, status, kept, numbers, repeat=repeat)


def _status(word: Any, title: str) -> Status:
    """Return the status of this name.

    Raises:
        OutcomeError: If there is none.
    """
    found = [status for status in Status if status == word]
    if not found:
        raise OutcomeError(f"expected a status of {', '.join(Status)} for {title}, got {brief(word)}")
    return found[0]


def _of_frame(frame: Any) -> list[Given]:
    """Return the rows of a frame whose columns are those of `to_frame`, without the points on the way to a result."""
    columns = [column for column in frame.columns if isinstance(column, str)]
    has_value = any(name == "loss" or name.startswith(METRIC) for name in columns)
    if "budget" not in columns or not has_value or not any(name.startswith(CONFIG) for name in columns):
        raise SettingError(f"{EXPECTED}, got a frame with the columns {brief(list(frame.columns))}; rename them")
    if "is_result" in columns:
        frame = frame[frame["is_result"]]
    rows = frame.to_dict("records")
    configs, costs, goal = [_part(row, CONFIG) for row in rows], {}, None
    known = frame.attrs.get(ATTRIBUTE)
    if known is not None:  # it says which values and budgets its texts stand for
        space, budgets = Space.from_json(known["space"]), Ladder.from_json(known["ladder"])
        texts = dict(zip(map(repr, budgets), budgets, strict=True))
        rows = [{**row, "budget": texts.get(row["budget"], row["budget"])} for row in rows]
        costs = dict(zip(map(repr, budgets), budgets.costs, strict=True))
        goal = read_goal(known.get("objectives"))
        if {CONFIG + name for name in space.names} <= set(columns):
            configs = [{**raw, **own} for raw, own in zip(configs, configs_of(frame, space), strict=True)]
    found = [_of_row(number, row, config) for number, (row, config) in enumerate(zip(rows, configs, strict=True))]
    return [one._replace(cost=costs.get(repr(one.budget)), goal=goal) for one in found]


def _of_row(number: int, row: Mapping[str, Any], config: Mapping[str, Any]) -> Given:
    error = row.get("error")
    info = _part(row, INFO) | ({} if _is_missing(error) else {"error": error})
    name = f"row {number}" if _is_missing(row.get("trial")) else f"trial {row['trial']}"
    if _is_missing(row["budget"]):
        raise BudgetError(f"expected a budget in every row, got none for {name}; leave that row out")
    return _of_record(name, row, config, info, _part(row, METRIC))


def _part(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the values of the columns of one kind that are not missing, by the rest of the column's name."""
    return {
        name.removeprefix(prefix): scalar(value)
        for name, value in row.items()
        if isinstance(name, str) and name.startswith(prefix) and not _is_missing(value)
    }


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, nan, or what pandas writes for it."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )
