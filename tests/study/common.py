"""What the tests of the study share: a small search, and the optimizer that it has to equal."""

import threading

import bohb
from bohb.errors import StudyBusy
from bohb.optimizer import events
from bohb.study.stores.registry import open_log
from bohb.study.stores.rows import read_facts

SPACE = {"x": (-1.0, 1.0), "n": (1, 64), "act": ["relu", "tanh"]}
BUDGETS = (1, 3, 9, 27)
PRESET = "fast"
"""The tests replay many thousands of asks; those of the default take ten times as long."""


def loss_of(trial):
    """Return a loss that depends on the trial only."""
    return abs(trial.config["x"] - 0.3) + 0.01 * trial.config["n"] + 1 / trial.budget


def again_if_busy(act, *arguments, **options):
    """Call until the lock is free: on a busy machine a process may wait longer than the store allows."""
    while True:
        try:
            return act(*arguments, **options)
        except StudyBusy:
            continue


def most_inside(enter, *, num_threads, num_turns):
    """The most threads that were inside at once, of some that all enter many times; each of them must get its turns."""
    inside, seen = [], []

    def come():
        for _ in range(num_turns):
            with enter():
                inside.append(1)
                seen.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=come) for _ in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == num_threads * num_turns
    return max(seen)


def open_new(target, **options):
    return bohb.Study.open(target, SPACE, bohb.ladder(BUDGETS), **({"seed": 0, "preset": PRESET} | options))


def rows_of(target):
    log = open_log(str(target))
    try:
        with log.transaction(write=False):
            return list(log.read_after(0))
    finally:
        log.close()


def replayed(target, preset=PRESET):
    """Return one optimizer that did without interruption what the log says; assert that all events are equal.

    Where a process followed advice from before other events, the optimizer is advised there, and follows it later.
    """
    rows = rows_of(target)
    optimizer = bohb.Optimizer(SPACE, bohb.ladder(BUDGETS), seed=0, preset=preset)
    kept = [(row.kind, {name: value for name, value in read_facts(row).items() if name != "check"}) for row in rows[1:]]
    kept = [(kind, facts) for kind, facts in kept if kind in {"asked", "joined", "told", "forgotten"}]
    wanted, advised = {facts.get("seen") for _, facts in kept}, {}
    for number, (kind, facts) in enumerate(kept):
        if number in wanted:
            advised[number] = optimizer.advise()
        if len(optimizer.events) > number:
            pass  # a joined event came with the ask before
        elif "seen" in facts:
            optimizer.follow(advised[facts["seen"]])
        elif kind in ("asked", "joined"):
            optimizer.ask()
        elif kind == "told":
            outcome = facts["loss"] if facts["loss"] is not None else float("nan")
            optimizer.tell(facts["id"], outcome, checkpoint=facts["checkpoint"], info=facts["info"])
        else:
            optimizer.forget(facts["id"])
        again = events.to_json(optimizer.events[number], optimizer._space)
        assert (kind, facts) == again
    assert len(optimizer.events) == len(kept)
    return optimizer
