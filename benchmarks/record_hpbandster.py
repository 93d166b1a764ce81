"""Records which runs HpBandSter itself would start, for `tests/golden/hpbandster_brackets.json`.

    pip install hpbandster==0.7.4
    python -m benchmarks.record_hpbandster > tests/golden/hpbandster_brackets.json

The bookkeeping is HpBandSter's own `SuccessiveHalving`; the two loops around it are copied from `Master.run` and from
`BOHB.get_next_iteration`, which need a name server. Losses are a table: by the order in which configurations are new,
and by level; null where the run crashes. A run ends when its number, counted over all starts, is drawn.
"""

import json
import math
import random
import sys
from dataclasses import dataclass, field
from typing import Any

NUM_ASKS = 120


@dataclass
class Recording:
    """One simulated run of HpBandSter's master."""

    num_levels: int
    eta: int
    workers: int
    crash_rate: float
    seed: int
    steps: list[list[Any]] = field(default_factory=list)
    losses: list[list[float | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - a repeatable sequence is wanted
        self.brackets: list[Any] = []
        self.running: list[tuple[int, int, Any, float]] = []

    def record(self) -> dict[str, Any]:
        """Start and end runs until there are enough. Return everything that happened."""
        num_asks = 0
        while num_asks < NUM_ASKS:
            if len(self.running) < self.workers and (not self.running or self.rng.random() < 0.7):
                self.start(num_asks)
                num_asks += 1
            else:
                self.end()
        return {name: getattr(self, name) for name in ("num_levels", "eta", "workers", "steps", "losses")} | {
            "rungs": [self.rungs(bracket) for bracket in self.brackets]
        }

    def start(self, number: int) -> None:
        """`Master.run`: the first iteration that has a run, else the next iteration."""
        runs = ((index, bracket.get_next_run()) for index, bracket in enumerate(self.brackets))
        index, job = next(((index, job) for index, job in runs if job is not None), (len(self.brackets), None))
        if job is None:
            self.brackets.append(self.new_bracket(index))
            job = self.brackets[-1].get_next_run()
        bracket = self.brackets[index]
        config_id, _, budget = job
        rung = bracket.budgets.index(budget)
        is_new = rung == config_id[1]  # the stage in which HpBandSter created it
        if is_new:
            bracket.ordinals[config_id] = len(self.losses)
            self.losses.append([self.draw() for _ in range(self.num_levels)])
        self.running.append((number, index, config_id, budget))
        self.steps.append(["ask", index, rung, is_new])

    def end(self) -> None:
        """End one of the runs."""
        from hpbandster.core.dispatcher import Job

        number, index, config_id, budget = self.running.pop(self.rng.randrange(len(self.running)))
        bracket = self.brackets[index]
        level = bracket.budgets.index(budget) + self.num_levels - len(bracket.budgets)
        loss = self.losses[bracket.ordinals[config_id]][level]
        job = Job(config_id, config={}, budget=budget)
        job.result = None if loss is None else {"loss": loss, "info": {}}
        bracket.register_result(job)
        self.steps.append(["tell", number])

    def draw(self) -> float | None:
        """One outcome."""
        return None if self.rng.random() < self.crash_rate else round(self.rng.random(), 5)

    def new_bracket(self, index: int) -> Any:
        """`BOHB.get_next_iteration` and the budgets of `BOHB.__init__`."""
        from hpbandster.optimizers.iterations import SuccessiveHalving

        s = self.num_levels - 1 - (index % self.num_levels)
        first = math.floor(self.num_levels / (s + 1)) * self.eta**s
        sizes = [max(int(first * self.eta**-i), 1) for i in range(s + 1)]
        budgets = [float(self.eta**level) for level in range(self.num_levels)][-s - 1 :]
        bracket = SuccessiveHalving(
            HPB_iter=index, num_configs=sizes, budgets=budgets, config_sampler=lambda _: ({}, {})
        )
        bracket.ordinals = {}
        return bracket

    def rungs(self, bracket: Any) -> list[list[int]]:
        """The ordinals that were evaluated, or are, in each rung."""
        rungs: list[list[int]] = [[] for _ in bracket.budgets]
        for config_id, datum in bracket.data.items():
            if config_id not in bracket.ordinals:
                continue
            is_begun = datum.status != "QUEUED"
            top = bracket.budgets.index(datum.budget) + is_begun
            for rung in range(config_id[1], top):
                rungs[rung].append(bracket.ordinals[config_id])
        return [sorted(rung) for rung in rungs]


def main() -> None:
    """Write a few recordings as JSON, one a line."""
    settings = [(3, 3, 1, 0.0), (3, 3, 4, 0.0), (4, 2, 7, 0.0), (3, 3, 4, 0.3), (4, 2, 10, 0.6), (3, 2, 3, 1.0)]
    recordings = [Recording(*each, seed=seed).record() for seed, each in enumerate(settings)]
    sys.stdout.write("[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in recordings) + "\n]\n")


if __name__ == "__main__":
    main()
