"""What the page says, as plain data: texts, numbers and tables. Nothing here is HTML."""

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bohb._secrets import shown
from bohb._text import duration, significant, told_apart
from bohb.objectives import goal_of
from bohb.optimizer.lineage import Lineage, has_changed
from bohb.optimizer.tally import Failures, Tally, tally_of
from bohb.reporting.pictures import Picture, pictures_of
from bohb.study.snapshot import Snapshot, snapshot_of
from bohb.trials import Result

if TYPE_CHECKING:
    from bohb.optimizer import Health, Optimizer, Plan, Recommendation
    from bohb.study.study import Study

NUM_FIXED = 4
"""How many columns the table of trials has in any case: the trial, what was told, the budget and the status."""
MAX_CODE_LINE = 90
"""How many characters a configuration has at most that stands on one line."""
CHANGED = [
    "The configuration changed on the way of this training: the schedule below says up to which budget it went on with "
    "which one, and the last one alone from scratch is another training."
]
"""What is said of the incumbent of a population."""
MAX_TRIALS = 12
"""How many trials a group of failures names, and how many of the trials at work are listed."""


@dataclass(frozen=True)
class Contents:
    """What the page says.

    Attributes:
        title: The title.
        written: When it was made, as text.
        answer: The configuration to use; None before there is any.
        spent: What was spent and saved, as names and texts.
        pictures: The pictures.
        failures: The failures by reason, the most frequent first.
        health: How the search is doing.
        plan: What one cycle takes.
        ahead: What remains, in sentences.
        table: The trials, as names of columns and rows of values.
    """

    title: str
    written: str
    answer: dict[str, Any] | None
    spent: list[tuple[str, str]]
    pictures: list[Picture]
    failures: list[dict[str, Any]]
    health: "Health"
    plan: "Plan"
    ahead: list[str]
    table: dict[str, Any]


def contents_of(search: "Optimizer | Study", *, title: str | None = None) -> Contents:
    """Return what the page of a search says."""
    now, target = snapshot_of(search), getattr(search, "target", None)
    name = None if target is None else shown(target)
    tally, plan = tally_of(now), search.plan()
    return Contents(
        title=title or (f"Study {name}" if name else "Search"),
        written=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        answer=None if now.incumbent is None else _answer(search, now, now.incumbent, name),
        spent=_spent(now, tally),
        pictures=pictures_of(now),
        failures=[_failures(one) for one in tally.failures],
        health=search.health(),
        plan=plan,
        ahead=_ahead(tally, plan),
        table=_table(now),
    )


def _answer(search: "Optimizer | Study", now: Snapshot, best: Result, name: str | None) -> dict[str, Any]:
    """Return the incumbent, how sure it is, and how to run it again."""
    trial, goal = best.trial, goal_of(now)
    schedule = search.lineage(trial)
    changes = CHANGED if has_changed(schedule) else []
    lines = [f"config = {_in_python(trial.config)}", f"budget = {trial.budget!r}"]
    lines += [_schedule_in_python(schedule)] if changes else []
    verbs = ("best {} --json", "recommend {} --json", f"explain {{}} {trial.id}")
    commands = [] if name is None else [f"bohb {verb.format(name)}" for verb in verbs]
    return {
        "name": goal.name,
        "value": significant(goal.value(best.loss)),
        "exact": repr(goal.value(best.loss)),
        "trial": trial.id,
        "budget": str(trial.budget),
        "config": [(parameter, significant(value), _exact(value)) for parameter, value in trial.config.items()],
        "checkpoint": best.checkpoint,
        "sure": changes + _sure(now, best, search.recommend()),
        "python": "\n".join(lines if best.checkpoint is None else [*lines, f"checkpoint = {best.checkpoint!r}"]),
        "commands": "\n".join(commands),
    }


def _in_python(config: Mapping[str, Any]) -> str:
    """Return a configuration as Python: on one line if it is short, else with a line for each value."""
    text = repr(dict(config))
    if len(text) <= MAX_CODE_LINE:
        return text
    return "\n".join(["{", *(f"    {name!r}: {value!r}," for name, value in config.items()), "}"])


def _schedule_in_python(schedule: Lineage) -> str:
    """Return a schedule as Python, with a line for each step."""
    return "\n".join(["schedule = [", *(f"    ({budget!r}, {dict(config)!r})," for budget, config in schedule), "]"])


def _exact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _sure(now: Snapshot, best: Result, recommended: "Recommendation | None") -> list[str]:
    """Return in sentences how sure it is that the incumbent is the one to use."""
    ladder, budget = now.ladder, best.trial.budget
    level = ladder.level(budget)
    beside = [result for result in now.results if ladder.level(result.trial.budget) == level and not result.is_failure]
    others = sorted(beside, key=lambda result: result.loss)[1:4]
    goal, lowest = goal_of(now), "highest" if goal_of(now).is_maximised else "lowest"
    if len(beside) == 1:
        found = [f"It is the only result at budget {budget}."]
    else:
        found = [f"It has the {lowest} {goal.name} of {len(beside)} results at budget {budget}."]
    if level < len(ladder) - 1:
        found.append(f"No configuration has a result at the largest budget, {ladder[-1]}, yet.")
    if others:
        texts = told_apart([float(goal.value(one.loss)) for one in (best, *others)])[1:]
        listed = ", ".join(f"{text} (trial {one.trial.id})" for text, one in zip(texts, others, strict=True))
        found.append(f"The next best are {listed}.")
    found.append(
        f"The {lowest} of many noisy results is better than what the same configuration has on average: train the "
        "first few again before you rely on a small difference."
    )
    if recommended is not None:
        found.append(f"To use, the search recommends {_recommended(recommended, best)}.")
    return found


def _recommended(found: "Recommendation", best: Result) -> str:
    """Return the configuration to use and its expected value, in words."""
    expected = f"expected {found.value_text}, {found.times}"
    if found.config_id == best.trial.config_id:
        return f"this configuration ({expected})"
    return f"that of trial {found.trial} ({expected})"


def _spent(now: Snapshot, tally: Tally) -> list[tuple[str, str]]:
    """Return what the search took, and what training everything in full would have taken."""
    full = now.ladder.costs[-1]
    num_configs = len({result.trial.config_id for result in now.results})
    afresh = math.fsum(now.ladder.costs[now.ladder.level(result.trial.budget)] for result in now.results)
    rows = [
        ("trials", f"{tally.num_results:,}, of {num_configs:,} configurations; {tally.num_failed:,} failed"),
        (
            "spent",
            f"{significant(tally.spent)} of budget, the cost of {significant(tally.full_trainings)} trainings in full",
        ),
        ("all in full", f"{significant(float(num_configs * full))} would be the cost of all configurations in full"),
    ]
    early = 1 - tally.spent / (num_configs * full) if num_configs else 0.0
    if early >= 0.005:  # what was repeated, or trained afresh at each budget, saves nothing
        rows.append(("saved by stopping early", f"{early:.0%}"))
    if tally.spent < afresh * (1 - 1e-9):
        rows.append(("saved by checkpoints", f"{significant(afresh - tally.spent)} of budget"))
    return rows + _times(now)


def _times(now: Snapshot) -> list[tuple[str, str]]:
    """Return how long the trials took, if that is known."""
    known = [(asked, told) for asked, told in now.times.values() if told is not None]
    if not known:
        return []
    busy = math.fsum(told - asked for asked, told in known)
    taken = max(told for _, told in known) - min(asked for asked, _ in known)
    return [("time", f"{duration(taken)} from the first ask to the last tell; trials took {duration(busy)} in all")]


def _failures(one: Failures) -> dict[str, Any]:
    """Return a group of failures, with one traceback."""
    ids = [str(result.trial.id) for result in one.results]
    more = f" and {len(ids) - MAX_TRIALS:,} more" if len(ids) > MAX_TRIALS else ""
    infos = (result.info for result in one.results)
    texts = (info.get(name) for info in infos for name in ("traceback", "stderr", "error"))
    traceback = next((text for text in texts if isinstance(text, str) and text.strip() != one.reason), None)
    return {
        "reason": one.reason,
        "count": len(ids),
        "trials": f"trial{'s' if len(ids) > 1 else ''} {', '.join(ids[:MAX_TRIALS])}{more}",
        "traceback": traceback,
    }


def _ahead(tally: Tally, plan: "Plan") -> list[str]:
    """Return what remains: of one cycle, and of the trials at work."""
    left = plan.cost_resumed - tally.spent
    found = []
    if left > 0:
        found.append(
            f"One cycle costs {significant(plan.cost_resumed)} with checkpoints; {significant(left)} of it is left."
        )
    else:
        times = significant(tally.spent / plan.cost_resumed)
        found.append(f"The search has spent as much as {times} cycles, of {significant(plan.cost_resumed)} each.")
    listed = [f"{trial.id} (budget {trial.budget})" for trial in tally.running.values()]
    if listed:
        more = f" and {len(listed) - MAX_TRIALS:,} more" if len(listed) > MAX_TRIALS else ""
        found.append(f"{len(listed)} at work: trial {', '.join(listed[:MAX_TRIALS])}{more}.")
    found.append("The search has no end of its own: it goes on for as long as it is asked.")
    return found


def _table(now: Snapshot) -> dict[str, Any]:
    """Return all results as a table, in the order of telling. A column that says nothing is left out.

    The page finds the budget and the status by their places.
    """
    goal = goal_of(now)
    first = ("trial", goal.name, "budget", "status", "reason", "origin", "repeat", "seconds", "cost", "configuration")
    metrics = [name for name in _names(result.metrics for result in now.results) if name != goal.name]
    parameters = _names(result.trial.config for result in now.results)
    rows = []
    for result in now.results:
        trial, times = result.trial, now.times.get(result.trial.id)
        seconds = None if times is None or times.seconds is None else round(times.seconds, 3)
        own = (trial.id, goal.shown(result.loss), _cell(trial.budget), str(result.status), result.reason)
        more = (str(trial.origin), trial.repeat or None, seconds, result.cost, trial.config_id)
        told = (_cell(result.metrics.get(name)) for name in metrics)
        config = (_cell(trial.config.get(name)) for name in parameters)
        rows.append([*own, *more, *told, *config, result.checkpoint])
    taken = {*first, *metrics, "checkpoint"}
    own_names = [f"config.{name}" if name in taken else name for name in parameters]
    columns = [*first, *metrics, *own_names, "checkpoint"]
    kept = [i for i in range(len(columns)) if i < NUM_FIXED or any(row[i] is not None for row in rows)]
    return {"columns": [columns[i] for i in kept], "rows": [[row[i] for i in kept] for row in rows]}


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names that occur in some mappings, in the order in which they come."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _cell(value: Any) -> Any:
    """Return a value as a number or a text; None stays."""
    is_plain = value is None or (isinstance(value, int | float | str) and not isinstance(value, bool))
    return value if is_plain else _exact(value)
