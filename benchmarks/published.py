"""Compares our copies of Counting Ones and of the Hartmann functions with the published tables of DEHB's authors.

automl/DEHB, benchmarking/results/benchmark_results.md, version 0.1.2: the lowest value observed at any budget after 60,
120, ..., 300 evaluations; mean and (population) standard deviation over 5 seeds. Here the same version of DEHB is
driven through the suite's adapter on our copies, with budgets cut to whole numbers as there. A control shows that a
copy with another bias or noise would be detected.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import bohb
from benchmarks import optimizers, problems
from bohb import Ladder

Floats = NDArray[np.float64]

NUM_EVALUATIONS, STEP = 300, 60
NUM_PUBLISHED, NUM_SEEDS = 5, 15
LEVEL = 0.01
"""The lower limit for five times the smallest of five p-values."""


@dataclass(frozen=True, slots=True)
class Published:
    """A row of the table.

    Attributes:
        ladder: The budgets that DEHB derives from those of the table.
        size: The divisor of observed values.
        means: The means of the lowest value observed so far.
        deviations: Their population standard deviations.
    """

    ladder: Ladder
    size: int
    means: tuple[float, ...]
    deviations: tuple[float, ...]


TABLE: Mapping[str, Published] = {
    "mf-hartmann3-default": Published(
        bohb.geometric(100 / 81, 100, eta=3),
        1,
        (-2.861, -3.506, -3.722, -3.741, -3.741),
        (0.06878, 0.07627, 0.08690, 0.09849, 0.09849),
    ),
    "mf-hartmann6-default": Published(
        bohb.geometric(100 / 81, 100, eta=3),
        1,
        (-1.494, -1.869, -2.175, -2.314, -2.314),
        (0.2482, 0.2609, 0.2059, 0.2622, 0.2622),
    ),
    # The table divides the mean by the number of parameters, but not the deviation; here both are.
    "counting-ones-50-50": Published(
        bohb.geometric(933.12 / 81, 933.12, eta=3),
        100,
        (-0.5756, -0.5850, -0.5981, -0.6158, -0.6165),
        (0.01409, 0.01115, 0.00309, 0.01976, 0.01900),
    ),
}

CONTROLS = {"mf-hartmann3-terrible": "mf-hartmann3-default", "mf-hartmann6-terrible": "mf-hartmann6-default"}
"""Problems that differ from the rows with which they are compared."""


def lowest_values(name: str, row: Published, seed: int) -> Floats:
    """Return the lowest value observed after 60, 120, ... evaluations of DEHB on our copy."""
    problem, rng = problems.make(name), np.random.default_rng(seed)
    values = []
    with closing(optimizers.make("dehb", problem.space, row.ladder, seed, 1, NUM_EVALUATIONS)) as optimizer:
        for _ in range(NUM_EVALUATIONS):
            job = optimizer.ask()
            assert job is not None  # DEHB never waits
            values.append(problem.evaluate(job.config, int(job.budget), rng).loss)
            optimizer.tell(job, values[-1])
    return np.minimum.accumulate(values)[STEP - 1 :: STEP] / row.size


def agreement(ours: Floats, row: Published) -> Floats:
    """Return the p-values (5,) of Welch's test of our values `(seeds, 5)` against a row."""
    deviations = np.array(row.deviations) * np.sqrt(NUM_PUBLISHED / (NUM_PUBLISHED - 1))
    return np.array(
        stats.ttest_ind_from_stats(
            ours.mean(axis=0),
            ours.std(axis=0, ddof=1),
            len(ours),
            np.array(row.means),
            deviations,
            NUM_PUBLISHED,
            equal_var=False,
        ).pvalue
    )


def check_published(*, seeds: int = NUM_SEEDS) -> bool:
    """Print our values and the published ones. Return whether they agree and the controls do not.

    Args:
        seeds: The number of seeds.
    """
    rows = [(name, name) for name in TABLE] + list(CONTROLS.items())
    passed = [_check(name, TABLE[of], seeds, is_control=name != of) for name, of in rows]
    return all(passed)


def _check(name: str, row: Published, seeds: int, *, is_control: bool) -> bool:
    ours = np.array([lowest_values(name, row, seed) for seed in range(seeds)])
    p_values = agreement(ours, row)
    p_value = min(1.0, len(p_values) * p_values.min())
    agrees = p_value >= LEVEL
    columns = zip(ours.mean(axis=0), ours.std(axis=0), row.means, row.deviations, p_values, strict=True)
    for number, (mean, deviation, their_mean, their_deviation, p) in enumerate(columns, 1):
        print(
            f"{name}, {number * STEP} evaluations: ours {mean:.4f} +- {deviation:.4f} ({seeds} seeds), "
            f"published {their_mean:.4f} +- {their_deviation:.4f}, p = {p:.3g}"
        )
    print(f"{name}: p = {p_value:.3g}: {'same' if agrees else 'DIFFERENT'}", end="")
    print(", as it should" if agrees != is_control else " - UNEXPECTED", flush=True)
    return bool(agrees != is_control)
