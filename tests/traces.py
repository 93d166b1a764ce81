"""A fixed search of every preset, to be compared with what was recorded before.

A recorded trace holds what was asked, ask by ask, while four workers tell, forget and fail by a fixed rule. Run this
file as a program to record the traces anew, after a change that is meant to change the search:

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
    """The recorded traces: every preset on two spaces."""
    return [f"{preset}-{space}" for preset in PRESET_NAMES for space in ("mixed", "finite")]


def trace(name: str) -> list[list[Any]]:
    """Runs a fixed search and returns one row an ask."""
    preset, _, kind = name.partition("-")
    space = mixed_space() if kind == "mixed" else finite_space()
    opt = bohb.Optimizer(space, bohb.geometric(1, 27, eta=3), seed=7, preset=preset)
    rows: list[list[Any]] = []
    working: list[bohb.Trial] = []
    for step in range(NUM_ASKS.get(preset, 120)):
        if kind == "mixed":
            _tell_from_outside(opt, step)
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
    """What is compared of a trial; the values of its configuration come last."""
    place = [trial.config_id, trial.budget, trial.bracket, trial.rung, trial.previous, trial.checkpoint]
    return [*place, str(trial.origin), dict(trial.config)]


def _tell_from_outside(opt: bohb.Optimizer, step: int) -> None:
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
    """Records all traces."""
    FOLDER.mkdir(exist_ok=True, parents=True)
    for name in names():
        lines = ",\n".join(json.dumps(row) for row in trace(name))
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
