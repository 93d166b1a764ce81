"""The commands that only read: status, best, recommend, trials, plan, health, explain; no other process waits."""

import dataclasses
import math
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bohb._checks import positive_integer
from bohb._secrets import shown
from bohb._text import aligned, config_line, visible
from bohb.cli import exits, tables
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_remark, print_text, result_text
from bohb.exchange.records import result_facts
from bohb.objectives import Goal, goal_of
from bohb.optimizer.lineage import Lineage, has_changed
from bohb.optimizer.notebook import spent_text
from bohb.optimizer.tally import Tally, tally_of
from bohb.trials import Result

if TYPE_CHECKING:
    from bohb.study.snapshot import Snapshot

MAX_LISTED = 8
"""How many lines `status` shows of the failures and of the trials at work."""


def status(options: Namespace) -> int:
    """Print the parts of the study and its progress."""
    with open_study(options.study) as study:
        name, now = shown(study.target), study.snapshot()
    tally, goal = tally_of(now), goal_of(now)
    if options.json:
        print_json(status_facts(name, now, tally))
        return exits.OK
    best, at_work = now.incumbent, tables.of_running(tally, now.times, time.time())
    failures = [str(one) for one in tally.failures]
    print_text(f"study:     {name} (preset {now.preset}, seed {now.seed})")
    if goal.is_declared:
        print_text(f"objective: {goal.direction} {goal.name}")
    if now.repeats:
        num = sum(result.trial.repeat > 0 for result in now.results)
        print_text(f"repeats:   {num} results of configurations that were trained in full again")
    print_text(f"spent:     {spent_text(tally)}")
    print_text(f"results:   {tally.num_results}, {tally.num_failed} of them failures")
    print_text("\n".join(f"  {line}" for line in tables.of_rungs(tally)))
    print_text(f"failures:  {_first(failures) or 'none'}")
    print_text(f"workers:   {len(at_work)} at work{_first(at_work, before=': ')}")
    print_text(f"incumbent: {'none yet' if best is None else result_text(best, goal)}")
    return exits.OK


def status_facts(name: str, now: "Snapshot", tally: Tally) -> dict[str, Any]:
    """Return what `status` prints for programs."""
    best, goal = now.incumbent, goal_of(now)
    declared: dict[str, Any] = {"objectives": now.objectives} if goal.is_declared else {}
    declared |= {"repeats": True} if now.repeats else {}
    return declared | {
        "study": name,
        "preset": now.preset,
        "seed": now.seed,
        "parameters": list(now.space.names),
        "budgets": list(now.ladder),
        "results": len(now.results),
        "results_by_budget": [rung.num_done for rung in tally.rungs],
        "failures": tally.num_failed,
        "failures_by_reason": [{"reason": one.reason, "count": len(one.results)} for one in tally.failures],
        "spent": tally.spent,
        "full_trainings": tally.full_trainings,
        "pending": [trial.id for trial in now.pending],
        "incumbent": None if best is None else result_facts(best, goal),
    }


def _first(lines: Sequence[str], *, before: str = "") -> str:
    """Return a few lines on one or more, indented; how many more there are is said."""
    if not lines:
        return ""
    more = [f"and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return before + "\n           ".join([*lines[:MAX_LISTED], *more])


def best(options: Namespace) -> int:
    """Print the incumbent, and the schedule that led to it if the configuration changed on the way."""
    with open_study(options.study) as study:
        result, goal = study.incumbent, goal_of(study)
        schedule = () if result is None else study.lineage(result.trial)
    if result is None:
        print_remark("no trial has succeeded yet")
        return exits.NO
    if options.json:
        print_json(result_facts(result, goal) | _steps(schedule))
        return exits.OK
    trial = result.trial
    print_text(f"trial {trial.id}: {goal.text(result.loss)} at budget {trial.budget}")
    rows = [(name, tables.as_cell(value)) for name, value in trial.config.items()]
    print_text("\n".join(aligned(("parameter", "value"), rows)))
    _print_schedule(schedule)
    if result.checkpoint is not None:
        print_text(f"checkpoint: {visible(result.checkpoint)}")
    return exits.OK


def recommend(options: Namespace) -> int:
    """Print the configuration to use, and the schedule that led to it if the configuration changed on the way."""
    with open_study(options.study) as study:
        found = study.recommend()
        schedule = () if found is None else study.lineage(found.trial)
    if found is None:
        print_remark("no trial has succeeded yet")
        return exits.NO
    if options.json:
        print_json(dataclasses.asdict(found) | _steps(schedule))
        return exits.OK
    print_text(f"configuration {found.config_id}: {found.value_text} at budget {found.budget} ({found.times})")
    print_text("\n".join(aligned(("parameter", "value"), [(n, tables.as_cell(v)) for n, v in found.config.items()])))
    _print_schedule(schedule)
    return exits.OK


def _print_schedule(schedule: Lineage) -> None:
    """Print up to which budget a training went on with which configuration, if that changed."""
    if has_changed(schedule):
        for budget, config in schedule:
            print_text(f"up to {budget}: {config_line(config)}")


def _steps(schedule: Lineage) -> dict[str, Any]:
    """Return a schedule for programs."""
    return {"lineage": [{"budget": budget, "config": dict(config)} for budget, config in schedule]}


def trials(options: Namespace) -> int:
    """Print the results that count, in the order of telling or of a column."""
    with open_study(options.study) as study:
        now = study.snapshot()
    goal = goal_of(now)
    results = [result for result in now.results if result.is_failure or not options.failed]
    if options.last is not None:
        results = results[-positive_integer("--last", options.last) :]
    found = tables.columns(results, now.times, goal)
    if options.sort is not None:
        results = tables.ordered(results, options.sort, found)
    if options.json:
        for result in results:
            curve = [[budget, goal.shown(loss)] for budget, loss in result.curve]
            print_json(result_facts(result, goal) | ({"curve": curve} if options.curves else {}))
        return exits.OK
    head, *rows = tables.of_results(results, found)
    print_text(head)
    for row, result in zip(rows, results, strict=True):
        print_text("\n".join([row, *(_curve(result, goal) if options.curves else [])]))
    return exits.OK


def _curve(result: Result, goal: Goal) -> list[str]:
    """Return what a trial reported on its way, as lines."""
    shown = ((goal.text(loss) if math.isfinite(loss) else "failed", budget) for budget, loss in result.curve)
    return [f"    {text} at budget {budget}" for text, budget in shown]


def plan(options: Namespace) -> int:
    """Print what a search will take."""
    with open_study(options.study) as study:
        ahead = study.plan(options.workers, options.cycles)
    if options.json:
        print_json(dataclasses.asdict(ahead))
    else:
        print_text(str(ahead))
    return exits.OK


def health(options: Namespace) -> int:
    """Print how the search is doing."""
    with open_study(options.study) as study:
        found = study.health()
    if not options.json:
        print_text(str(found))
        return exits.OK
    facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    facts["rank_correlation"] = [
        {"budgets": list(pair), "tau": tau, "compared": found.num_compared[pair]}
        for pair, tau in found.rank_correlation.items()
    ]
    del facts["num_compared"]
    messages, figures = list(found.messages), list(found.figures)
    print_json(facts | {"origins": dict(found.origins), "messages": messages, "figures": figures})
    return exits.OK


def explain(options: Namespace) -> int:
    """Print why a trial was chosen, and the schedule that led to it if the configuration changed on the way."""
    with open_study(options.study) as study:
        explanation, schedule = study.explain(options.trial), study.lineage(options.trial)
    if options.json:
        facts = {"origin": str(explanation.origin), "facts": dict(explanation.facts), "text": explanation.text}
        print_json({"trial": options.trial} | facts | _steps(schedule))
        return exits.OK
    print_text(explanation.text)
    _print_schedule(schedule)
    return exits.OK
