"""The script that Syne Tune's local backend starts for each trial of `own_loops.py`."""

import argparse
import math
import time

from own_loops import BUDGETS, loss_of
from syne_tune import Reporter

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, kind in (("x", float), ("y", float), ("n", int), ("c", str)):
        parser.add_argument(f"--{name}", type=kind)
    config = vars(parser.parse_known_args()[0])
    report = Reporter()
    for budget in BUDGETS:
        loss = loss_of(config, budget)
        if math.isnan(loss):
            raise RuntimeError("failed")
        report(loss=loss, step=budget)
        time.sleep(0.5)  # the tuner may stop it here
