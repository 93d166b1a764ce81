"""The loop of a child process: `python -m benchmarks.peers NAME`, one JSON line in, one JSON line out.

The first line is the task. Each answer carries the seconds that the library took. An error is answered with its
traceback. The end of the input is the end of the process.
"""

import importlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, TextIO

from benchmarks.peers.task import Library, Task, encode

LIBRARIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "hpbandster": ("hpbandster", "HpBandSter", ("hpbandster", "numpy", "scipy", "statsmodels", "ConfigSpace")),
    "optuna-tpe": ("optuna", "make_tpe", ("optuna", "numpy")),
    "optuna-tpe-hyperband": ("optuna", "Hyperband", ("optuna", "numpy")),
    "optuna-gp": ("optuna", "make_gp", ("optuna", "numpy", "scipy", "torch")),
    "dehb": ("dehb", "Dehb", ("DEHB", "numpy", "ConfigSpace")),
    "syne-tune-bohb": ("synetune", "make_bohb", ("syne-tune", "numpy", "scipy", "statsmodels")),
    "syne-tune-asha": ("synetune", "make_asha", ("syne-tune", "numpy")),
    "syne-tune-mobster": ("synetune_models", "make_mobster", ("syne-tune", "autograd", "numpy", "scipy")),
    "syne-tune-hypertune": ("synetune_models", "make_hypertune", ("syne-tune", "autograd", "numpy", "scipy")),
    "syne-tune-dyhpo": ("synetune_models", "make_dyhpo", ("syne-tune", "autograd", "numpy", "scipy")),
    "blackboxopt-bohb": (
        "blackboxopt",
        "BlackBoxOpt",
        ("blackboxopt", "parameterspace", "numpy", "scipy", "statsmodels"),
    ),
    "neps-priorband": ("neps", "make_priorband", ("neural-pipeline-search", "numpy", "scipy", "torch")),
    "neps": ("neps", "make_default", ("neural-pipeline-search", "numpy", "scipy", "torch")),
    "hebo": ("hebo", "Hebo", ("HEBO", "numpy", "scipy", "torch", "gpytorch")),
    "ax": ("ax", "Ax", ("ax-platform", "botorch", "torch", "numpy")),
    "smac-hpo": ("smac", "make_full_budget", ("smac", "numpy", "scipy", "scikit-learn", "ConfigSpace")),
    "smac-mf": ("smac", "make_multi_fidelity", ("smac", "numpy", "scipy", "scikit-learn", "ConfigSpace")),
}
"""By name: the module beside this one, the class or function in it, the packages whose versions are recorded."""


class Child:
    """A library and its open evaluations."""

    def __init__(self, name: str, task: Task) -> None:
        module, attribute, self.packages = LIBRARIES[name]
        self.task = task
        make: Callable[[Task], Library] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), attribute)
        self.library = make(task)

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that matter."""
        return {package: version(package) for package in self.packages}

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Carry out a message."""
        start = time.perf_counter()
        asked = None
        if message["do"] == "recommend":
            values = self.library.recommend()  # type: ignore[attr-defined]
            return {"config": None if values is None else encode(self.task.space, values)}
        if message["do"] == "ask":
            asked = self.library.ask()
        elif message["do"] == "tell":
            loss = message["loss"]
            self.library.tell(message["key"], math.nan if loss is None else loss)
        else:
            self.library.lose(message["key"])
        seconds = time.perf_counter() - start
        if asked is None:
            return {"job": None, "seconds": seconds}
        config = encode(self.task.space, asked.values)
        return {"job": [asked.key, config, self.task.snap(float(asked.budget))], "seconds": seconds}


def serve(name: str, lines: TextIO, answers: TextIO) -> None:
    """Answer every line."""
    child: Child | None = None
    for line in lines:
        try:
            message = json.loads(line)
            if child is None:
                child = Child(name, Task(**message))
                recommends = hasattr(child.library, "recommend")
                answer: dict[str, Any] = {"versions": child.versions(), "recommends": recommends}
            else:
                answer = child.answer(message)
        except Exception:  # the parent records any error of a library
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve on standard input and output; the output of the library goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.argv[1], sys.stdin, answers)


if __name__ == "__main__":
    main()
