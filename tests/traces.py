"""A fixed search of every preset, to compare with a recorded trace.

A trace holds every ask, while four workers tell, forget and fail by a fixed rule. Run this file as a program to record
the traces again after an intended change of the search:

    python -m tests.traces
"""

import json
from pathlib import Path
from typing import Any

import bohb
from tests.strategies import PRESET_NAMES, finite_space, loss_of, mixed_space

FOLDER = Path(__file__).parent / "golden" / "traces"
NUM_ASKS = {"default": 70}
NUM_WORKERS = 4


def names() -> list[str]:
    """Return the names of the traces: every preset on two spaces."""
    return [f"{preset}-{space}" for preset in PRESET_NAMES for space in ("mixed", "finite")]


def trace(name: str) -> list[list[Any]]:
    """Run a fixed search and return one row for each ask."""
    preset, _, kind = name.partition("-")
    space = mixed_space() if kind == "mixed" else finite_space()
    opt = bohb.Optimizer(space, bohb.geometric(1, 27, eta=3), seed=7, preset=preset)
    rows: list[list[Any]] = []
    working: list[bohb.Trial] = []
    for step in range(NUM_ASKS.get(preset, 120)):
        if kind == "mixed":
            _enqueue_or_observe(opt, step)
        try:
            trial = opt.ask()
        except bohb.SpaceExhausted:
            rows.append(["exhausted"])
            break
        rows.append(row(trial))
        working.append(trial)
        if len(working) == NUM_WORKERS:
            _end_one(opt, working.pop(step * 7 % NUM_WORKERS), step)
    return rows


def row(trial: bohb.Trial) -> list[Any]:
    """Return the fields of a trial that are compared. The values of its configuration come last."""
    fields = [trial.config_id, trial.budget, trial.bracket, trial.rung, trial.previous, trial.checkpoint]
    return [*fields, str(trial.origin), dict(trial.config)]


def _enqueue_or_observe(opt: bohb.Optimizer, step: int) -> None:
    config = {"rate": 0.01, "units": 16, "depth": 2, "act": None, "size": "small", "task": "digits"}
    if step == 10:
        opt.enqueue(config)
    if step == 20:
        opt.observe({**config, "depth": 3}, 9, 1.5)


def _end_one(opt: bohb.Optimizer, trial: bohb.Trial, step: int) -> None:
    if step % 13 == 5:
        opt.forget(trial)
    elif step % 17 == 6:
        opt.tell(trial, RuntimeError("out of memory"))
    else:
        opt.tell(trial, loss_of(trial), checkpoint=f"checkpoint-{trial.id}")


def main() -> None:
    """Record all traces."""
    FOLDER.mkdir(exist_ok=True, parents=True)
    for name in names():
        lines = ",\n".join(json.dumps(row) for row in trace(name))
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
