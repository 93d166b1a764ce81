"""The commands that change a study and need its optimizer: ask, heartbeat, release, enqueue, observe."""

from argparse import Namespace
from typing import Any

from bohb.cli import exits
from bohb.cli.arguments import open_study, read_budget, read_config
from bohb.cli.output import give_up_stdout, print_json, print_text, result_text, stdout
from bohb.exchange.records import result_facts, trial_facts
from bohb.trials import Failure


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
                print_json(trial_facts(trial) | {"lease": options.lease})
        except BaseException as error:
            give_up_stdout()
            study.release(trial)
            if isinstance(error, KeyboardInterrupt) and interrupts.reason is not None:
                return exits.ENDS[interrupts.reason]
            raise
    return exits.OK


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
    outcome: Any = options.loss if options.error is None else Failure(options.error)
    with open_study(options.study) as study:
        result = study.observe(config, read_budget(options.budget, study.ladder), outcome)
    _answer(options, result_facts(result), result_text(result))
    return exits.OK


def _answer(options: Namespace, facts: dict[str, Any], text: str) -> None:
    if options.json:
        print_json(facts)
    else:
        print_text(text)
