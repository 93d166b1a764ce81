"""Checks that the preset `hpbandster` behaves like HpBandSter, and that our copies of problems match the originals.

    python -m benchmarks.fidelity                       # everything; the brackets, proposals, curves, problems by name
    python -m benchmarks.fidelity brackets proposals

Each check prints what it compared and `same` or `DIFFERENT`. A check that could pass for lack of statistical power has
a control, which must be different. The exit status is 0 if every result is as expected.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from scipy import stats

import bohb
from benchmarks import protocol, results
from benchmarks.optimizers.environments import ensure
from benchmarks.optimizers.peer import ROOT
from benchmarks.peers.task import encode
from benchmarks.published import check_published
from benchmarks.settings import name_of, setting_of
from benchmarks.statistics import regrets_of
from benchmarks.twosample import Comparison, Floats, compare
from bohb.models import HpBandSterModel
from bohb.schedules.bracket_sizes import hpbandster_bracket

LEVEL = 0.01
"""A smaller p-value counts as a difference."""

LADDERS = ((9, 729, 3), (1, 27, 3), (1, 100, 3), (1, 243, 3), (1, 16, 2), (1, 64, 4), (1, 1000, 10))
NUM_RESULTS, NUM_DRAWS, BUDGET = 60, 1000, 9.0
CURVES = ("random", "bohb-hyperband", "bohb-hpbandster", "hpbandster")
NUM_SEEDS = 16


def ask_hpbandster(
    *, ladders: Sequence[tuple[float, float, float]] = (), cases: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the answer of `benchmarks.peers.proposals`, which runs in HpBandSter's environment.

    Raises:
        EnvironmentFailed: If it cannot be installed.
        subprocess.CalledProcessError: If HpBandSter broke.
    """
    command = [str(ensure("hpbandster")), "-W", "ignore", "-m", "benchmarks.peers.proposals"]
    line = json.dumps({"ladders": ladders, "cases": cases}) + "\n"
    done = subprocess.run(command, cwd=ROOT, input=line, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


# Brackets.


def our_brackets(smallest: float, largest: float, eta: float) -> list[dict[str, list[float]]]:
    """Return the budgets and sizes of one cycle of brackets of the preset."""
    # HpBandSter counts down from the largest budget in powers of eta; it ignores the given smallest one otherwise.
    levels = 0
    while largest / eta ** (levels + 1) >= smallest * (1 - 1e-9):
        levels += 1
    ladder = bohb.geometric(largest / eta**levels, largest, eta=eta)
    plans = [hpbandster_bracket(ladder, start) for start in range(len(ladder))]
    return [{"budgets": [ladder[i] for i in plan.levels], "sizes": list(plan.sizes)} for plan in plans]


def check_brackets() -> bool:
    """Compare one cycle of brackets for several ladders."""
    passed = [_same_brackets(ladder, theirs) for ladder, theirs in zip(LADDERS, _their_brackets(), strict=True)]
    return all(passed)  # only after all of them are printed


def _their_brackets() -> list[list[dict[str, list[float]]]]:
    answer: list[list[dict[str, list[float]]]] = ask_hpbandster(ladders=LADDERS)["brackets"]
    return answer


def _same_brackets(ladder: tuple[float, float, float], theirs: list[dict[str, list[float]]]) -> bool:
    ours = our_brackets(*ladder)
    same = [each["sizes"] for each in ours] == [each["sizes"] for each in theirs] and all(
        np.allclose(our["budgets"], their["budgets"]) for our, their in zip(ours, theirs, strict=True)
    )
    sizes = "  ".join("/".join(map(str, each["sizes"])) for each in theirs)
    return _say(f"brackets {ladder}: {sizes}", same=same)


# Proposals.


def spaces() -> dict[str, ConfigurationSpace]:
    """Return the spaces in which proposals are compared.

    With three choices or more HpBandSter's categorical kernel is broken: its bandwidth comes from the codes of the
    choices and can exceed its valid range, so that some weights are negative; the preset keeps that.
    """
    return {"binary": _space("ab"), "five choices": _space("abcde")}


def _space(kinds: str) -> ConfigurationSpace:
    space = ConfigurationSpace()
    numbers: list[Any] = [
        Float("x", (0, 1)),
        Float("y", (0, 1)),
        Float("rate", (1e-4, 1), log=True),
        Integer("layers", (1, 12)),
    ]
    space.add([*numbers, Categorical("kind", list(kinds))])
    return space


@dataclass(frozen=True, slots=True)
class Case:
    """Results from which proposals are made.

    Attributes:
        space: The parameters.
        results: (configuration, loss), all at the same budget.
        seed: The seed of the proposals.
    """

    space: ConfigurationSpace
    results: Sequence[tuple[dict[str, Any], float]]
    seed: int

    @property
    def message(self) -> dict[str, Any]:
        """The message to the child."""
        return {
            "description": self.space.to_serialized_dict(),
            "results": self.results,
            "seed": self.seed,
            "budget": BUDGET,
            "draws": NUM_DRAWS,
        }

    @property
    def choices(self) -> dict[str, int]:
        """The number of choices by column; an integer counts as a number, its column being a share of its range."""
        return {name: len(getattr(self.space[name], "choices", ())) for name in self.space} | {"from model": 2}

    def sample(self, configs: Sequence[Mapping[str, float]], from_model: Sequence[bool]) -> Floats:
        """Return `(n, d + 1)`: the encoded configurations on the unit cube, and whether a model proposed them."""
        columns = [[self._unit(name, config[name]) for config in configs] for name in self.space]
        return np.array([*columns, from_model], dtype=float).T

    def _unit(self, name: str, value: float) -> float:
        parameter = self.space[name]
        return value if self.choices[name] else float(parameter.to_vector(value))


def case_of(space: ConfigurationSpace, seed: int) -> Case:
    """Return random configurations with losses that depend on all parameters, no two the same."""
    space.seed(seed)
    configs = [_plain(config) for config in space.sample_configuration(NUM_RESULTS)]
    return Case(space, [(config, _loss(config)) for config in configs], seed)


def our_proposals(case: Case, **settings: Any) -> Floats:
    """Return the sample of a preset, `preset=...`, or of a `schedule=...` and a `model=...`; nothing is told."""
    optimizer = bohb.Optimizer(case.space, bohb.geometric(1, BUDGET, eta=3), seed=case.seed + 1, **settings)
    for config, loss in case.results:
        optimizer.observe(config, optimizer.ladder[-1], loss)
    trials = [optimizer.ask() for _ in range(NUM_DRAWS)]
    configs = [encode(case.space, trial.config) for trial in trials]
    return case.sample(configs, [trial.origin == bohb.Origin.MODEL for trial in trials])


CONTROLS: Mapping[str, Mapping[str, Any]] = {
    "paper": {"preset": "paper"},
    "the best 30 % as good": {"preset": "hpbandster", "model": HpBandSterModel(top_n_percent=30)},
    "not widened": {"preset": "hpbandster", "model": HpBandSterModel(bandwidth_factor=1.0)},
}
"""Settings of `bohb` whose proposals differ from HpBandSter's."""


def check_proposals() -> bool:
    """Compare the proposals from equal results; every control must be different."""
    cases = {name: case_of(space, seed) for seed, (name, space) in enumerate(spaces().items())}
    answer = ask_hpbandster(cases=[case.message for case in cases.values()])
    print(json.dumps(answer["versions"]))
    passed = True
    for (name, case), theirs in zip(cases.items(), answer["proposals"], strict=True):
        sample = case.sample(theirs["configs"], theirs["from_model"])
        passed &= _say(f"proposals, {name}: HpBandSter warned {theirs['warnings']} times", same=not theirs["warnings"])
        ours = our_proposals(case, preset="hpbandster")
        print(f"proposals, {name}: {ours[:, -1].sum():g} of ours and {sample[:, -1].sum():g} of theirs from the model")
        tested = compare(ours, sample, case.choices, case.seed)
        passed &= _say(_line(f"proposals, {name}", tested), same=tested.p_value >= LEVEL)
        for label, control in CONTROLS.items():
            tested = compare(our_proposals(case, **control), sample, case.choices, case.seed)
            passed &= _say(_line(f"control, {name}, {label}", tested), same=tested.p_value >= LEVEL, control=True)
    return passed


def _line(what: str, tested: Comparison) -> str:
    each = ", ".join(f"{name} {p:.3g}" for name, p in tested.p_values.items())
    return f"{what}: p = {tested.p_value:.3g} ({each})"


def _loss(config: Mapping[str, Any]) -> float:
    distance = (config["x"] - 0.3) ** 2 + (config["y"] - 0.9) ** 2 + (np.log10(config["rate"]) / 4 + 0.5) ** 2
    return float(distance + (config["layers"] / 12 - 0.5) ** 2 + 0.2 * "bacde".index(config["kind"]))


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in config.items()}


# Curves.


def check_curves(path: Path, *, seeds: int = NUM_SEEDS) -> bool:
    """Compare the final regrets on Counting Ones 8+8 as in the paper's figure 3, without resuming.

    Args:
        path: The results file; runs that it holds are not repeated.
        seeds: The number of seeds.
    """
    setting = setting_of("1-scratch")
    runs = protocol.plan(["counting-ones-8-8"], CURVES, seeds, [setting])
    for outcome in protocol.perform_all(runs, path):
        if not isinstance(outcome, results.Record) or outcome.error:
            return _say(f"curves: {outcome}", same=False)
    wanted = {run.key for run in runs}
    records = [record for record in results.read(path) if record.key in wanted]
    final = {name: np.array([regrets_of(r, [1.0])[0] for r in records if r.optimizer == name]) for name in CURVES}
    for name, regrets in final.items():
        error = regrets.std(ddof=1) / np.sqrt(len(regrets))
        print(f"curves, {name_of(setting)}, {len(regrets)} seeds: {name} {regrets.mean():.4f} +- {error:.4f}")
    same = float(stats.mannwhitneyu(final["bohb-hpbandster"], final["hpbandster"]).pvalue)
    passed = _say(f"curves, bohb-hpbandster and hpbandster: p = {same:.3g}", same=same >= LEVEL)
    for better, worse in (("hpbandster", "bohb-hyperband"), ("bohb-hpbandster", "bohb-hyperband"), CURVES[1::-1]):
        p = float(stats.mannwhitneyu(final[better], final[worse], alternative="less").pvalue)
        passed &= _say(f"curves, {better} before {worse}: p = {p:.3g}", same=p >= LEVEL, control=True)
    return passed


# Everything.


def _say(text: str, *, same: bool, control: bool = False) -> bool:
    """Print a line. Return whether the result is as expected."""
    print(f"{text}: {'same' if same else 'DIFFERENT'}{', as it should' if same != control else ' - UNEXPECTED'}")
    return same != control


def main(words: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    parser.add_argument("checks", nargs="*", help="brackets, proposals, curves, problems; all of them by default")
    parser.add_argument("--out", type=Path, default=Path("fidelity.jsonl"), help="the results of the curves")
    options = parser.parse_args(words)
    checks: dict[str, Callable[[], bool]] = {
        "brackets": check_brackets,
        "proposals": check_proposals,
        "curves": partial(check_curves, options.out),
        "problems": check_published,
    }
    if unknown := set(options.checks) - set(checks):
        parser.error(f"expected some of {', '.join(checks)}, got {', '.join(sorted(unknown))}")
    passed = [checks[name]() for name in options.checks or checks]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
