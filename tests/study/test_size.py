"""A study of 100,000 trials: its memory is bounded, and what costs time is in `benchmarks`."""

import json
import subprocess
import sys

import pytest

from bohb.optimizer import Optimizer
from bohb.study.stores import header
from bohb.study.stores.registry import create, open_log
from bohb.study.stores.rows import seal
from tests.study.common import loss_of

SPACE = {"x": (-1.0, 1.0), "n": (1, 64), "lr": (1e-5, 0.1), "act": ["relu", "tanh"]}
BUDGETS = (1, 3, 9, 27, 81)
NUM_TRIALS = 100_000

OPEN = """
import json, sys
import bohb
study = bohb.Study.open(sys.argv[1])
results, trial = len(study.results), study.ask()
# Not getrusage: its peak is inherited from the process that started this one.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1000
print(json.dumps({"results": results, "id": trial.id, "megabytes": peak}))
"""


def grow(target):
    """Writes a large study the fast way: one optimizer in memory, one transaction. Its choices are random ones."""
    from bohb.optimizer import events

    optimizer = Optimizer(SPACE, BUDGETS, seed=0, preset="asha")
    facts = header.describe(Optimizer(SPACE, BUDGETS, seed=0, preset="fast"))
    create(target, lambda at: seal(None, header.HEADER_KIND, facts, at))
    for _ in range(NUM_TRIALS):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    log = open_log(target)
    with log.transaction(write=True) as moment:
        rows = [moment.last]
        for event in optimizer.events:
            rows.append(seal(rows[-1], *events.to_json(event, optimizer._space), moment.at))
        log.append(rows[1:])
    log.close()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_100000_trials_fit(tmp_path):
    """A process that resumes the study and asks stays below 300 MB, of which 100 MB are imports."""
    target = str(tmp_path / "s.db")
    grow(target)
    done = subprocess.run([sys.executable, "-c", OPEN, target], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["results"] == found["id"] == NUM_TRIALS
    assert found["megabytes"] < 300
