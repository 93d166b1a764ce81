"""The commands that change a study and need its optimizer: ask, heartbeat, release, retry, enqueue, observe."""

import math
from argparse import Namespace
from typing import Any

from bohb.cli import exits
from bohb.cli.arguments import open_study, read_budget, read_config
from bohb.cli.output import give_up_stdout, print_json, print_text, result_text, stdout
from bohb.cli.tell import read_outcome
from bohb.errors import SettingError
from bohb.exchange.records import result_facts, trial_facts
from bohb.objectives import goal_of
from bohb.trials import Result


def ask(options: Namespace) -> int:
    """Print the next trial as one JSON line, always: its readers are programs.

    Whatever keeps the trial from its reader, such as a full disk or a signal, gives the trial back.
    """
    from bohb.runner.signals import Interrupts

    stdout()  # if it is closed, nothing is asked
    with open_study(options.study) as study, Interrupts() as interrupts:
        trial = study.ask(lease=options.lease)
        try:
            with interrupts.allowed():
                print_json(trial_facts(trial) | {"lease": _seconds(options.lease)})
        except BaseException as error:
            give_up_stdout()
            study.release(trial)
            if isinstance(error, KeyboardInterrupt) and interrupts.reason is not None:
                return exits.ENDS[interrupts.reason]
            raise
    return exits.OK


def _seconds(lease: float | None) -> float | None:
    """Return a lease as JSON carries it: one without end has no length."""
    return None if lease is None or math.isinf(lease) else lease


def heartbeat(options: Namespace) -> int:
    """Restart the lease of a trial; print whether the caller still holds the trial."""
    with open_study(options.study) as study:
        is_ours = study.heartbeat(options.trial)
    _answer(options, {"trial": options.trial, "held": is_ours}, "held" if is_ours else "no longer held")
    return exits.OK if is_ours else exits.NO


def release(options: Namespace) -> int:
    """Give a trial back."""
    with open_study(options.study) as study:
        study.release(options.trial)
    _answer(options, {"trial": options.trial, "released": True}, f"trial {options.trial}: released")
    return exits.OK


def retry(options: Namespace) -> int:
    """Take failures back, so that they are asked again. Code 1 if no trial was named and none failed so."""
    if bool(options.trials) == options.failed or (options.like is not None and not options.failed):
        raise SettingError(
            "expected the numbers of trials, or --failed, with --like TEXT if wanted; got neither or both"
        )
    with open_study(options.study) as study:
        chosen = options.trials or [result.trial.id for result in study.results if _is_like(result, options.like)]
        for trial_id in chosen:
            study.retry(trial_id)
            if options.json:
                print_json({"trial": trial_id, "retried": True})
    if not options.json:
        print_text(f"failures taken back, to be asked again: {len(chosen)}")
    return exits.OK if chosen else exits.NO


def _is_like(result: Result, text: str | None) -> bool:
    """Whether a result is a failure whose error holds the text."""
    return result.is_failure and (text or "").lower() in f"{result.info.get('error', '')}\n{result.reason}".lower()


def enqueue(options: Namespace) -> int:
    """Enqueue a configuration to be tried before the model's choices."""
    config = read_config(options.config)
    with open_study(options.study) as study:
        budget = None if options.budget is None else read_budget(options.budget, study.ladder)
        study.enqueue(config, budget)
    _answer(options, {"config": config, "budget": budget}, "enqueued")
    return exits.OK


def observe(options: Namespace) -> int:
    """Record a result from elsewhere."""
    config = read_config(options.config)
    outcome = read_outcome(options)
    with open_study(options.study) as study:
        result, goal = study.observe(config, read_budget(options.budget, study.ladder), outcome), goal_of(study)
    _answer(options, result_facts(result, goal), result_text(result, goal))
    return exits.OK


def _answer(options: Namespace, facts: dict[str, Any], text: str) -> None:
    if options.json:
        print_json(facts)
    else:
        print_text(text)
