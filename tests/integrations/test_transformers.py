"""The backend and the callback on real trainings of a tiny transformer, with random weights and synthetic tokens."""

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.integrations.examples import saved_by
from tests.integrations.trainings import Scripted
from tests.runner.engines import requires

pytestmark = [
    *requires("trainers", "transformers", "accelerate", "torch"),
    pytest.mark.filterwarnings("default"),  # what the libraries deprecate is theirs
]

LARGEST = 9


def sequences(num: int, seed: int) -> list[Any]:
    import torch

    tokens = torch.randint(1, 16, (num, 6), generator=torch.Generator().manual_seed(seed))
    labels = (tokens < 8).sum(dim=1).gt(3).long()
    return [{"input_ids": row, "labels": label} for row, label in zip(tokens, labels, strict=True)]


def model_init(config: Any = None) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    size = 8 if config is None else config.get("hidden_size", 8)
    shape = {"hidden_size": size, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return BertForSequenceClassification(BertConfig(vocab_size=16, max_position_embeddings=6, **shape))


def make_trainer(folder: Path, *, callbacks: Any = (), **changes: Any) -> Any:
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_callback import PrinterCallback

    quiet = {"use_cpu": True, "report_to": "none", "logging_strategy": "no", "disable_tqdm": True}
    sizes = {"per_device_train_batch_size": 32, "learning_rate": 0.01, "num_train_epochs": LARGEST}
    args = TrainingArguments(str(folder), **{"eval_strategy": "epoch", **quiet, **sizes, **changes})
    data = {"train_dataset": sequences(96, 0), "eval_dataset": sequences(64, 1)}
    trainer = Trainer(args=args, model_init=model_init, callbacks=list(callbacks), **data)
    trainer.remove_callback(PrinterCallback)
    return trainer


def train(search: Any, trial: bohb.Trial, folder: Path, *, callbacks: Any = (), **options: Any) -> Any:
    """Train with the callback; options of its own go to it, others to the `TrainingArguments`.

    `sets` are the names of several evaluation sets.
    """
    from bohb.integrations.transformers import BOHBCallback

    names = ("metric_for_best_model", "greater_is_better", "compute_objective")
    own = {name: options.pop(name) for name in names if name in options}
    callback, sets = BOHBCallback(search, trial, **own), options.pop("sets", None)
    trainer = make_trainer(folder, callbacks=[callback, *callbacks], **options)
    trainer.eval_dataset = trainer.eval_dataset if sets is None else {name: sequences(16, 1) for name in sets}
    trainer.train(resume_from_checkpoint=trial.checkpoint)
    return callback


def searched(search: Any, folder: Path, **options: Any) -> list[Any]:
    trainings = []
    while not search.is_done:
        trainings.append(train(search, search.ask(), folder, **options).progress)
    return trainings


def make_search(largest: int = LARGEST, **settings: Any) -> bohb.Optimizer:
    return bohb.Optimizer({"learning_rate": (1e-3, 1e-1, "log")}, bohb.geometric(1, largest), seed=0, **settings)


# The callback.


@pytest.mark.parametrize("unit", ["epochs", "steps"])
def test_in_place_or_from_a_checkpoint_the_losses_are_the_same(unit: str, tmp_path: Path) -> None:
    limit = {} if unit == "epochs" else {"max_steps": LARGEST, "eval_strategy": "steps", "eval_steps": 1}
    ladder = [1, 3, LARGEST]
    at_once, with_pauses = Scripted(ladder, set()), Scripted(ladder, {1, 3})
    (whole,) = searched(at_once, tmp_path / "a", **limit)
    pieces = searched(with_pauses, tmp_path / "b", **limit)
    assert [each["loss"] for each in with_pauses.told.values()] == pytest.approx(
        [each["loss"] for each in at_once.told.values()], rel=1e-4
    )
    assert list(at_once.told) == ladder
    assert list(at_once.reports) == [2, 4, 5, 6, 7, 8]
    assert (whole.trained, whole.in_place, whole.start) == (LARGEST, 4, 0)
    assert [(each.start, each.trained) for each in pieces] == [(0, 1), (1, 2), (3, 6)]


def test_the_trainer_evaluates_and_saves_at_a_budget_whatever_its_strategies(tmp_path: Path) -> None:
    search = Scripted([1, 3], {1})
    trainings = searched(search, tmp_path, eval_strategy="no", num_train_epochs=3)
    assert list(search.told) == [1, 3]
    assert not search.reports
    assert [each.start for each in trainings] == [0, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-3", "checkpoint-9"]


def test_without_checkpoints_a_paused_trial_starts_from_scratch(tmp_path: Path) -> None:
    trainings = searched(Scripted([1, 3], {1}), tmp_path, save_strategy="no", num_train_epochs=3)
    assert [(each.start, each.at) for each in trainings] == [(0, 1), (0, 3)]
    assert not list(tmp_path.rglob("checkpoint-*"))


def test_a_checkpoint_of_another_configuration_is_never_replaced(tmp_path: Path) -> None:
    """The trainer names checkpoints by their steps, so in one folder they would be the same."""
    search = make_search(3, preset="hyperband")
    trial = search.ask()
    train(search, trial, tmp_path, num_train_epochs=3)
    weights = tmp_path / "checkpoint-3" / "model.safetensors"
    before = weights.read_bytes()
    with pytest.raises(ValueError, match=r"output_dir of its own .* checkpoint-3 is that of configuration 0; use f"):
        train(search, search.ask(), tmp_path, num_train_epochs=3, save_strategy="epoch")
    assert weights.read_bytes() == before
    while len({result.trial.config_id for result in search.results if result.budget == 3}) < 2:
        trial = search.ask()
        train(search, trial, tmp_path / str(trial.config_id), num_train_epochs=3)
    paths = [result.checkpoint for result in search.results if result.trial.id >= 0]
    assert len(set(paths)) == len(paths)


def test_early_stopping_is_told_with_what_it_used(tmp_path: Path) -> None:
    from transformers import EarlyStoppingCallback

    search = Scripted([LARGEST], set())
    stop = EarlyStoppingCallback(1, 10.0)  # which calls no gain a gain
    args = {"load_best_model_at_end": True, "save_strategy": "epoch"}
    train(search, search.ask(), tmp_path, callbacks=[stop], **args)
    assert search.used == 2
    assert list(search.told) == [LARGEST]


def test_a_trainer_that_stops_below_the_budget_warns(tmp_path: Path) -> None:
    search = Scripted([1, 9], set())
    with pytest.warns(UserWarning, match="num_train_epochs=2, below the budget 9"):
        train(search, search.ask(), tmp_path, num_train_epochs=2, save_strategy="no")
    assert search.used == 2


@pytest.mark.parametrize(
    ("options", "sign"),
    [
        ({}, 1),
        ({"greater_is_better": True}, -1),
        ({"metric_for_best_model": "eval_runtime"}, -1),  # by its name it is to be maximised, as for TrainingArguments
        ({"compute_objective": lambda metrics: 2.0}, 1),
    ],
)
def test_the_direction_follows_the_convention_of_the_trainer(options: Any, sign: int, tmp_path: Path) -> None:
    search = make_search(1)
    train(search, search.ask(), tmp_path, num_train_epochs=1, save_strategy="no", **options)
    assert math.copysign(1, search.results[0].loss) == sign


def test_a_metric_that_is_not_there_is_an_error_at_the_budget(tmp_path: Path) -> None:
    search = make_search(1)
    with pytest.raises(ValueError, match=r"eval_f1.*eval_loss"):
        train(search, search.ask(), tmp_path, metric_for_best_model="f1")
    assert not search.results


@pytest.mark.parametrize("strategy", ["no", "epoch"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_the_metric_may_be_of_any_of_several_evaluation_sets(name: str, strategy: str, tmp_path: Path) -> None:
    search = Scripted([1, 2], set())
    options = {"num_train_epochs": 2, "sets": "ab", "save_strategy": strategy}
    train(search, search.ask(), tmp_path, metric_for_best_model=f"{name}_loss", **options)
    assert search.told[2]["loss"] == search.told[2][f"eval_{name}_loss"]


def test_several_evaluation_sets_need_the_name_of_a_metric(tmp_path: Path) -> None:
    search = Scripted([1], set())
    with pytest.raises(ValueError, match=r"'eval_loss' at the budget 1, got eval_a_loss.*eval_b_loss"):
        train(search, search.ask(), tmp_path, sets="ab")
    with pytest.raises(ValueError, match=r"one evaluation set for compute_objective, got eval_a_loss.*eval_b_loss"):
        train(search, search.ask(), tmp_path, sets="ab", compute_objective=lambda metrics: 1.0)
    assert not search.told


def test_a_budget_that_is_a_fraction_is_trained_and_no_step_more(tmp_path: Path) -> None:
    """An epoch has 3 steps; floats of thirds differ in the last place."""
    budgets: Any = [1 / 3, 5 / 3, 2.0]
    search = Scripted(budgets, {1 / 3, 5 / 3})
    trainings = searched(search, tmp_path, num_train_epochs=2)
    assert [each.at for each in trainings] == budgets


@pytest.mark.parametrize("change", [{"save_total_limit": 1}, {"save_only_model": True}])
def test_arguments_that_lose_checkpoints_are_refused(change: Any, tmp_path: Path) -> None:
    search = make_search()
    with pytest.raises(ValueError, match="save_total_limit"):
        train(search, search.ask(), tmp_path, **change)


def test_a_callback_serves_one_training(tmp_path: Path) -> None:
    search = Scripted([1], set())
    callback = train(search, search.ask(), tmp_path, save_strategy="no")
    with pytest.raises(bohb.SettingError, match="a new callback for each training"):
        make_trainer(tmp_path, callbacks=[callback]).train()


def test_run_drives_it(tmp_path: Path) -> None:
    from bohb.integrations.transformers import pausable

    search = make_search(3)

    def train_in_its_folder(line: Any, trial: Any) -> None:
        train(line, trial, trial.folder, num_train_epochs=3)

    objective = pausable(train_in_its_folder)
    report = bohb.run(objective, search, max_trials=6, directory=tmp_path, progress=False)
    assert (report.num_trials, report.num_failures) == (6, 0)
    assert all(Path(str(result.checkpoint)).is_dir() for result in search.results if result.trial.id >= 0)


# The backend.


def hyperparameter_search(
    folder: Path, *, space: Any = None, num_train_epochs: float = 3, plain: bool = False, **options: Any
) -> tuple[Any, Any]:
    """Search with the backend; with `plain`, `model_init` takes no configuration."""
    importlib.import_module("bohb.integrations.transformers")  # which registers it
    trainer = make_trainer(folder, num_train_epochs=num_train_epochs)
    if plain:
        trainer.model_init = lambda: model_init()
    default = {"learning_rate": (1e-3, 1e-1, "log"), "per_device_train_batch_size": [16, 32], "hidden_size": [4, 8]}
    given = {"backend": "bohb", "n_trials": 8, "seed": 0, **options}
    return trainer, trainer.hyperparameter_search(lambda _: space or default, **given)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"learning_rat": (1e-3, 1e-1)}, "names of TrainingArguments, got 'learning_rat'"),
        ({"num_train_epochs": (1, 9)}, "a space without 'num_train_epochs', which is the budget"),
    ],
)
def test_parameters_that_would_have_no_effect_are_refused(space: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        hyperparameter_search(tmp_path, space=space, plain=True)


def test_a_parameter_that_is_not_active_has_the_value_of_the_trainer(tmp_path: Path) -> None:
    """Not that of the trial before; and the trainer has it again after the search."""
    import torch

    condition = {"range": (0.1, 0.9), "when": {"hidden_size": 4}}
    space = {"hidden_size": [4, 8], "weight_decay": condition}
    trainer, best = hyperparameter_search(tmp_path, space=space, n_trials=6, budgets=[1])
    decays = []
    for result in best.run_summary.search.results:
        args = torch.load(Path(result.checkpoint, "training_args.bin"), weights_only=False)
        decays.append(args.weight_decay)
        assert args.weight_decay == result.config.get("weight_decay", 0.0)
    assert 0.0 in decays
    assert len(set(decays)) > 1
    assert trainer.args.weight_decay == 0.0


def test_the_backend_finds_the_best_run(tmp_path: Path) -> None:
    from transformers.trainer_utils import BestRun

    trainer, best = hyperparameter_search(tmp_path)
    summary = best.run_summary
    incumbent = summary.search.incumbent
    assert isinstance(best, BestRun)
    assert best.hyperparameters == dict(incumbent.config)
    assert best.objective == incumbent.loss
    assert Path(incumbent.checkpoint).parent == tmp_path / f"run-{best.run_id}"
    told = [result for result in summary.search.results if result.trial.id >= 0]
    assert len(told) == 8
    assert sum(result.budget for result in told) == summary.trained + summary.in_place + summary.resumed
    assert (trainer.args.output_dir, trainer.model_init) == (str(tmp_path), model_init)


def test_the_model_is_made_from_the_configuration(tmp_path: Path) -> None:
    import json

    _, best = hyperparameter_search(tmp_path, n_trials=4)
    for result in best.run_summary.search.results:
        if result.checkpoint is not None:
            config = json.loads(Path(result.checkpoint, "config.json").read_text())
            assert config["hidden_size"] == result.config["hidden_size"]


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    target = str(tmp_path / "study.db")
    hyperparameter_search(tmp_path / "runs", study=target, n_trials=2)
    _, best = hyperparameter_search(tmp_path / "runs", study=target, n_trials=2)
    _, whole = hyperparameter_search(tmp_path / "whole", n_trials=4)
    told = [[(r.trial.config_id, r.budget) for r in one.run_summary.search.results] for one in (best, whole)]
    assert told[0] == told[1]


def test_what_no_promotion_needs_is_deleted_if_wanted(tmp_path: Path) -> None:
    _, best = hyperparameter_search(tmp_path, keep="releasable", preset="hyperband", n_trials=5)
    search = best.run_summary.search
    gone = set(search.releasable())
    paths = {result.checkpoint for result in search.results if result.checkpoint is not None}
    assert gone
    assert {path for path in paths if not Path(path).exists()} == gone


def test_a_failure_ends_the_search_unless_it_is_caught(tmp_path: Path) -> None:
    def failing(metrics: dict[str, float]) -> float:
        raise ZeroDivisionError("no loss")

    with pytest.raises(ZeroDivisionError):
        hyperparameter_search(tmp_path, compute_objective=failing)
    with pytest.raises(RuntimeError, match="failed"):
        hyperparameter_search(tmp_path, compute_objective=failing, catch=(ZeroDivisionError,), n_trials=2)


def test_a_space_that_is_used_up_ends_the_search_with_what_it_found(tmp_path: Path) -> None:
    _, best = hyperparameter_search(tmp_path, space={"hidden_size": [4, 8]}, budgets=[1], n_trials=10)
    assert len(best.run_summary.search.results) == 2
    assert best.objective == min(result.loss for result in best.run_summary.search.results)


def test_a_wrong_setting_ends_the_search_and_is_no_failure(tmp_path: Path) -> None:
    def misspelt(metrics: dict[str, float]) -> float:
        raise bohb.SettingError("no such metric")

    target = str(tmp_path / "study.db")
    with pytest.raises(bohb.SettingError, match="no such metric"):
        hyperparameter_search(tmp_path / "runs", study=target, compute_objective=misspelt, catch=(Exception,))
    with bohb.Study.open(target) as study:
        assert (study.results, study.pending) == ((), ())


def test_an_interrupt_gives_the_trial_back(tmp_path: Path) -> None:
    def interrupted(metrics: dict[str, float]) -> float:
        raise KeyboardInterrupt

    target = str(tmp_path / "study.db")
    with pytest.raises(KeyboardInterrupt):
        hyperparameter_search(tmp_path / "runs", study=target, compute_objective=interrupted)
    with bohb.Study.open(target) as study:
        assert not study.results
        assert not study.pending
        assert study.ask().config_id == 0


@pytest.mark.parametrize(("epochs", "expected"), [(0.5, [0.5]), (1.5, [1, 1.5]), (3, [1, 3])])
def test_the_budgets_end_at_what_the_trainer_trains(epochs: float, expected: list[float], tmp_path: Path) -> None:
    trainer, best = hyperparameter_search(tmp_path, num_train_epochs=epochs, n_trials=1)
    assert list(best.run_summary.search.ladder) == expected
    assert trainer.args.num_train_epochs == epochs


def test_the_trainer_has_its_own_epochs_after_the_search(tmp_path: Path) -> None:
    trainer, best = hyperparameter_search(tmp_path, budgets=[1, 2], n_trials=1)
    assert list(best.run_summary.search.ladder) == [1, 2]
    assert trainer.args.num_train_epochs == 3


def test_a_search_without_a_result_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="got none, and 0 that failed"):
        hyperparameter_search(tmp_path, timeout=0.0)


def test_several_directions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one direction"):
        hyperparameter_search(tmp_path, direction=["minimize", "maximize"])


def test_the_backend_maximises(tmp_path: Path) -> None:
    _, best = hyperparameter_search(tmp_path, direction="maximize", n_trials=4)
    results = [r for r in best.run_summary.search.results if r.budget == best.run_summary.search.incumbent.budget]
    assert best.objective == max(result.metrics["objective"] for result in results)


def test_the_example_of_the_page_saves_in_place_and_by_checkpoints(tmp_path: Path) -> None:
    assert min(saved_by("transformers_tokens", tmp_path, OMP_NUM_THREADS="1")) > 0
