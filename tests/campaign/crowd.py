"""Let a crowd of processes share a study while a killer is among them, and count what was kept."""

import argparse
import mmap
import os
import random
import selectors
import signal
import time
from bisect import bisect_right
from collections import Counter
from contextlib import ExitStack
from functools import partial

from benchmarks import postgres
from tests.campaign.forks import Fork, Say
from tests.campaign.places import STORES, Place, missing, new_place
from tests.campaign.searches import Search
from tests.campaign.syscalls import inherit, insist

OURS = {"sqlite": "bohb, SQLite", "postgresql": "bohb, PostgreSQL"}
COLUMNS = ("processes", "kills", "acknowledged", "lost", "doubled", "handed out twice", "failed", "seconds")
BROKEN = COLUMNS[3:7]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--store", action="append", choices=OURS, help="which stores; without it, each")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--tells", type=int, default=1000, help="how many each process has to tell")
    parser.add_argument("--kills", type=int, default=1000, help="how many processes are killed and replaced")
    parser.add_argument("--seed", type=int, default=0, help="who is killed when; the operating system chooses the rest")


def main(options: argparse.Namespace) -> int:
    """Run a crowd on each store; return 1 if a promise was broken, or 3 if a store was left out."""
    reasons = {name: missing(STORES[OURS[name]]) for name in options.store or OURS}
    counts = Counter[str]()
    print(f"seed {options.seed}\n| store | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}")
    for name, reason in reasons.items():
        if reason is not None:
            print(f"left out: {name}, because {reason}")
            continue
        store = STORES[OURS[name]]
        with ExitStack() as stack:
            server = stack.enter_context(postgres.server()) if store.is_served else None
            found = Crowd(stack.enter_context(new_place(store, server)), options).run()
        print(f"| {name} | {' | '.join(f'{found[column]:,}' for column in COLUMNS)} |", flush=True)
        counts += found
    if any(counts[column] for column in BROKEN):
        return 1
    return 3 if any(reasons.values()) else 0


class Member:
    """A process that has some tells to do.

    Args:
        place: Where.
        num_tells: How many.
    """

    def __init__(self, place: Place, num_tells: int) -> None:
        self.num_left, self.is_killed = num_tells, False
        self.is_heard = mmap.mmap(-1, 1)  # the fork shares it
        self.fork = Fork(lambda say: work(place.search(), say, num_tells, self.is_heard), seconds=0)
        self._part = ""

    def heard(self) -> list[str] | None:
        """Return the lines that it said since the last time; None if it has ended."""
        data = os.read(self.fork.pipe, 65536)
        *lines, self._part = (self._part + data.decode()).split("\n") if data else [""]
        return lines if data else None


class Crowd:
    """Processes that share a study. Whoever is killed is replaced, until everybody has told enough."""

    def __init__(self, place: Place, options: argparse.Namespace) -> None:
        self._place, self._options = place, options
        self._rng = random.Random(options.seed)
        total = options.processes * options.tells
        self._kills = sorted(self._rng.choices(range(total), k=options.kills))
        """How many tells are acknowledged when each kill comes."""
        self._members = selectors.DefaultSelector()
        self._asked, self._told = Counter[str](), Counter[str]()
        self._counts = Counter[str](processes=options.processes)

    def run(self) -> Counter[str]:
        """Return how often each thing happened."""
        inherit(self._place.search(), lambda _: None)  # the study is made, and what is imported late is imported
        start = time.monotonic()
        for _ in range(self._options.processes):
            self._add(self._options.tells)
        while self._members.get_map():
            for key, _ in self._members.select():
                self._listen(key.data)
            self._kill()
        self._counts["seconds"] = round(time.monotonic() - start)
        self._judge()
        return self._counts

    def _add(self, num_tells: int) -> None:
        member = Member(self._place, num_tells)
        self._members.register(member.fork.pipe, selectors.EVENT_READ, member)

    def _listen(self, member: Member) -> None:
        lines = member.heard()
        if lines is None:
            self._replace(member)
            return
        for line in lines:
            kind, _, trial = line.partition(" ")
            if kind == "told":
                self._told[trial] += 1
                member.num_left -= 1
                member.is_heard[0] = 1
            elif kind == "asked":
                self._asked[trial] += 1
            else:
                print(line)

    def _replace(self, member: Member) -> None:
        """Let another process do what is left, if this one was killed."""
        self._members.unregister(member.fork.pipe)
        os.close(member.fork.pipe)
        how = member.fork.ended()
        if how == "killed":
            self._counts["kills"] += 1
        elif how != "done":
            self._counts["failed"] += 1
        if how == "killed" and member.num_left:
            self._add(member.num_left)

    def _kill(self) -> None:
        """Kill as many as are due, each a random one."""
        members = [key.data for key in self._members.get_map().values()]
        living = [member for member in members if not member.is_killed]
        num_due = bisect_right(self._kills, self._told.total()) - self._counts["kills"] - (len(members) - len(living))
        for member in self._rng.sample(living, min(len(living), max(num_due, 0))):
            member.is_killed = True
            os.kill(member.fork.pid, signal.SIGKILL)

    def _judge(self) -> None:
        search = self._place.search()
        search.open()
        kept = Counter(f"{loss:.0f}" for loss in search.losses() if loss >= 0)
        self._counts["acknowledged"] = self._told.total()
        self._counts["lost"] = len(self._told - kept)
        self._counts["doubled"] = kept.total() - len(kept) + self._told.total() - len(self._told)
        self._counts["handed out twice"] = self._asked.total() - len(self._asked)


def work(search: Search, say: Say, num_tells: int, is_heard: mmap.mmap) -> None:
    """Ask and tell; say each trial when its ask and its tell have returned.

    Each tell is heard before the next ask. The listener is the killer, and would else come too late on a busy machine.
    """
    parent = os.getppid()
    insist(search, search.open)
    for _ in range(num_tells):
        trial = insist(search, search.ask)
        say(f"asked {trial.id}")
        insist(search, partial(search.tell, trial, float(trial.id)))
        say(f"told {trial.id}")
        while not is_heard[0] and os.getppid() == parent:
            time.sleep(0.001)
        is_heard[0] = 0
