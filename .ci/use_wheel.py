"""Use the installed package as a new user does: the optimizer, a study and the command line, in an empty folder."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bohb

SPACE = {"lr": (1e-5, 1e-1), "units": (16, 512), "act": ["relu", "tanh"]}


def search(optimizer) -> None:
    for _ in range(30):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["lr"] + 1 / trial.budget)
    assert optimizer.incumbent.trial.budget == 9


def run_command(*arguments: str) -> str:
    command = [Path(sys.executable).with_name("bohb"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    home = os.environ["BOHB_EXPECTED_HOME"]
    assert Path(bohb.__file__).is_relative_to(home), f"expected the wheel under {home}, got {bohb.__file__}"
    assert importlib.metadata.version("bohb") == bohb.__version__
    search(bohb.Optimizer(SPACE, bohb.geometric(1, 9), seed=0))
    with bohb.Study.open("study.db", SPACE, bohb.geometric(1, 9), seed=0) as study:
        search(study)
    Path("space.json").write_text('{"rate": {"range": [0.001, 1.0]}}', encoding="utf-8")
    run_command("create", "shell.db", "--space", "space.json", "--budgets", "1,3,9", "--seed", "0")
    trial = json.loads(run_command("ask", "shell.db"))
    run_command("tell", "shell.db", str(trial["trial"]), "--loss", "0.5")
    assert "loss 0.5" in run_command("best", "shell.db")
    print(f"bohb {bohb.__version__} works on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
        os.chdir("/")
