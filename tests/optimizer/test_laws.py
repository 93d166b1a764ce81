"""The laws of ask and tell, for every preset, over random spaces, ladders, losses and orders."""

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
    """Asks so often with up to `width` trials in flight, telling and forgetting in a random order."""
    rng = random.Random(seed)
    flying: list[bohb.Trial] = []
    for _ in range(num_asks):
        try:
            flying.append(optimizer.ask())
        except bohb.SpaceExhausted:
            if not flying:
                return
        while len(flying) >= width or (flying and rng.random() < 0.5):
            trial = flying.pop(rng.randrange(len(flying)))
            if rng.random() < fail:
                optimizer.forget(trial)
            else:
                optimizer.tell(trial, loss_of(trial), checkpoint=f"ckpt/{trial.id}")


@given(presets, spaces, ladders, seeds)
@COMMON
def test_every_asked_configuration_lies_in_the_space(preset: str, space: str, ladder: str, seed: int) -> None:
    """ConfigSpace itself accepts whatever was asked, with plain Python values."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    drive(optimizer, 40, seed)
    reference = SPACES[space]()
    for trial in (optimizer.trial(i) for i in range(len(optimizer.results))):
        Configuration(reference, values=dict(trial.config)).check_valid_configuration()
        assert all(type(value).__module__ in ("builtins",) for value in trial.config.values())
        assert json.loads(json.dumps(trial.config)) == trial.config


@given(presets, spaces, ladders, seeds)
@COMMON
def test_no_two_trials_of_a_configuration_at_a_budget(preset: str, space: str, ladder: str, seed: int) -> None:
    """A (configuration, budget) is asked again only if it was forgotten, and is never pending twice."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    rng = random.Random(seed)
    flying: list[bohb.Trial] = []
    forgotten: Counter[tuple[int, str]] = Counter()
    asked: Counter[tuple[int, str]] = Counter()
    for _ in range(60):
        try:
            trial = optimizer.ask()
        except bohb.SpaceExhausted:
            break
        key = (trial.config_id, str(trial.budget))
        assert key not in {(other.config_id, str(other.budget)) for other in flying}
        asked[key] += 1
        assert asked[key] == 1 + forgotten[key]
        flying.append(trial)
        if rng.random() < 0.6:
            chosen = flying.pop(rng.randrange(len(flying)))
            if rng.random() < 0.2:
                optimizer.forget(chosen)
                forgotten[chosen.config_id, str(chosen.budget)] += 1
            else:
                optimizer.tell(chosen, loss_of(chosen))
        assert [t.id for t in optimizer.pending] == sorted(t.id for t in flying)


@given(presets, ladders, seeds)
@COMMON
def test_budgets_never_shrink_in_a_bracket_and_promotions_resume_what_succeeded(
    preset: str, ladder: str, seed: int
) -> None:
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
        else:
            assert trial.previous is None
    assert all(sorted(set(seen)) == sorted(seen) for seen in levels.values())


@given(presets, spaces, ladders, seeds, st.integers(min_value=0, max_value=59))
@COMMON
def test_resumed_equals_uninterrupted(preset: str, space: str, ladder: str, seed: int, stop: int) -> None:
    """Saved after any event and restored through JSON, a search goes on as if it had never stopped, bit for bit."""
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
    """Asks and tells in a random order, those that are late seldom."""
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
def test_resumed_equals_uninterrupted_in_a_space_that_is_used_up(preset: str) -> None:
    """Also where something that was enqueued at a budget is told after the brackets ran out of configurations."""
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
def test_resumed_equals_uninterrupted_where_a_bracket_fell_short_of_configurations(preset: str) -> None:
    """All that began in it failed, and then somebody outside is told at its smallest budget, who may start in it."""
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
    st.sampled_from(sorted(set(PRESET_NAMES) - {"default"})), spaces, seeds, st.lists(losses, min_size=40, max_size=40)
)
@COMMON
def test_only_the_order_of_the_losses_matters(preset: str, space: str, seed: int, values: list[float]) -> None:
    """Asks are the same under a strictly increasing transform of the loss."""
    plain, bent = make(preset, space=space, seed=seed), make(preset, space=space, seed=seed)
    ranks = {value: float(rank) for rank, value in enumerate(sorted({v + 0.0 for v in values if math.isfinite(v)}))}
    for value in values:
        try:
            trial, other = plain.ask(), bent.ask()
        except bohb.SpaceExhausted:
            return
        assert trial == other
        plain.tell(trial, value)
        bent.tell(other, 7.0**3 + math.exp(ranks[value + 0.0] / 8) if math.isfinite(value) else value)


@given(spaces, seeds, st.lists(losses, min_size=40, max_size=40), st.integers(-9, 9))
@settings(COMMON, max_examples=8)  # 80 asks of the default each
def test_the_unit_of_the_losses_does_not_matter_to_the_default(
    space: str, seed: int, values: list[float], exponent: int
) -> None:
    """A Gaussian process sees more than ranks; powers of two change no rounding."""
    plain, scaled = make(space=space, seed=seed), make(space=space, seed=seed)
    for value in values:
        try:
            trial, other = plain.ask(), scaled.ask()
        except bohb.SpaceExhausted:
            return
        assert trial == other
        plain.tell(trial, value)
        scaled.tell(other, math.ldexp(value, exponent))


@given(presets, spaces, seeds, st.randoms(use_true_random=False))
@COMMON
def test_the_order_of_tells_between_two_asks_does_not_matter(
    preset: str, space: str, seed: int, rng: random.Random
) -> None:
    """Batches told forwards and shuffled lead to the same asks."""
    left, right = make(preset, space=space, seed=seed), make(preset, space=space, seed=seed)
    for _ in range(8):
        try:
            batch = [left.ask() for _ in range(6)]
            assert [right.ask() for _ in range(6)] == batch
        except bohb.SpaceExhausted:
            return
        for trial in batch:
            left.tell(trial, loss_of(trial))
        for trial in rng.sample(batch, len(batch)):
            right.tell(trial, loss_of(trial))


@given(presets, spaces, ladders, seeds)
@COMMON
def test_forget_then_ask_issues_the_same_again(preset: str, space: str, ladder: str, seed: int) -> None:
    """The same configuration, budget, checkpoint and place, under a new id; and later asks are not shifted."""
    optimizer = make(preset, space=space, ladder=ladder, seed=seed)
    drive(optimizer, 25, seed, fail=0)
    for pending in optimizer.pending:
        optimizer.forget(pending)
        again = optimizer.ask()
        assert again.id > pending.id
        for name in ("config", "budget", "checkpoint", "config_id", "bracket", "rung", "previous", "origin"):
            assert getattr(again, name) == getattr(pending, name)
        assert optimizer.explain(again).facts["reissue_of"] == pending.id


def test_same_seed_same_run_in_another_process_with_another_hash_seed() -> None:
    """Two processes with different PYTHONHASHSEED ask the same; a control with another seed does not."""
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
    """nan, infinities and exceptions are failures: they are never promoted and never become the incumbent."""
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
def test_a_search_in_which_everything_fails_goes_on(preset: str) -> None:
    """There is always something new to ask, and no incumbent."""
    optimizer = make(preset)
    for _ in range(150):
        optimizer.tell(optimizer.ask(), math.nan)
    assert optimizer.incumbent is None
    assert optimizer.trajectory() == ()
    assert optimizer.health().failure_rate == 1.0


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_search_goes_on_where_numpy_is_made_strict(preset: str) -> None:
    """Whatever underflows on the way, short lengths above all, is nobody's error."""
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
def test_a_finite_space_is_evaluated_to_the_end_and_then_said_to_be(preset: str, ladder: str) -> None:
    """Every configuration is asked once at every budget, and then `SpaceExhausted` is raised, again and again.

    Random search knows the full budget only.
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
def test_a_finite_space_is_exhausted_while_everything_is_pending(preset: str) -> None:
    """Asking without telling gives every configuration out once at each budget where it may start."""
    optimizer = make(preset, space="finite")
    asked = [optimizer.ask() for _ in range(4 if preset == "random" else 4 * len(optimizer.ladder))]
    with pytest.raises(bohb.SpaceExhausted):
        optimizer.ask()
    assert len({(t.config_id, t.budget) for t in asked}) == len(asked)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_asking_without_telling_always_returns_new_work(preset: str) -> None:
    """A thousand asks, a thousand different configurations."""
    optimizer = make(preset, space="float")
    asked = [optimizer.ask() for _ in range(300)]
    assert len({tuple(t.config.values()) for t in asked}) == 300
    assert len(optimizer.pending) == 300


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_handed_out_records_are_the_users_own(preset: str) -> None:
    """Changing what was handed out, or what was handed in, changes nothing inside."""
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
