"""Let every system call that writes fail, or be the last one of its process; beside it Optuna under the same faults."""

import argparse
import itertools
import mmap
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from benchmarks import postgres
from tests.campaign import shim
from tests.campaign.forks import End, Fork, Say
from tests.campaign.places import STORES, Place, missing, new_place, restart
from tests.campaign.searches import Search

T = TypeVar("T")

PATIENCE = 60
"""How often a worker repeats a call."""
PATIENCE_WITH_SERVERS = 1200
"""How often while its server restarts, which takes seconds on a busy machine."""

COLUMNS = ("runs", "acknowledged", "lost", "doubled", "unopenable", "stopped")
BROKEN = COLUMNS[2:]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = "; ".join(STORES)
    parser.add_argument("--store", action="append", choices=STORES, metavar="NAME", help=f"which stores: {names}")
    parser.add_argument("--trials", type=int, default=30, help="how many trials a study has")
    parser.add_argument("--sample", type=int, help="how many calls to try of each fault; without it, every call")
    parser.add_argument("--seed", type=int, default=0, help="which ones, with --sample")
    parser.add_argument("--restarts", type=int, default=20, help="how often the server is restarted")
    parser.add_argument("--fault", action="append", help="which faults, by their names; without it, all")
    parser.add_argument("--call", type=int, help="one call only, by its number")


def main(options: argparse.Namespace) -> int:
    """Try faults, and return 1 if a study of bohb broke a promise, or 3 if a store was left out."""
    reason = shim.missing()
    if reason is not None:
        print(f"left out: all, because {reason}")
        return 3
    if shim.VARIABLE not in os.environ:
        shim.start_again()
    return _try_all(shim.Shim(), options)


def _try_all(library: shim.Shim, options: argparse.Namespace) -> int:
    reasons = {name: missing(STORES[name]) for name in options.store or STORES}
    with ExitStack() as stack:
        chosen = [name for name, reason in reasons.items() if reason is None]
        is_served = any(STORES[name].is_served for name in chosen)
        server = stack.enter_context(postgres.server()) if is_served else None
        tables = {name: Series(name, server, library, options).run() for name in chosen}
    print(f"seed {options.seed}\n| store | calls | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 2)}")
    for name, counts in tables.items():
        print(f"| {name} | {counts['calls']} | {' | '.join(str(counts[column]) for column in COLUMNS)} |")
    for name, reason in reasons.items():
        if reason is not None:
            print(f"left out: {name}, because {reason}")
    if any(counts[column] for name, counts in tables.items() for column in BROKEN if name.startswith("bohb")):
        return 1
    return 3 if len(tables) < len(reasons) else 0


class Series:
    """All faults for one store."""

    def __init__(self, name: str, server: str | None, library: shim.Shim, options: argparse.Namespace) -> None:
        self._name, self._store, self._server = name, STORES[name], server
        self._shim, self._options, self._counts = library, options, Counter[str]()

    def run(self) -> Counter[str]:
        """Return how often each thing happened."""
        num_calls = self._counts["calls"] = self._count_calls()
        faults = shim.OF_SOCKETS if self._store.is_served else shim.OF_FILES
        for fault in faults:
            if self._is_wanted(fault.name):
                for number in self._numbers(num_calls):
                    self._try(fault, number)
        if self._store.is_served and self._is_wanted("restart"):
            self._restart()
        return self._counts

    def _is_wanted(self, fault: str) -> bool:
        return not self._options.fault or fault in self._options.fault

    def _count_calls(self) -> int:
        """Return how many calls there are without a fault."""
        with new_place(self._store, self._server) as place:  # here what is imported late is imported before the forks
            inherit(place.search(), lambda _: None)
        with new_place(self._store, self._server) as place:
            end = self._victim(place, 0).wait()
        assert end.how == "done", end.lines
        return int(end.lines[-1])

    def _numbers(self, num_calls: int) -> Sequence[int]:
        if self._options.call is not None:
            return [self._options.call]
        every = range(1, num_calls + 1)
        if self._options.sample is None or self._options.sample >= num_calls:
            return every
        return sorted(random.Random(self._options.seed).sample(every, self._options.sample))

    def _try(self, fault: shim.Fault, number: int) -> None:
        with new_place(self._store, self._server) as place:
            end = self._victim(place, number, fault).wait()
            found = self._judge(place, end, is_kill=fault in shim.KILLS)
        again = f'--store "{self._name}" --fault "{fault.name}" --call {number} --trials {self._options.trials}'
        self._report(found, f"{self._name}, {fault.name}, call {number}; again: {again}")

    def _victim(self, place: Place, number: int, fault: shim.Fault = shim.KILL) -> Fork:
        def task(say: Say) -> None:
            self._shim.arm(place.prefix, number, fault)
            work(place.search(), say, range(self._options.trials))
            say(self._shim.count())

        return Fork(task)

    def _restart(self) -> None:
        """Restart the server while a worker is at work, at moments that the clock chooses."""
        assert self._server is not None
        is_over = mmap.mmap(-1, 1)  # the fork shares it
        numbers = itertools.takewhile(lambda _: not is_over[0], itertools.count())
        with new_place(self._store, self._server) as place:
            victim = Fork(lambda say: work(place.search(), say, numbers, PATIENCE_WITH_SERVERS), seconds=3600)
            for _ in range(self._options.restarts):
                restart(self._server)
                time.sleep(0.2)
            is_over[0] = 1
            end = victim.wait()
            found = self._judge(place, end, is_kill=False)
        self._report(found, f"{self._name}, {self._options.restarts} restarts")

    def _judge(self, place: Place, end: End, *, is_kill: bool) -> Counter[str]:
        """Compare what the victim was told with what another process finds."""
        heir = Fork(lambda say: inherit(place.search(), say)).wait()
        told, kept = (Counter(_losses(lines)) for lines in (end.lines, heir.lines))
        is_open, is_stopped = heir.how == "done", end.how not in (("done", "killed") if is_kill else ("done",))
        for one, is_wrong in ((end, is_stopped), (heir, not is_open)):
            if is_wrong:
                print(f"    {one.how}: {one.lines[-1][-600:] if one.lines else ''}")
        return Counter(
            runs=1,
            acknowledged=len(told),
            lost=len(told - kept) if is_open else 0,
            doubled=kept.total() - len(kept),
            unopenable=int(not is_open),
            stopped=int(is_stopped),
        )

    def _report(self, found: Counter[str], text: str) -> None:
        self._counts += found
        if what := [column for column in BROKEN if found[column]]:
            print(f"{', '.join(what)}: {text}", flush=True)


def work(search: Search, say: Say, numbers: Iterable[int], patience: int = PATIENCE) -> None:
    """Ask and tell; say each loss when its tell has returned."""
    insist(search, search.open, patience)
    for number in numbers:
        loss = number + 0.5
        trial = insist(search, search.ask, patience)
        insist(search, partial(search.tell, trial, loss), patience)
        say(loss)


def inherit(search: Search, say: Say) -> None:
    """Open what another process has left, say the losses that are there, and go on for some trials."""
    search.open()
    for loss in search.losses():
        say(loss)
    for number in range(3):
        search.tell(search.ask(), -1.0 - number)
    assert {-1.0, -2.0, -3.0} <= {*search.losses()}


def insist(search: Search, call: Callable[[], T], patience: int = PATIENCE) -> T:
    """Repeat a call until it returns, while its errors are of the passing kind."""
    for _ in range(patience):
        try:
            return call()
        except search.passing:
            time.sleep(0.05)
    return call()


def _losses(lines: Sequence[str]) -> Iterator[float]:
    for line in lines:
        if line.endswith(".5"):
            yield float(line)
