"""Run one seed after the other in a simulated store, and print the counts."""

import argparse
import itertools
import time
from collections import Counter

from tests.campaign.simulation import World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--runs", type=int, help="how many seeds to run; without it, as many as there is time for")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long, without --runs")


def main(options: argparse.Namespace) -> int:
    """Run seeds, and return 1 if a promise was broken."""
    end = time.monotonic() + options.seconds
    counts: Counter[str] = Counter()
    for seed in itertools.count(options.seed):
        if counts["runs"] == options.runs or (options.runs is None and time.monotonic() > end):
            break
        counts["runs"] += 1
        try:
            counts += World(seed).run()
        except Exception as error:
            counts["broken"] += 1
            print(f"seed {seed}: {error}\n    again: python -m tests.campaign simulate --seed {seed} --runs 1")
    print(f"seeds from {options.seed} on; broken: {counts['broken']}")
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{count:>12,} {name}")
    return 1 if counts["broken"] else 0
