"""`import`, `export` and `report`: results from and for other programs. The formats are in `bohb.exchange`."""

import time
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from bohb._checks import check_positive
from bohb._json import parse
from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_remark, print_text, stdout
from bohb.errors import SettingError
from bohb.exchange import (
    import_hpbandster,
    import_optuna,
    write_csv,
    write_deepcave,
    write_hpbandster,
    write_json,
    write_optuna,
)
from bohb.exchange.records import result_facts
from bohb.objectives import goal_of
from bohb.optimizer import Adopted


def report(options: Namespace) -> int:
    """Print all results as a table, or write a page about the search."""
    if options.html is not None:
        return _write_page(options)
    if options.watch is not None or options.force:
        raise SettingError("expected --html FILE with --watch and --force, got no --html")
    write = write_json if options.format == "json" else write_csv
    with open_study(options.study) as study:
        if options.json:
            now = study.snapshot()
            for result in now.results:
                print_json(result_facts(result, goal_of(now)))
        else:
            write(study, stdout())
    return exits.OK


def _write_page(options: Namespace) -> int:
    """Write the page; with `--watch`, again and again until Ctrl-C, and then for the last time."""
    from bohb.reporting import report as write_page

    if options.watch is not None:
        check_positive("--watch", options.watch)
    with open_study(options.study) as study:
        write_page(study, options.html, refresh=options.watch, force=options.force)
        print_remark(f"{options.html} written")
        if options.watch is None:
            return exits.OK
        num_events = len(study.events)
        try:
            while True:
                time.sleep(options.watch)
                if len(study.events) > num_events:
                    num_events = len(study.events)
                    write_page(study, options.html, refresh=options.watch)
        finally:
            write_page(study, options.html)


def export(options: Namespace) -> int:
    """Write the results for another program."""
    writers = (
        (write_hpbandster, options.hpbandster),
        (write_deepcave, options.deepcave),
        (write_optuna, options.optuna),
        (write_csv, options.csv),
        (write_json, options.json_file),
    )
    write, path = next((write, path) for write, path in writers if path is not None)
    with open_study(options.study) as study:
        num_written = write(study, path, force=options.force)
    print_remark(f"{num_written} results written")
    return exits.OK


def import_(options: Namespace) -> int:
    """Record the results of another program, or of another study, as observations."""
    if options.study_name is not None and options.optuna is None:
        raise SettingError("expected --study-name with --optuna only")
    if options.hpbandster is None:
        return _adopt(options)
    if options.fill:
        raise SettingError("expected --fill with --from or --optuna: HpBandSter's results are read in its own space")
    with open_study(options.study) as study:
        found = import_hpbandster(study, options.hpbandster)
    for text in found.left_out:
        print_remark(text)
    if options.json:
        counts = {"read": found.num_read, "failures": found.num_failures, "new": found.num_new}
        print_json(counts | {"left_out": len(found.left_out)})
    else:
        print_text(
            f"{found.num_read} results read ({found.num_failures} of them failures), {found.num_new} of them new"
        )
    return exits.OK


def _adopt(options: Namespace) -> int:
    fill = _fill(options.fill)
    if options.optuna is not None:
        with open_study(options.study) as study:
            return _print_adopted(import_optuna(study, options.optuna, name=options.study_name, fill=fill), options)
    with open_study(options.from_study) as old:
        results = old.snapshot()
    with open_study(options.study) as study:
        return _print_adopted(study.adopt(results, fill=fill), options)


def _print_adopted(found: Adopted, options: Namespace) -> int:
    for text in (*found.lowered, *found.left_out):
        print_remark(text)
    if options.json:
        counts = {"read": found.num_read, "failures": found.num_failures, "new": found.num_new}
        print_json(counts | {"known": found.num_known, "left_out": len(found.left_out)})
    else:
        print_text(found.counts)
    return exits.OK


def _fill(words: Sequence[str]) -> dict[str, Any]:
    """Return the values to fill in by name.

    Raises:
        SettingError: If a word is not NAME=VALUE, or a name occurs twice.
    """
    pairs = [_filled(word) for word in words]
    if len(dict(pairs)) < len(pairs):
        raise SettingError(f"expected --fill once for each parameter, got {', '.join(name for name, _ in pairs)}")
    return dict(pairs)


def _filled(word: str) -> tuple[str, Any]:
    """Return the name and the value in NAME=VALUE; a value that is no JSON is a text.

    Raises:
        SettingError: If there is no value.
    """
    name, sign, text = word.partition("=")
    if not sign or not name:
        raise SettingError(f"expected --fill NAME=VALUE, such as wd=0, got {word!r:.200}")
    try:
        return name, parse(text)
    except ValueError:
        return name, text
