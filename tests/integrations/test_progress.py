"""Laws of the mechanism that the callbacks of all trainers share, with a trainer of a few lines."""

import copy
import math
import multiprocessing
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.integrations._progress import Search, TrainingProgress, checkpoint_path, pausable

SPACE = {"x": (0.0, 1.0)}


def loss_after(config: Mapping[str, Any], epoch: int) -> float:
    return float((config["x"] - 0.3) ** 2 + 1 / epoch)


class Trainer:
    """Calls its callback after each epoch, as trainers do, and counts what it trains."""

    def __init__(self, most: int, *, folder: Path | None = None, stride: int = 1) -> None:
        self.most, self.folder, self.stride = most, folder, stride
        self.trainings: list[TrainingProgress] = []
        self.num_epochs = 0

    def __call__(self, search: Search, trial: bohb.Trial) -> None:
        progress = TrainingProgress(search, trial)
        self.trainings.append(progress)
        done = 0 if trial.checkpoint is None else int(Path(trial.checkpoint).read_text())
        progress.begin(done)
        for epoch in range(done + 1, self.most + 1):
            self.num_epochs += 1
            if epoch % self.stride == 0 and not progress.advance(
                epoch, loss_after(trial.config, epoch), checkpoint=self.saver(epoch)
            ):
                break
        progress.end()

    def saver(self, epoch: int) -> Callable[[bohb.Trial], Path | None]:
        def save(trial: bohb.Trial) -> Path | None:
            path = None if self.folder is None else checkpoint_path(trial, self.folder, ".txt")
            if path is not None:
                path.write_text(str(epoch))
            return path

        return save


def optimizer_of(ladder: Any, seed: int = 0, preset: str = "hyperband", **settings: Any) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, ladder, seed=seed, preset=preset, **settings)


def asked(search: Any) -> list[Any]:
    """What was asked and told, in order, without the reported results."""
    return [
        (result.trial.id, result.config["x"], result.budget, result.loss, result.curve, result.used)
        for result in search.results
        if result.trial.id >= 0
    ]


def search_in_a_loop(search: Any, train: Trainer, num_trials: int = 20) -> None:
    while len(asked(search)) < num_trials:
        train(search, search.ask())


ladders = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True).map(sorted)


@settings(max_examples=20)
@given(ladder=ladders, seed=st.integers(0, 99), preset=st.sampled_from(["default", "hyperband", "asha"]))
def test_a_search_asks_the_same_trials_as_one_that_trains_each_from_scratch(
    ladder: list[int], seed: int, preset: str
) -> None:
    search, plain = (optimizer_of(ladder, seed, preset) for _ in range(2))
    search_in_a_loop(search, Trainer(max(ladder)))
    while len(asked(plain)) < len(asked(search)):
        trial = plain.ask()
        for epoch in range(1, trial.budget):
            plain.report(trial, epoch, loss_after(trial.config, epoch))
        plain.tell(trial, loss_after(trial.config, trial.budget))
    told = [(each[1], each[2], each[3]) for each in asked(search)]
    assert told == [(each[1], each[2], each[3]) for each in asked(plain)]


@given(ladder=ladders, seed=st.integers(0, 99))
def test_what_is_trained_and_what_is_saved_add_up(ladder: list[int], seed: int) -> None:
    """To what a search trains that begins from scratch for each trial."""
    search, train = optimizer_of(ladder, seed), Trainer(max(ladder))
    search_in_a_loop(search, train)
    total = sum(result.budget for result in search.results if result.trial.id >= 0)
    assert train.num_epochs == sum(one.trained for one in train.trainings)
    assert total == sum(one.trained + one.in_place for one in train.trainings)


def test_checkpoints_save_the_rest(tmp_path: Path) -> None:
    search, train = optimizer_of([1, 3, 9]), Trainer(9, folder=tmp_path)
    search_in_a_loop(search, train, 40)
    total = sum(result.budget for result in search.results if result.trial.id >= 0)
    resumed = sum(one.start for one in train.trainings)
    assert total == sum(one.trained + one.in_place + one.start for one in train.trainings)
    assert resumed > 0
    assert all(result.checkpoint for result in search.results if result.trial.id >= 0)


@pytest.mark.parametrize("is_driven", [False, True])
def test_a_study_gets_what_an_optimizer_gets(tmp_path: Path, is_driven: bool) -> None:
    search = optimizer_of([1, 3, 9])
    search_in_a_loop(search, Trainer(9), 20)
    with bohb.Study.open(tmp_path / "a.db", SPACE, [1, 3, 9], seed=0, preset="hyperband") as study:
        if is_driven:
            bohb.run(pausable(Trainer(9)), study, max_trials=20, progress=False)
        else:
            search_in_a_loop(study, Trainer(9), 20)
        assert asked(study) == asked(search)


@settings(max_examples=20)
@given(ladder=ladders, seed=st.integers(0, 99))
def test_a_run_gets_what_a_loop_gets(ladder: list[int], seed: int) -> None:
    """Trial by trial, with the same epochs trained; no thread is left over."""
    search, driven = optimizer_of(ladder, seed), optimizer_of(ladder, seed)
    train, again = Trainer(max(ladder)), Trainer(max(ladder))
    search_in_a_loop(search, train)
    bohb.run(pausable(again), driven, max_trials=len(asked(search)), progress=False)
    assert asked(driven) == asked(search)
    assert again.num_epochs == train.num_epochs
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trial-")]


def test_worker_processes_pause_it_too(tmp_path: Path) -> None:
    def train(search: Search, trial: bohb.Trial) -> None:
        Trainer(9, folder=tmp_path)(search, trial)

    search = optimizer_of([1, 3, 9])
    report = bohb.run(pausable(train), search, max_trials=20, workers=2, progress=False)
    assert report.num_failures == 0
    assert all(result.loss == loss_after(result.config, result.budget) for result in search.results)
    assert report.spent < sum(result.budget for result in search.results if result.trial.id >= 0)


@given(ladder=ladders, stride=st.integers(1, 7))
def test_who_looks_seldom_tells_every_budget_that_was_passed(ladder: list[int], stride: int) -> None:
    search, train = optimizer_of(ladder), Trainer(10 * max(ladder), stride=stride)
    search_in_a_loop(search, train, 10)
    for result in search.results:
        if result.trial.id >= 0:
            assert result.loss == loss_after(result.config, stride * math.ceil(result.budget / stride))


@pytest.mark.parametrize("is_driven", [False, True])
def test_a_training_that_stops_itself_is_told_with_what_it_used(is_driven: bool) -> None:
    search, train = optimizer_of([3, 9]), Trainer(5)
    if is_driven:
        bohb.run(pausable(train), search, max_trials=9, progress=False)
    else:
        search_in_a_loop(search, train, 9)
    full = [result for result in search.results if result.budget == 9]
    assert full
    assert all(result.loss == loss_after(result.config, 5) for result in full)
    assert all(result.used == 5 for result in full)


def test_a_training_that_ends_at_a_budget_counts_at_the_next_too() -> None:
    """Also if the search wanted to go on in place, and not one epoch came."""
    for is_driven in (False, True):
        search, train = optimizer_of([3, 9], preset="asha"), Trainer(3)
        if is_driven:
            bohb.run(pausable(train), search, max_trials=12, progress=False)
        else:
            search_in_a_loop(search, train, 12)
        assert not [result for result in search.results if result.is_failure]
        assert any(result.budget == 9 for result in search.results)
        assert all(result.loss == loss_after(result.config, 3) for result in search.results)


def test_a_training_that_ends_without_a_value_is_an_error() -> None:
    """Its trial would stay pending for ever."""
    search, train = optimizer_of([3, 9]), Trainer(2, stride=3)
    with pytest.raises(bohb.OutcomeError, match="budget 3 of trial 0, got one that ended after 0 without any"):
        train(search, search.ask())
    with pytest.raises(bohb.SettingError, match=r"its first trial: .* without any"):
        bohb.run(pausable(train), optimizer_of([3, 9]), max_trials=1, progress=False)


@pytest.mark.parametrize("workers", [None, 1])
def test_a_setting_that_is_wrong_for_every_trial_ends_a_run_at_its_first(workers: int | None) -> None:
    """Such as a misspelt metric: it is no fault of the configuration, and no failure of it."""

    def train(search: Search, trial: bohb.Trial) -> None:
        raise bohb.SettingError("expected metric to be one of logloss, got 'loglos'")

    search = optimizer_of([3, 9])
    executor = None if workers is None else bohb.runner.ProcessExecutor(workers)
    with pytest.raises(bohb.SettingError, match=r"its first trial: SettingError: expected metric .* got 'loglos'"):
        bohb.run(pausable(train), search, max_trials=9, executor=executor, progress=False)
    assert not search.results
    assert not search.pending


def test_an_error_is_the_failure_of_the_trial_that_ran() -> None:
    def train(search: Search, trial: bohb.Trial) -> None:
        progress = TrainingProgress(search, trial)
        try:
            for epoch in range(1, 10):
                if epoch == 2:
                    raise RuntimeError("too wide")
                if not progress.advance(epoch, 0.5):
                    break
        except RuntimeError as error:
            search.tell(progress.trial, error)

    for is_driven in (False, True):
        search = optimizer_of([1, 3])
        if is_driven:
            bohb.run(pausable(train), search, max_trials=6, progress=False)
        else:
            while len(search.results) < 6:
                train(search, search.ask())
        assert {result.is_failure for result in search.results if result.budget == 1} == {False}
        failed = [result for result in search.results if result.budget == 3]
        assert failed
        assert all(result.reason == "RuntimeError: too wide" for result in failed)


def test_an_error_that_is_raised_is_the_failure_with_its_traceback() -> None:
    def broken(search: Search, trial: bohb.Trial) -> None:
        raise ValueError("no data")

    search = optimizer_of([1, 3])
    bohb.run(pausable(broken), search, max_trials=1, progress=False)
    (result,) = search.results
    assert "no data" in str(result.reason)
    assert "broken" in result.info["traceback"]


def test_a_training_that_is_closed_stops_where_it_speaks_next() -> None:
    told: list[bool] = []

    def train(search: Search, trial: bohb.Trial) -> None:
        progress = TrainingProgress(search, trial)
        told.extend(progress.advance(epoch, 1.0) for epoch in range(1, 4))
        progress.end()

    steps = pausable(train)(optimizer_of([9]).ask())
    assert next(steps) == {"loss": 1.0, "budget": 1}
    steps.close()
    assert told == [False, False, False]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trial-")]


@given(value=st.floats(-9, 9), mode=st.sampled_from(["min", "max", None]))
def test_without_an_objective_a_value_to_maximise_is_told_as_its_negative(
    value: float, mode: Literal["min", "max"] | None
) -> None:
    search = optimizer_of([1])
    TrainingProgress(search, search.ask(), mode=mode).advance(1, value, metrics={"accuracy": 0.5, "loss": 7.0})
    (result,) = search.results
    assert result.loss == (-value if mode == "max" else value)
    assert result.info == {"accuracy": 0.5}


@pytest.mark.parametrize("is_driven", [False, True])
def test_an_objective_keeps_its_name_and_sign(is_driven: bool) -> None:
    search = optimizer_of([1], objectives={"accuracy": "maximize"})

    def train(given: Search, trial: bohb.Trial) -> None:
        TrainingProgress(given, trial, mode="max").advance(
            1, 0.9, metrics={"val_accuracy": 0.9, "loss": 0.1, "epoch": 5}
        )

    if is_driven:
        bohb.run(pausable(train, objectives=search.objectives), search, max_trials=1, progress=False)
    else:
        train(search, search.ask())
    (result,) = search.results
    assert result.metrics == {"accuracy": 0.9, "val_accuracy": 0.9, "loss": 0.1}


def test_a_training_begins_once_and_where_it_was_made() -> None:
    """Not again, not with a copy, and not in another process: the search would hear nothing of it."""
    search = optimizer_of([1])
    progress = TrainingProgress(search, search.ask())

    def begin_elsewhere() -> None:
        with pytest.raises(bohb.SettingError, match="in another process"):
            progress.begin(0)

    other = multiprocessing.get_context("fork").Process(target=begin_elsewhere)
    other.start()
    other.join()
    assert other.exitcode == 0
    with pytest.raises(bohb.SettingError, match="with a copy of it"):
        copy.deepcopy(progress).begin(0)
    progress.begin(0)
    assert not progress.advance(1, 0.5)
    with pytest.raises(bohb.SettingError, match="a new callback for each training, got one whose training of trial 0"):
        progress.begin(0)


@given(at=st.integers(0, 9), budget=st.integers(1, 9))
def test_what_was_trained_before_without_a_checkpoint_is_below_the_budget(at: int, budget: int) -> None:
    search = optimizer_of([budget])
    progress = TrainingProgress(search, search.ask())
    if at >= budget:
        with pytest.raises(bohb.SettingError, match=f"the budget {budget} of trial 0, got one that begins at {at}"):
            progress.begin(at)
    else:
        progress.begin(at)


def test_what_is_no_budget_or_no_mode_is_refused() -> None:
    search = optimizer_of([1], objectives={"accuracy": "maximize"})
    trial = search.ask()
    with pytest.raises(bohb.SettingError, match="leave it out"):
        TrainingProgress(search, trial, mode="min")
    with pytest.raises(bohb.SettingError, match="'min' or 'max'"):
        TrainingProgress(search, trial, mode="auto")  # type: ignore[arg-type]
    pixels = bohb.Optimizer(SPACE, bohb.ladder([{"pixels": 8}, {"pixels": 64}], costs=[1, 9]), seed=0)
    with pytest.raises(bohb.SettingError, match=r"an optimizer, a study or .*got 'study.db'; open"):
        TrainingProgress("study.db", trial)  # type: ignore[arg-type]
    with pytest.raises(bohb.SettingError, match="a trial that ask returned as the second argument, got"):
        TrainingProgress(search, search)  # type: ignore[arg-type]
    with pytest.raises(bohb.SettingError, match="a number of epochs"):
        TrainingProgress(pixels, pixels.ask())
