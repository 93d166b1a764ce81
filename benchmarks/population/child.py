"""Performs runs in the environment of its own; a line of standard input is a run, a line of output its curve."""

import json
import os
import sys
import time

from benchmarks.population.methods import METHODS, curve
from benchmarks.population.problems import PROBLEMS


def main() -> None:
    """Perform the runs that are named."""
    lines, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    for line in sys.stdin:
        run = json.loads(line)
        if run["method"].startswith("ray"):
            _start_ray()
        begin, cpu = time.monotonic(), time.process_time()
        points = METHODS[run["method"]](PROBLEMS[run["problem"]](), run["seed"])
        spent = {"seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu, "intervals": len(points)}
        print(json.dumps(run | {"curve": curve(points)} | spent), file=lines, flush=True)


def _start_ray() -> None:
    import logging

    import ray

    if not ray.is_initialized():
        os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
        os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray's name; at its 15 other programs starve it
        os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "0"
        # As many logical cores as members, so that all of them are there at once.
        ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)


if __name__ == "__main__":
    main()
