"""HpBandSter's own brackets, and its own proposals from given results.

    echo '{"ladders": [[1, 27, 3]], "cases": []}' | python -m benchmarks.peers.proposals

Runs in HpBandSter's environment: one line of JSON in, one line out. The config generator is HpBandSter's own, unchanged
and with its default settings. numpy's global generator, its only source of randomness besides the space, is seeded
before the first result.
"""

import json
import logging
import os
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers.config_generators.bohb import BOHB

from benchmarks.peers.hpbandster import make_master
from benchmarks.peers.task import encode, read_space

_PACKAGES = ("hpbandster", "numpy", "scipy", "statsmodels", "ConfigSpace")


class Complaints(logging.Handler):
    """Counts the warnings: HpBandSter logs an error of its own model and then proposes a random configuration."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.number = 0

    def emit(self, _: logging.LogRecord) -> None:
        """Count one."""
        self.number += 1


def brackets(smallest: float, largest: float, eta: float) -> list[dict[str, Any]]:
    """Return the budgets and sizes of one cycle of brackets for these very three numbers."""
    master = make_master(ConfigurationSpace({"x": (0.0, 1.0)}), smallest, largest, eta)
    cycle = [master.get_next_iteration(i, {"result_logger": None}) for i in range(master.max_SH_iter)]
    return [
        {"budgets": [float(b) for b in each.budgets], "sizes": [int(n) for n in each.num_configs]} for each in cycle
    ]


def proposals(case: dict[str, Any]) -> dict[str, Any]:
    """Return configurations as numbers, which of them came from the model, and the number of warnings."""
    space = read_space(case["description"], case["seed"])
    np.random.seed(case["seed"])  # noqa: NPY002 - the generator that HpBandSter draws from
    complaints, logger = Complaints(), logging.Logger("proposals")
    logger.addHandler(complaints)
    generator = BOHB(space, logger=logger)
    for config, loss in case["results"]:
        job = Job((0, 0, 0), config=config, budget=case["budget"])
        job.result = {"loss": loss, "info": {}}
        generator.new_result(job)
    drawn = [generator.get_config(case["budget"]) for _ in range(case["draws"])]
    return {
        "configs": [encode(space, config) for config, _ in drawn],
        "from_model": [bool(info["model_based_pick"]) for _, info in drawn],
        "warnings": complaints.number,
    }


def main() -> None:
    """Answer one line; what HpBandSter prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.readline())
    answer = {
        "versions": {package: version(package) for package in _PACKAGES},
        "brackets": [brackets(*ladder) for ladder in asked["ladders"]],
        "proposals": [proposals(case) for case in asked["cases"]],
    }
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
