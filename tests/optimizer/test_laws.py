"""The laws of ask and tell for every preset, over random spaces, ladders, losses and orders."""

import contextlib
import json
import math
import os
import random
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Configuration
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.trials import Origin, Status
from tests.strategies import LADDERS, PRESET_NAMES, SPACES, ladders, loss_of, losses, make, presets, seeds, spaces

COMMON = settings(max_examples=25, deadline=None, derandomize=True)


def drive(optimizer: bohb.Optimizer, num_asks: int, seed: int, *, width: int = 4, fail: float = 0.1) -> None:
    """Ask `num_asks` times with up to `width` pending trials. Tell and forget in random order."""
    rng = random.Random(seed)
    running: list[bohb.Trial] = []
    for _ in range(num_asks):
        try:
            running.append(optimizer.ask())
        except bohb.SpaceExhausted:
            if not running:
                return
        while len(running) >= width or (running and rng.random() < 0.5):
            trial = running.pop(rng.randrange(len(running)))
            if rng.random() < fail:
                optimizer.forget(trial)
            else:
                optimizer.tell(trial, loss_of(trial), checkpoint=f"ckpt/{trial.id}")


@given(presets, spaces, ladders, seeds)
@COMMON
def test_every_asked_configuration_lies_in_the_space(preset: str, space: str, ladder: str, seed: int) -> None:
    """ConfigSpace accepts every one, and its values are plain Python values."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    drive(optimizer, 40, seed)
    reference = SPACES[space]()
    for trial in (optimizer.trial(i) for i in range(len(optimizer.results))):
        Configuration(reference, values=dict(trial.config)).check_valid_configuration()
        assert all(type(value).__module__ in ("builtins",) for value in trial.config.values())
        assert json.loads(json.dumps(trial.config)) == trial.config


@given(presets, spaces, ladders, seeds)
@COMMON
def test_no_configuration_is_asked_twice_at_a_budget(preset: str, space: str, ladder: str, seed: int) -> None:
    """It is asked again only if the trial was forgotten, and it is never pending twice."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    rng = random.Random(seed)
    running: list[bohb.Trial] = []
    forgotten: Counter[tuple[int, str]] = Counter()
    asked: Counter[tuple[int, str]] = Counter()
    for _ in range(60):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            break
        key = (trial.config_id, str(trial.budget))
        assert key not in {(other.config_id, str(other.budget)) for other in running}
        asked[key] += 1
        assert asked[key] == 1 + forgotten[key]
        running.append(trial)
        if rng.random() < 0.6:
            chosen = running.pop(rng.randrange(len(running)))
            if rng.random() < 0.2:
                optimizer.forget(chosen)
                forgotten[chosen.config_id, str(chosen.budget)] += 1
            else:
                optimizer.tell(chosen, loss_of(chosen))
        assert [t.id for t in optimizer.pending] == sorted(t.id for t in running)


@given(presets, ladders, seeds)
@COMMON
def test_a_promotion_resumes_a_success_at_a_smaller_budget(preset: str, ladder: str, seed: int) -> None:
    """A promoted configuration succeeded in the rung below, and resumes from its checkpoint there."""
    optimizer = make(preset, ladder=ladder, seed=seed)
    drive(optimizer, 120, seed)
    steps = optimizer.ladder
    by_id = {result.trial.id: result for result in optimizer.results}
    levels: dict[int, list[int]] = {}
    for trial in (optimizer.trial(i) for i in by_id):
        level = steps.level(trial.budget)
        levels.setdefault(trial.config_id, []).append(level)
        if trial.origin is Origin.PROMOTED:
            before = by_id[trial.previous]
            assert before.trial.config == trial.config
            assert before.status is Status.OK
            assert steps.level(before.trial.budget) < level
            assert trial.checkpoint == before.checkpoint
        elif trial.origin is Origin.EXPLOITED:
            before = by_id[trial.previous]
            assert before.trial.config_id != trial.config_id
            assert before.status is Status.OK
            assert steps.level(before.trial.budget) == level - 1
            assert trial.checkpoint == before.checkpoint
        else:
            assert trial.previous is None
    assert all(sorted(set(seen)) == sorted(seen) for seen in levels.values())


@given(presets, spaces, ladders, seeds, st.integers(min_value=0, max_value=59))
@COMMON
def test_resumed_equals_uninterrupted(preset: str, space: str, ladder: str, seed: int, stop: int) -> None:
    """A search that is saved at any time and restored through JSON continues bit for bit."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    drive(optimizer, stop, seed)
    copy = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    assert copy.to_state() == optimizer.to_state()
    assert copy.results == optimizer.results
    assert copy.pending == optimizer.pending
    for _ in range(8):
        try:
            expected = optimizer.ask()
        except bohb.SpaceExhausted:
            with pytest.raises(bohb.SpaceExhausted):
                copy.ask()
            return
        trial = copy.ask()
        assert trial == expected
        assert optimizer.tell(expected, loss_of(expected)) == copy.tell(trial.id, loss_of(trial))
    assert copy.to_state() == optimizer.to_state()


def use_up(optimizer: bohb.Optimizer, late: set[int], rng: random.Random, num_steps: int, fail: float) -> None:
    """Ask and tell in random order. The late trials are rarely told."""
    for _ in range(num_steps):
        soon = [trial for trial in optimizer.pending if trial.id not in late]
        pool = soon if soon and rng.random() < 0.95 else list(optimizer.pending)
        try:
            if len(soon) >= 4 or (pool and rng.random() < 0.4):
                trial = rng.choice(pool)
                optimizer.tell(trial, math.nan if rng.random() < fail else rng.random())
            else:
                optimizer.ask()
        except bohb.SpaceExhausted:
            if not pool:
                return
            optimizer.tell(pool[0], rng.random())


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_resumed_equals_uninterrupted_in_an_exhausted_space(preset: str) -> None:
    """Some results of enqueued trials arrive only after the brackets ran out of configurations."""
    for seed in range(60):
        rng = random.Random(seed)
        size, budgets = rng.choice([3, 4, 8, 12]), rng.choice([[1, 3], [1, 3, 9]])
        one = bohb.Optimizer({"x": list(range(size))}, budgets, seed=seed, preset=preset)
        late = set()
        for x in rng.sample(range(size), 2):
            one.enqueue({"x": x}, budgets[0])
            late.add(one.ask().id)
        fail = rng.choice([0.0, 0.5, 0.9])
        use_up(one, late, rng, rng.randrange(60), fail)
        for trial in one.pending:
            if trial.id in late:
                one.tell(trial, rng.random())
        other = bohb.Optimizer.from_state(json.loads(json.dumps(one.to_state())))
        for optimizer in (one, other):
            use_up(optimizer, late, random.Random(seed), 30, fail)
        assert one.events == other.events


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_resumed_equals_uninterrupted_in_a_short_bracket(preset: str) -> None:
    """All its trials failed. Then a result from outside arrives at its smallest budget, and may join it."""
    one = bohb.Optimizer({"x": [0, 1, 2]}, [1, 3], seed=0, preset=preset)
    one.enqueue({"x": 2}, 1)
    late = one.ask()
    for _ in range(3):
        one.tell(one.ask(), math.nan)
    one.tell(late, 0.0)
    other = bohb.Optimizer.from_state(json.loads(json.dumps(one.to_state())))
    for optimizer in (one, other):
        with contextlib.suppress(bohb.SpaceExhausted):
            for _ in range(3):
                optimizer.tell(optimizer.ask(), 1.0)
    assert one.events == other.events


@given(
    st.sampled_from(sorted(set(PRESET_NAMES) - {"default", "pb2"})),
    spaces,
    seeds,
    st.lists(losses, min_size=40, max_size=40),
)
@COMMON
def test_asks_depend_only_on_the_order_of_losses(preset: str, space: str, seed: int, values: list[float]) -> None:
    """A strictly increasing transform of the losses changes no ask. Gaussian processes use more than the order."""
    plain, transformed = make(preset, space=space, seed=seed), make(preset, space=space, seed=seed)
    ranks = {value: float(rank) for rank, value in enumerate(sorted({v + 0.0 for v in values if math.isfinite(v)}))}
    for value in values:
        try:
            trial, other = plain.ask(), transformed.ask()
        except bohb.SpaceExhausted:
            return
        assert trial == other
        plain.tell(trial, value)
        transformed.tell(other, 7.0**3 + math.exp(ranks[value + 0.0] / 8) if math.isfinite(value) else value)


@given(spaces, seeds, st.lists(losses, min_size=40, max_size=40), st.integers(-9, 9))
@settings(COMMON, max_examples=8)  # 80 asks of the default each
def test_the_default_does_not_depend_on_the_unit_of_losses(
    space: str, seed: int, values: list[float], exponent: int
) -> None:
    """The factors are powers of two, which change no rounding."""
    plain, scaled = make(space=space, seed=seed), make(space=space, seed=seed)
    for value in values:
        try:
            trial, other = plain.ask(), scaled.ask()
        except bohb.SpaceExhausted:
            return
        assert trial == other
        plain.tell(trial, value)
        scaled.tell(other, math.ldexp(value, exponent))


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("space", sorted(SPACES))
@given(seeds, st.integers(2, 9), st.randoms(use_true_random=False))
@settings(COMMON, max_examples=3)
def test_the_order_of_tells_between_two_asks_does_not_matter(
    preset: str, space: str, seed: int, size: int, rng: random.Random
) -> None:
    """Batches that are told in order or shuffled lead to the same asks."""
    left, right = make(preset, space=space, seed=seed), make(preset, space=space, seed=seed)
    for _ in range(60 // size):
        try:
            batch = [left.ask() for _ in range(size)]
            assert [right.ask() for _ in range(size)] == batch
        except bohb.SpaceExhausted:
            return
        for trial in batch:
            left.tell(trial, loss_of(trial))
        for trial in rng.sample(batch, len(batch)):
            right.tell(trial, loss_of(trial))


@given(presets, spaces, ladders, seeds)
@COMMON
def test_a_forgotten_trial_is_asked_again(preset: str, space: str, ladder: str, seed: int) -> None:
    """Everything is the same but the id."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    drive(optimizer, 25, seed, fail=0)
    for pending in optimizer.pending:
        optimizer.forget(pending)
        again = optimizer.ask()
        assert again.id > pending.id
        for name in ("config", "budget", "checkpoint", "config_id", "bracket", "rung", "previous", "origin"):
            assert getattr(again, name) == getattr(pending, name)
        assert optimizer.explain(again).facts["reissue_of"] == pending.id


def test_another_process_with_the_same_seed_asks_the_same() -> None:
    """PYTHONHASHSEED makes no difference. The control has another seed and asks other trials."""
    script = (
        "import hashlib, json, sys\n"
        "from tests.strategies import PRESET_NAMES, make\n"
        "from tests.optimizer.test_laws import drive\n"
        "for preset in PRESET_NAMES:\n"
        "    optimizer = make(preset, seed=int(sys.argv[1]))\n"
        "    drive(optimizer, 80, 1)\n"
        "    print(hashlib.sha256(json.dumps(optimizer.to_state()['events']).encode()).hexdigest())\n"
    )

    def digests(hash_seed: str, seed: str) -> dict[str, str]:
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", script, seed]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return dict(zip(PRESET_NAMES, done.stdout.split(), strict=True))

    found = digests("0", "3")
    assert found == digests("12345", "3")
    other = digests("0", "4")
    assert all(found[preset] != other[preset] for preset in PRESET_NAMES)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_failures_never_win(preset: str) -> None:
    """Exceptions, nan and infinities are never promoted and never the incumbent."""
    optimizer = make(preset)
    outcomes: list[Any] = [math.nan, math.inf, -math.inf, ValueError("diverged"), 1.0]
    for _ in range(150):
        trial = optimizer.ask()
        result = optimizer.tell(trial, outcomes[trial.config_id % len(outcomes)])
        assert math.isfinite(result.loss) == (result.status is Status.OK)
        if trial.origin is Origin.PROMOTED:
            assert trial.config_id % len(outcomes) == len(outcomes) - 1
    assert optimizer.incumbent is not None
    assert optimizer.incumbent.loss == 1.0
    assert any(result.info.get("error") == "ValueError: diverged" for result in optimizer.results)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_search_continues_if_every_trial_fails(preset: str) -> None:
    """It has no incumbent."""
    optimizer = make(preset)
    for _ in range(150):
        optimizer.tell(optimizer.ask(), math.nan)
    assert optimizer.incumbent is None
    assert optimizer.trajectory() == ()
    assert optimizer.health().failure_rate == 1.0


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_search_works_if_numpy_raises_on_underflow(preset: str) -> None:
    """Tiny densities and short lengths may underflow; that is no error."""
    with np.errstate(all="raise"):
        for seed in range(3):
            optimizer = bohb.Optimizer(
                {"x": (0.0, 1.0), "y": (0.0, 1.0), "act": list("abcd")}, [1, 3, 9], seed=seed, preset=preset
            )
            for _ in range(60):
                trial = optimizer.ask()
                optimizer.tell(trial, math.sin(40 * trial.config["x"]) + 0.1 / trial.budget)


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("ladder", sorted(LADDERS))
def test_a_finite_space_is_evaluated_completely(preset: str, ladder: str) -> None:
    """Every configuration is asked once at every budget. Then every ask raises `SpaceExhausted`.

    Random search uses only the full budget.
    """
    optimizer = make(preset, space="finite", ladder=ladder)
    num_budgets = 1 if preset == "random" else len(optimizer.ladder)
    for _ in range(4 * num_budgets):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial))
    told = {(json.dumps(r.trial.config), str(r.trial.budget)) for r in optimizer.results}
    assert len(told) == 4 * num_budgets
    for _ in range(2):
        with pytest.raises(bohb.SpaceExhausted, match="4 configurations"):
            optimizer.ask()


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_finite_space_can_be_pending_completely(preset: str) -> None:
    """Without a tell, every configuration is asked once at each budget."""
    optimizer = make(preset, space="finite")
    asked = [optimizer.ask() for _ in range(4 if preset == "random" else 4 * len(optimizer.ladder))]
    with pytest.raises(bohb.SpaceExhausted):
        optimizer.ask()
    assert len({(t.config_id, t.budget) for t in asked}) == len(asked)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_asks_without_tells_return_different_configurations(preset: str) -> None:
    """In a continuous space no configuration repeats."""
    optimizer = make(preset, space="float")
    asked = [optimizer.ask() for _ in range(300)]
    assert len({tuple(t.config.values()) for t in asked}) == 300
    assert len(optimizer.pending) == 300


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_records_that_are_handed_out_are_copies(preset: str) -> None:
    """Changes to returned records, or to arguments, change nothing inside."""
    space, other = SPACES["mixed"](), make(preset, ladder="dicts")
    optimizer = bohb.Optimizer(space, LADDERS["dicts"], seed=0, preset=preset)
    for _ in range(30):
        trial, expected = optimizer.ask(), other.ask()
        assert trial == expected
        assert optimizer.trial(trial.id) == expected
        outcome, info = loss_of(trial), {"curve": [1, 2]}
        trial.budget["epochs"] = 10**6
        trial.config["task"] = "changed"
        optimizer.tell(trial.id, outcome, info=info)
        info["curve"].append(3)
        other.tell(expected, outcome, info={"curve": [1, 2]})
    assert optimizer.to_state() == other.to_state()
    assert SPACES["mixed"]() == space
