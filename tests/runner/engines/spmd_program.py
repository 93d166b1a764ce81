"""A program for several ranks, started by the tests under `horovodrun`, `torchrun` or `mpirun`.

Arguments: what goes wrong in trial 1 (`nothing`, `all`, `one`, `kill`, `kill-0`, `hang`) or before (`search`), a folder
for what the tests read, the number of trials, and the file of a study if there is one.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import bohb
from bohb.runner import spmd

WRONG, FOLDER, NUM_TRIALS, STUDY = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
VARIABLES = ("HOROVOD_RANK", "RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
LEASE = 4.0
RANK = int(next(os.environ[name] for name in VARIABLES if name in os.environ))


def sum_over_ranks(value: float) -> float:
    """Wait for all ranks, as an objective that averages gradients does."""
    if "HOROVOD_RANK" in os.environ:
        import horovod.torch as hvd
        import torch

        return hvd.allreduce(torch.tensor([value]), name="value", op=hvd.Sum).item()
    if "TORCHELASTIC_RUN_ID" in os.environ:
        import torch
        from torch import distributed

        tensor = torch.tensor([value])
        distributed.all_reduce(tensor)
        return tensor.item()
    from mpi4py import MPI

    return MPI.COMM_WORLD.allreduce(value)


def objective(trial):
    (FOLDER / f"{trial.id}.{os.getpid()}").touch()
    if trial.id == 1:
        if WRONG == "all" or (WRONG == "one" and RANK == 1):
            raise ValueError(f"wrong on {WRONG}")
        if (WRONG, RANK) in (("kill", 1), ("kill-0", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        if WRONG == "hang" and RANK == 1:
            time.sleep(3600)
    return {"loss": trial.config["x"], "info": {"sum": sum_over_ranks(trial.config["x"])}}


def make() -> bohb.Optimizer | bohb.Study:
    assert RANK == 0, "only rank 0 has a search"
    if WRONG == "search":
        raise OSError("no such database")
    arguments = {"space": {"x": (0.0, 1.0)}, "budgets": [1, 3, 9], "seed": 5}
    made.append(bohb.Study.open(STUDY[0], **arguments, lease=LEASE) if STUDY else bohb.Optimizer(**arguments))
    return made[0]


made: list[bohb.Optimizer | bohb.Study] = []
report = spmd.run(objective, make, max_trials=NUM_TRIALS, progress=False, straggler_seconds=3, trial_seconds=15)
(FOLDER / f"report-{RANK}").write_text(str(report.incumbent))
if RANK == 0:
    facts = [[result.trial.config["x"], str(result.status), dict(result.info)] for result in made[0].results]
    (FOLDER / "facts").write_text(json.dumps(facts))
