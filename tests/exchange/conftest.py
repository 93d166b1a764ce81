import pytest

import bohb
from tests.cli.shell import make
from tests.exchange.common import SPACE


@pytest.fixture
def study(tmp_path):
    """The path of a study with promotions, failures, observations and pending trials."""
    target = make(tmp_path, space=SPACE)
    with bohb.Study.open(target) as opened:
        opened.observe({"x": 0.5, "n": 3, "kind": "b", "depth": 1, "fixed": 3, "flag": True}, 9, 0.75)
        for i in range(40):
            trial = opened.ask()
            if i % 9 == 8:
                opened.tell(trial, ValueError("it broke"))
            elif i < 38:
                opened.tell(trial, trial.config["x"] + 1 / trial.budget, checkpoint=f"c{i}", info={"seconds": i})
    return target
