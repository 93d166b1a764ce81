"""`import`, `export` and `report`: results from and for other programs. Each format has a file in `formats`."""

import sys
from argparse import Namespace
from pathlib import Path

from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import note, print_json, print_text
from bohb.trials import Failure


def report(options: Namespace) -> int:
    """Prints all results as a table."""
    from bohb.exchange import tables

    with open_study(options.study) as study:
        results = study.results
    table = tables.to_json(results) if options.json or options.format == "json" else tables.to_csv(results)
    sys.stdout.write(table)
    return exits.OK


def export(options: Namespace) -> int:
    """Writes the results for another program."""
    with open_study(options.study) as study:
        now = study.snapshot()
    results = now.results
    if options.hpbandster is not None:
        from bohb.exchange import hpbandster

        hpbandster.write(Path(options.hpbandster), results, now.ladder, now.times, now.space.to_json())
    elif options.optuna is not None:
        from bohb.exchange import optuna
        from bohb.space import Space

        optuna.write(Path(options.optuna), results, now.ladder, now.space.to_json())
    else:
        from bohb.exchange import tables

        place = Path(options.csv if options.csv is not None else options.json_file)
        place.write_text(
            tables.to_csv(results) if options.csv is not None else tables.to_json(results), encoding="utf-8"
        )
    note(f"{len(results)} results written")
    return exits.OK


def import_(options: Namespace) -> int:
    """Records the results of another program as observations."""
    from bohb.exchange import hpbandster

    with open_study(options.study) as study:
        found, remarks = hpbandster.read(Path(options.hpbandster), study.ladder)
        num_new, repeated = hpbandster.observe(study, found)
    for remark in [*remarks, *repeated]:
        note(remark)
    failures = sum(isinstance(run.outcome, Failure) for run in found)
    facts = {"read": len(found), "failures": failures, "new": num_new, "left_out": len(remarks) + len(repeated)}
    if options.json:
        print_json(facts)
    else:
        print_text(f"{facts['read']} results read ({failures} of them failures), {num_new} of them new")
    return exits.OK
