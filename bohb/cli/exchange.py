"""`import`, `export` and `report`: results from and for other programs. The formats are in `bohb.exchange`."""

from argparse import Namespace

from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_remark, print_text, stdout
from bohb.exchange import import_hpbandster, write_csv, write_hpbandster, write_json, write_optuna


def report(options: Namespace) -> int:
    """Print all results as a table."""
    write = write_json if options.json or options.format == "json" else write_csv
    with open_study(options.study) as study:
        write(study, stdout())
    return exits.OK


def export(options: Namespace) -> int:
    """Write the results for another program."""
    writers = (
        (write_hpbandster, options.hpbandster),
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
    """Record the results of another program as observations."""
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
