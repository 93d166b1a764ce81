"""A backend for `Trainer.hyperparameter_search`, and a callback for `Trainer`, of Hugging Face Transformers.

Budgets are epochs, or steps if the trainer has `max_steps`. A trial that was paused resumes from a checkpoint that the
trainer wrote: `trainer.train(resume_from_checkpoint=...)`.

Importing this file registers the backend under the name `"bohb"`.
"""

import math
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from accelerate.utils.memory import release_memory
from transformers import Trainer, TrainerCallback
from transformers.hyperparameter_search import ALL_HYPERPARAMETER_SEARCH_BACKENDS, HyperParamSearchBackendBase
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, BestRun, HPSearchBackend, number_of_arguments

from bohb._text import brief
from bohb.budgets import geometric, is_rounded
from bohb.budgets import ladder as read_ladder
from bohb.errors import SettingError, SpaceExhausted, TellConflict
from bohb.integrations._progress import Mode, Search, TrainingProgress, pausable
from bohb.optimizer import Optimizer
from bohb.study import Study
from bohb.trials import Trial

__all__ = ["BOHBBackend", "BOHBCallback", "RunSummary", "pausable"]

OWNER = "bohb_config_id.txt"
"""The file in a checkpoint that says whose it is."""


class BOHBCallback(TrainerCallback):  # type: ignore[misc]  # where Transformers is not installed, it has no type
    """Report a metric after each evaluation; where the trial reaches its budget, go on in place or stop the trainer.

    At a budget the trainer evaluates and writes a checkpoint, whatever its strategies are; with `save_strategy="no"` it
    writes none, and a paused trial starts from scratch. The callback tells the trial, and all that follow in place. Do
    not tell them yourself; only if `train` raises an error, tell it for `callback.trial`. Leave `num_train_epochs`, or
    `max_steps`, at the largest budget, since the learning rate follows it.

    A training that stops itself earlier, such as by `EarlyStoppingCallback`, is told with what it used.

    Args:
        search: An optimizer, a study, or what `pausable` passed to the function that trains.
        trial: The trial with which this training begins.
        metric_for_best_model: The metric, with or without `eval_`. By default that of the `TrainingArguments`, or
            else `"loss"`.
        greater_is_better: Whether to maximise it. By default the direction of the search's objective; without one, as
            for `TrainingArguments`: unless the name ends with `loss`.
        compute_objective: Computes the value from all metrics, in place of one metric.

    Raises:
        SettingError: If the metric is not there, the `TrainingArguments` do not fit, or the output folder has a
            checkpoint of another configuration, which this training would replace.

    Example::

        trial = optimizer.ask()
        folder = f"checkpoints/{trial.config_id}"
        args = TrainingArguments(folder, num_train_epochs=27, eval_strategy="epoch", **trial.config)
        callback = BOHBCallback(optimizer, trial)
        trainer = Trainer(model, args, train_dataset=train, eval_dataset=valid, callbacks=[callback])
        trainer.train(resume_from_checkpoint=trial.checkpoint)
    """

    def __init__(
        self,
        search: Search,
        trial: Trial,
        metric_for_best_model: str | None = None,
        greater_is_better: bool | None = None,
        compute_objective: Callable[[dict[str, float]], float] | None = None,
    ) -> None:
        self.metric_for_best_model, self.greater_is_better = metric_for_best_model, greater_is_better
        self.compute_objective = compute_objective
        mode: Mode | None = None if greater_is_better is None else "max" if greater_is_better else "min"
        self.progress = TrainingProgress(search, trial, mode=mode)
        self._reached: tuple[float, dict[str, float]] | None = None
        self._evaluated: tuple[float, dict[str, float]] = 0, {}

    @property
    def trial(self) -> Trial:
        """The trial that runs now, or ran last."""
        return self.progress.trial

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check the arguments, and note how far the training is that resumes from a checkpoint."""
        _check(args)
        _check_folder(args, self.trial)
        name = self._name(args)
        if self.greater_is_better is None:
            better = args.greater_is_better if self.metric_for_best_model is None else None
            self.progress.use_mode("max" if (not name.endswith("loss") if better is None else better) else "min")
        self.progress.begin(self._at(args, state) if state.global_step else 0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check that the metric was among those of the evaluation at the budget."""
        self._check_metric(args)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the trainer evaluate where the trial reaches its budget within an epoch."""
        if args.max_steps > 0 or self.trial.budget % 1:
            self._evaluate_at_budget(args, state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the trainer evaluate where the trial reaches its budget."""
        self._evaluate_at_budget(args, state, control)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        """Report the metric; at the budget, let the trainer write a checkpoint.

        The trainer calls this once for each of several evaluation sets.
        """
        if self.progress.is_over:
            return
        at, is_there = self._at(args, state), self.compute_objective is not None or self._name(args) in metrics
        self._note(at, metrics)
        if at <= self.progress.at or self._reached is not None or not is_there:
            return
        self._reached = at, self._evaluated[1]
        if at >= self.trial.budget and args.save_strategy != "no":
            _check_folder(args, self.trial)
            control.should_save = True
        else:
            self._advance(args, control)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the trainer where the search does not go on; the checkpoint is there."""
        if self._reached is not None:
            path = Path(args.output_dir, f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
            (path / OWNER).write_text(str(self.trial.config_id))
            self._advance(args, control, path)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell a training that stopped itself."""
        self._check_metric(args)
        name = "max_steps" if args.max_steps > 0 else "num_train_epochs"
        self.progress.warn_if_short(getattr(args, name), name)
        self.progress.end()

    def _evaluate_at_budget(self, args: Any, state: Any, control: Any) -> None:
        if not self.progress.is_over and self._at(args, state) >= self.trial.budget:
            control.should_evaluate = True

    def _note(self, at: float, metrics: dict[str, float]) -> None:
        """Collect the metrics of all evaluation sets; refuse several where one value is computed from all metrics."""
        before = self._evaluated[1] if self._evaluated[0] == at else {}
        new = [name for name in metrics if name.startswith("eval_") and name not in before]
        if self.compute_objective is not None and before and new:
            raise SettingError(
                f"expected one evaluation set for compute_objective, got {', '.join(before)} and then "
                f"{', '.join(metrics)}; name one of these as metric_for_best_model of a BOHBCallback instead"
            )
        self._evaluated = at, {**before, **metrics}

    def _check_metric(self, args: Any) -> None:
        """Refuse to go on where the trainer has evaluated at the budget, and the metric was not there."""
        at, metrics = self._evaluated
        if not self.progress.is_over and self.trial.budget <= at > self.progress.at:
            raise SettingError(f"expected the metric {self._name(args)!r} at the budget {at}, got {', '.join(metrics)}")

    def _advance(self, args: Any, control: Any, path: Path | None = None) -> None:
        assert self._reached is not None  # by on_evaluate
        at, metrics = self._reached
        self._reached = None
        value = metrics[self._name(args)] if self.compute_objective is None else self.compute_objective(metrics)
        save = None if path is None else lambda _: path.absolute()
        if not self.progress.advance(at, value, metrics=metrics, checkpoint=save):
            control.should_training_stop = True

    def _at(self, args: Any, state: Any) -> float:
        """Return how far the training is: in steps if it is limited by steps, else in epochs."""
        if args.max_steps > 0:
            return int(state.global_step)
        if is_rounded(epoch := float(state.epoch or 0), self.trial.budget):
            return self.trial.budget  # type: ignore[no-any-return]
        at = round(epoch, 6)
        return int(at) if at == int(at) else at

    def _name(self, args: Any) -> str:
        name = self.metric_for_best_model or args.metric_for_best_model or "loss"
        return name if name.startswith("eval_") else f"eval_{name}"


def _check(args: Any) -> None:
    """Refuse arguments with which a trial could not be decided or resumed."""
    if args.world_size > 1:
        raise SettingError(
            f"expected a trainer with one process for BOHBCallback, got {args.world_size}; run one trial on each "
            "device with bohb.run(..., executor=bohb.runner.ProcessExecutor(gpus_per_trial=1))"
        )
    if args.save_strategy == "best" or args.save_total_limit is not None or args.save_only_model:
        raise SettingError(
            "expected save_strategy 'steps', 'epoch' or 'no', save_total_limit=None and save_only_model=False, so that "
            f"paused trials can be resumed; got {args.save_strategy.value!r}, {args.save_total_limit} and "
            f"{args.save_only_model}"
        )


def _check_folder(args: Any, trial: Trial) -> None:
    """Refuse a folder in which the trainer would replace the checkpoint of another configuration: it has equal names.

    Raises:
        SettingError: If there is one.
    """
    for path in Path(args.output_dir).glob(f"{PREFIX_CHECKPOINT_DIR}-*/{OWNER}"):
        if args.save_strategy != "no" and path.read_text() != str(trial.config_id):
            raise SettingError(
                f"expected an output_dir of its own for each configuration, got {args.output_dir} for configuration "
                f"{trial.config_id}, where {path.parent.name} is that of configuration {path.read_text()}; use "
                "f'checkpoints/{trial.config_id}', or delete what an earlier search left there"
            )


@dataclass(frozen=True)
class RunSummary:
    """What `BestRun.run_summary` is after a search.

    Attributes:
        search: The optimizer, or a snapshot of the study: results, incumbent, frames.
        trained: How many epochs, or steps, were trained.
        in_place: How many were saved since trainings went on in place.
        resumed: How many were saved by checkpoints.
    """

    search: Any
    trained: float
    in_place: float
    resumed: float


class BOHBBackend(HyperParamSearchBackendBase):  # type: ignore[misc]
    """What runs in `trainer.hyperparameter_search(backend="bohb")`, once this file is imported.

    `hp_space` returns a space of bohb: ranges and choices by the names of `TrainingArguments`, and others for
    `model_init`, which gets the configuration as a dict. As for Ray, the argument of `hp_space` is None. The space has
    no epochs: these are the budget.
    """

    name = "bohb"

    @staticmethod
    def is_available() -> bool:
        """Whether bohb is installed."""
        return True

    def default_hp_space(self, trial: Any) -> dict[str, Any]:
        """Return the space of the other backends without the epochs, which are the budget, and the seed."""
        return {"learning_rate": (1e-6, 1e-4, "log"), "per_device_train_batch_size": [4, 8, 16, 32, 64]}

    def run(
        self,
        trainer: Trainer,
        n_trials: int,
        direction: str,
        *,
        budgets: Any = None,
        seed: int | None = None,
        study: Any = None,
        timeout: float | None = None,
        catch: tuple[type[Exception], ...] = (),
        keep: Literal["all", "releasable"] = "all",
        **settings: Any,
    ) -> BestRun:
        """Search, and return the best run at the largest budget that was reached, with a `RunSummary`.

        Args:
            trainer: The trainer; it has a `model_init`.
            n_trials: How many trials are told: each is a configuration at a budget. Fewer if a finite space is used up.
            direction: `"minimize"` or `"maximize"`.
            budgets: Epochs, or steps if the trainer has `max_steps`. By default from 1 to what the trainer trains.
            seed: Makes the search repeatable.
            study: The target of a `bohb.Study`, such as a path, where the search is kept and resumed.
            timeout: After so many seconds no training begins.
            catch: Exceptions of a training that make its trial a failure; others end the search, too.
            keep: `"releasable"` deletes each checkpoint that no promotion can need.
            settings: As for `bohb.Optimizer`, such as `preset`.

        Raises:
            SettingError: If there are several directions, or the `TrainingArguments` or the space do not fit.
            RuntimeError: If no trial has a result.
        """
        if not isinstance(direction, str) or trainer.is_deepspeed_enabled:
            raise SettingError(f"expected one direction, and a trainer without DeepSpeed; got {brief(direction)}")
        _check(trainer.args)
        ladder = read_ladder(_budgets(trainer.args) if budgets is None else budgets)
        settings |= {"objectives": {"objective": direction}, "seed": seed}
        with ExitStack() as stack:
            given = trainer.hp_space(None), ladder
            search: Any = Optimizer(*given, **settings)
            if study is not None:
                search = stack.enter_context(Study.open(study, *given, **settings))
            runs = stack.enter_context(_Runs(trainer, search, catch, keep, ladder[-1]))
            wanted, end = _num_told(search) + n_trials, math.inf if timeout is None else time.monotonic() + timeout
            with suppress(SpaceExhausted):
                while _num_told(search) < wanted and time.monotonic() < end:
                    runs.train(search.ask())
            summary = RunSummary(search if study is None else search.snapshot(), *runs.amounts)
        best = summary.search.incumbent
        if best is None:
            num_failed = _num_told(summary.search)
            raise RuntimeError(f"expected a trial with a result, got none, and {num_failed} that failed")
        return BestRun(str(best.trial.config_id), best.metrics["objective"], dict(best.config), summary)


class _Runs:
    """The trainings of one search with one trainer, which is given back as it was."""

    def __init__(
        self, trainer: Trainer, search: Any, catch: tuple[type[Exception], ...], keep: str, largest: float
    ) -> None:
        self._trainer, self._search, self._catch, self._keep = trainer, search, catch, keep
        self._model_init, self._folder = trainer.model_init, trainer.args.output_dir
        self._takes_config = number_of_arguments(trainer.model_init) > 0
        _check_names(search.space.parameters, trainer.args, self._takes_config)
        self._given = {
            name: getattr(trainer.args, name) for name in search.space.parameters if hasattr(trainer.args, name)
        }
        limit = "max_steps" if trainer.args.max_steps > 0 else "num_train_epochs"
        self._limit, self._most = (limit, getattr(trainer.args, limit)), largest
        self.amounts: tuple[float, ...] = (0, 0, 0)

    def __enter__(self) -> "_Runs":
        self._set({self._limit[0]: self._most})
        self._trainer.hp_search_backend = None  # the trainer's methods know only the backends that come with it
        return self

    def __exit__(self, *exception: object) -> None:
        self._trainer.model_init = self._model_init
        self._set({"output_dir": self._folder, **self._given, **dict([self._limit])})

    def train(self, trial: Trial) -> None:
        """Train a configuration, from budget to budget."""
        trainer = self._trainer
        self._set_up(trial)
        callback = BOHBCallback(self._search, trial, compute_objective=trainer.compute_objective)
        trainer.add_callback(callback)
        try:
            trainer.train(resume_from_checkpoint=trial.checkpoint)
        except (SettingError, KeyboardInterrupt, SystemExit):
            with suppress(TellConflict):
                self._search.forget(callback.trial)  # it did not fail, and is asked again
            raise
        except Exception as error:
            self._search.tell(callback.trial, error)
            if not isinstance(error, self._catch):
                raise
        finally:
            trainer.remove_callback(callback)
            more = callback.progress.trained, callback.progress.in_place, callback.progress.start
            self.amounts = tuple(sum(pair) for pair in zip(self.amounts, more, strict=True))
            trainer.model_wrapped, trainer.model = release_memory(trainer.model_wrapped, trainer.model)
            trainer.accelerator.clear()
        for path in self._search.releasable() if self._keep == "releasable" else ():
            if Path(path).is_relative_to(Path(self._folder).absolute()):
                shutil.rmtree(path, ignore_errors=True)

    def _set_up(self, trial: Trial) -> None:
        """Do what the trainer does for each trial of a backend that it knows."""
        trainer, args = self._trainer, self._trainer.args
        self._set(self._given)  # a parameter that is not active keeps nothing of the trial before
        for name, value in trial.config.items():
            if name in self._given:
                old = self._given[name]
                setattr(args, name, value if old is None else type(old)(value))
        run = f"run-{trial.config_id}" if trainer.hp_name is None else trainer.hp_name(trial)
        args.output_dir = str(Path(self._folder, run))
        trainer.model_init = partial(self._model_init, dict(trial.config)) if self._takes_config else self._model_init
        trainer._train_batch_size = args.train_batch_size  # noqa: SLF001 - as Trainer does
        trainer.create_accelerator_and_postprocess()

    def _set(self, arguments: Mapping[str, Any]) -> None:
        for name, value in arguments.items():
            setattr(self._trainer.args, name, value)


def _check_names(names: Iterable[str], args: Any, takes_config: bool) -> None:
    """Refuse parameters that are the budget, or that nothing would read."""
    for name in names:
        if name in ("num_train_epochs", "max_steps"):
            raise SettingError(f"expected a space without {name!r}, which is the budget; pass budgets= instead")
        if not hasattr(args, name) and not takes_config:
            raise SettingError(
                f"expected parameters with names of TrainingArguments, got {name!r}; if it is one of the model, let "
                "model_init take the configuration as its argument"
            )


def _budgets(args: Any) -> Any:
    """Return budgets from 1 to what the trainer trains."""
    most = args.max_steps if args.max_steps > 0 else args.num_train_epochs
    return geometric(min(1, most), int(most) if most == int(most) else most, eta=3)


def _num_told(search: Any) -> int:
    return sum(result.trial.id >= 0 for result in search.results)


def _register(known: Any) -> None:
    """Make `backend="bohb"` known; Transformers has no call for that. Without it, only the documentation is built."""
    if isinstance(known, type):
        member: Any = str.__new__(known, BOHBBackend.name)
        member._name_, member._value_ = "BOHB", BOHBBackend.name
        known._value2member_map_[BOHBBackend.name] = member  # type: ignore[attr-defined]
        ALL_HYPERPARAMETER_SEARCH_BACKENDS[member] = BOHBBackend


_register(HPSearchBackend)
