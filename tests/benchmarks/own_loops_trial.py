"""The script that Syne Tune's local backend starts for each trial of `own_loops.py`."""

import argparse
import math
import time
from pathlib import Path

from own_loops import BUDGETS, loss_of
from syne_tune import Reporter

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, kind in (("x", float), ("y", float), ("n", int), ("c", str)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--st_checkpoint_dir")
    config = vars(parser.parse_known_args()[0])
    folder = config.pop("st_checkpoint_dir")
    trained = Path(folder, "trained") if folder else None  # a trial that was paused goes on
    report = Reporter()
    done = int(trained.read_text()) if trained is not None and trained.exists() else 0
    for budget in BUDGETS:
        if budget <= done:
            continue
        if trained is not None:
            trained.parent.mkdir(parents=True, exist_ok=True)
            trained.write_text(str(budget))
        loss = loss_of(config, budget)
        if math.isnan(loss):
            raise RuntimeError("failed")
        report(loss=loss, step=budget)
        time.sleep(0.5)  # the tuner may stop it here
