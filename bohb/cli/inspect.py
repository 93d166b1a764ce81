"""The commands that only read: status, best, trials, plan, health, explain. No other process waits for them."""

import dataclasses
from argparse import Namespace
from collections import Counter
from typing import Any

from bohb._secrets import shown
from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_remark, print_text, result_text
from bohb.exchange.records import result_facts


def status(options: Namespace) -> int:
    """Print the parts of the study and its progress."""
    with open_study(options.study) as study:
        name, now = shown(study.target), study.snapshot()
    best, ladder = now.incumbent, now.ladder
    num_results = Counter(ladder.level(result.trial.budget) for result in now.results)
    facts: dict[str, Any] = {
        "study": name,
        "preset": now.preset,
        "seed": now.seed,
        "parameters": list(now.space.names),
        "budgets": list(ladder),
        "results": len(now.results),
        "results_by_budget": [num_results[level] for level in range(len(ladder))],
        "failures": sum(result.status != "ok" for result in now.results),
        "pending": [trial.id for trial in now.pending],
        "incumbent": None if best is None else result_facts(best),
    }
    if options.json:
        print_json(facts)
        return exits.OK
    counts = ", ".join(
        f"{num} at {budget}" for num, budget in zip(facts["results_by_budget"], facts["budgets"], strict=True)
    )
    print_text(f"study:     {facts['study']} (preset {facts['preset']}, seed {facts['seed']})")
    print_text(f"results:   {facts['results']} ({counts}), {facts['failures']} of them failures")
    print_text(f"pending:   {len(now.pending)}")
    print_text(f"incumbent: {'none yet' if best is None else result_text(best)}")
    return exits.OK


def best(options: Namespace) -> int:
    """Print the incumbent."""
    with open_study(options.study) as study:
        result = study.incumbent
    if result is None:
        print_remark("no trial has succeeded yet")
        return exits.NO
    if options.json:
        print_json(result_facts(result))
    else:
        print_text(result_text(result))
    return exits.OK


def trials(options: Namespace) -> int:
    """Print a line for each result that counts, in the order of telling."""
    with open_study(options.study) as study:
        results = study.results
    for result in results:
        if options.json:
            print_json(result_facts(result))
        else:
            print_text(result_text(result))
    return exits.OK


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
    print_json(facts | {"origins": dict(found.origins), "messages": list(found.messages)})
    return exits.OK


def explain(options: Namespace) -> int:
    """Print why a trial was chosen."""
    with open_study(options.study) as study:
        explanation = study.explain(options.trial)
    if options.json:
        facts = {"origin": str(explanation.origin), "facts": dict(explanation.facts), "text": explanation.text}
        print_json({"trial": options.trial} | facts)
    else:
        print_text(explanation.text)
    return exits.OK
