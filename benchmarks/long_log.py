"""A search of half a million trials: how long a study of it takes to open, how much memory, and an ask after that.

    python -m benchmarks.long_log [--events 1000000]

The log is written without a search: configurations are random, and the best of three results at a budget climbs to the
next one. So the results have the shape of a search, and a million events are written in a minute. Every measurement
runs in a process of its own with one thread, and reports CPU time. The exit status is 1 if a target falls short.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np

import bohb
from benchmarks.many_workers import peak_megabytes, warm_up
from benchmarks.overhead import BUDGETS, in_process, loss_of, make_space
from benchmarks.targets import Target, show
from bohb.facts import Facts
from bohb.optimizer import events
from bohb.optimizer.events import Asked, Event, Told
from bohb.study.stores import header
from bohb.study.stores.registry import create, open_log
from bohb.study.stores.rows import seal
from bohb.trials import Origin, Status, Trial

GROUP = 3
"""One in this many results at a budget is promoted."""
BATCH = 10_000
"""How many rows are appended at a time."""
NUM_TIMED = 100


def climbs(optimizer: bohb.Optimizer) -> Iterator[Event]:
    """Yield asks and tells without end: a new configuration, then the promotions that follow from its result."""
    space, ladder, rng = optimizer.space, optimizer.ladder, np.random.default_rng(0)
    trial_ids = count()
    paused: list[list[tuple[float, Trial]]] = [[] for _ in ladder]
    for config_id in count():
        config = space.decode(space.snap(space.scatter(rng, 1))[0])
        facts = Facts(level=2, good=32, bad=64, score=float(rng.random()), rejected=0, duplicates=0)
        trial = Trial(next(trial_ids), config, ladder[0], config_id, 0, 0, None, None, Origin.MODEL)
        while True:
            yield Asked(trial, facts)
            loss = loss_of(trial.config) + float(rng.random()) / trial.budget
            yield Told(trial.id, loss, Status.OK, None, {})
            level = ladder.level(trial.budget)
            paused[level].append((loss, trial))
            if len(paused[level]) < GROUP or level == len(ladder) - 1:
                break
            best = min(paused[level], key=lambda pair: pair[0])[1]
            paused[level].clear()
            place = (ladder[level + 1], best.config_id, 0, level + 1, best.id, None, Origin.PROMOTED)
            trial, facts = Trial(next(trial_ids), best.config, *place), Facts(rank=0, finished=trial.id)


def write(target: str, preset: str, num_events: int) -> float:
    """Write a study with these events, and return the CPU seconds it took."""
    start = time.process_time()
    optimizer = bohb.Optimizer(make_space(), BUDGETS, seed=0, preset=preset)
    create(target, lambda at: seal(None, header.HEADER_KIND, header.describe(optimizer), at))
    log = open_log(target)
    assert log is not None, "it was created a line before"
    happened = islice(climbs(optimizer), num_events)
    with log.transaction(write=True) as moment:
        last = moment.last
        while batch := list(islice(happened, BATCH)):
            rows = []
            for event in batch:
                last = seal(last, *events.to_json(event, optimizer.space), moment.at)
                rows.append(last)
            log.append(rows)
    log.close()
    return time.process_time() - start


def opened(target: str, preset: str) -> dict[str, float]:
    """Return the CPU seconds in which a study opens, the first ask and the others in milliseconds, and the memory."""
    warm_up(preset)
    start = time.process_time()
    study = bohb.Study.open(target)
    seconds = time.process_time() - start
    asks = []
    for _ in range(NUM_TIMED):
        start = time.process_time()
        trial = study.ask()
        asks.append(1000 * (time.process_time() - start))
        study.tell(trial, loss_of(trial.config))
    return {
        "seconds": seconds,
        "first": asks[0],
        "median": statistics.median(asks),
        "worst": float(np.quantile(asks, 0.99)),
        "megabytes": peak_megabytes(),
    }


def saved(target: str) -> dict[str, float]:
    """Return the CPU seconds of `to_state`."""
    study = bohb.Study.open(target)
    num_results = len(study.results)
    start = time.process_time()
    study.to_state()
    return {"seconds": time.process_time() - start, "results": num_results}


def measure(num_events: int = 1_000_000) -> Iterator[Target]:
    """Measure studies with this many events in two presets, and the state of a search with 100,000 results."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "state.db")
        in_process(f"write({target!r}, 'fast', 200_000)", "benchmarks.long_log", is_pinned=False)
        save = in_process(f"saved({target!r})", "benchmarks.long_log", is_pinned=False)
        yield Target(f"to_state of {save['results']:,} results", save["seconds"], 2, "CPU s")
        for preset in ("fast", "default"):
            target = str(Path(folder) / f"{preset}.db")
            took = in_process(f"write({target!r}, {preset!r}, {num_events})", "benchmarks.long_log", is_pinned=False)
            print(f"{preset}: {num_events:,} events written in {took:.0f} CPU s", flush=True)
            found = in_process(f"opened({target!r}, {preset!r})", "benchmarks.long_log", is_pinned=False)
            name = f"{preset}, {num_events:,} events"
            yield Target(f"{name}: open", found["seconds"], 50, "CPU s")
            yield Target(f"{name}: peak memory", found["megabytes"], 2_000, "MB")
            yield Target(f"{name}: first ask", found["first"], 15, "CPU ms")
            yield Target(f"{name}: an ask, median", found["median"], 15, "CPU ms")
            yield Target(f"{name}: an ask, 99th percentile", found["worst"], 15, "CPU ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the log")
    return show(measure(parser.parse_args(arguments).events))


if __name__ == "__main__":
    sys.exit(main())
