"""DeepCAVE's own format: a folder that its page "Runs" opens, without HpBandSter.

    meta.json           the objective with its bounds and direction, the budgets, the seeds
    configspace.json    the space, as ConfigSpace writes it
    configs.json        the configurations by their number
    origins.json        where each came from
    history.jsonl       [number, budget, seed, [value or null], start, end, status, more], one line a result

Versions 1.1 to 1.4 of DeepCAVE read these lines; 1.4 expects one more time, and shows times that are off by one. A
budget is written as its cost.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bohb.exchange.files import write_folder
from bohb.objectives import Goal, goal_of
from bohb.space.values import untagged
from bohb.study.snapshot import Snapshot, snapshot_with_results, spans_of
from bohb.trials import Result, Status, failure_text

if TYPE_CHECKING:
    from bohb.optimizer import Optimizer
    from bohb.study.study import Study

SUCCESS, CRASHED = 1, 4
"""DeepCAVE's numbers of how a trial ended."""
NO_SEED = -1


def write_deepcave(
    study: "Study | Optimizer | Snapshot", folder: str | os.PathLike[str], *, force: bool = False
) -> int:
    """Write the results as a run of DeepCAVE.

    Times are in seconds since the first ask; an optimizer has no clock, and all its times are 0.

    Args:
        study: A study, a snapshot of one, or an optimizer.
        folder: Where to write; it is made if need be.
        force: Whether to replace such files. A study and a link are never replaced.

    Returns:
        The number of results.

    Raises:
        SettingError: If the folder has such files already, or there is no result yet.
    """
    snapshot = snapshot_with_results(study, "DeepCAVE")
    numbers = {key: number for number, key in enumerate(dict.fromkeys(one.trial.config_id for one in snapshot.results))}
    first = {numbers[result.trial.config_id]: result for result in reversed(snapshot.results)}
    files = {
        "meta.json": _json(_meta(snapshot)),
        "configspace.json": _json(untagged(snapshot.space.to_json())),
        "configs.json": _json({number: dict(first[number].trial.config) for number in sorted(first)}),
        "origins.json": _json({number: str(first[number].trial.origin) for number in sorted(first)}),
        "history.jsonl": _history(snapshot, numbers),
    }
    write_folder(folder, files, force=force)
    return len(snapshot.results)


def _meta(snapshot: Snapshot) -> dict[str, Any]:
    goal = goal_of(snapshot)
    values = [goal.value(result.loss) for result in snapshot.results if math.isfinite(result.loss)]
    objective = {
        "name": goal.name,
        "lower": min(values, default=0.0),
        "upper": max(values, default=1.0),
        "lock_lower": False,
        "lock_upper": False,
        "optimize": "upper" if goal.is_maximised else "lower",
    }
    seeds = sorted({_seed(result) for result in snapshot.results} | {NO_SEED})
    return {"objectives": [objective], "budgets": list(snapshot.ladder.costs), "seeds": seeds}


def _seed(result: Result) -> int:
    """Return what tells the trainings of a configuration at a budget apart."""
    return result.trial.repeat or NO_SEED


def _history(snapshot: Snapshot, numbers: Mapping[int, int]) -> bytes:
    start, spans = spans_of(snapshot)
    goal = goal_of(snapshot)
    rows = []
    for result, (asked, told) in zip(snapshot.results, spans, strict=True):
        cost = snapshot.ladder.costs[snapshot.ladder.level(result.budget)]
        span = [round(asked - start, 3), round(told - start, 3)]
        rows.append([numbers[result.trial.config_id], cost, _seed(result), *_outcome(result, goal, span)])
    return b"".join(map(_json, rows))


def _outcome(result: Result, goal: Goal, span: Sequence[float]) -> list[Any]:
    is_ok = result.status is Status.OK
    error = {} if is_ok else {"traceback": failure_text(result)}
    status, more = (SUCCESS if is_ok else CRASHED), {"trial": result.trial.id, **error}
    return [[goal.value(result.loss) if is_ok else None], *span, status, more]


def _json(value: Mapping[Any, Any] | Iterable[Any]) -> bytes:
    return (json.dumps(value, allow_nan=False) + "\n").encode()
