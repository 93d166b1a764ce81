"""The callback for `Trainer` of Hugging Face Transformers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from bohb.budgets import is_rounded
from bohb.errors import SettingError
from bohb.integrations._progress import Mode, Search, TrainingProgress
from bohb.trials import Trial

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
        check_arguments(args)
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


def check_arguments(args: Any) -> None:
    """Refuse arguments with which a trial could not be decided or resumed.

    Raises:
        SettingError: If there are several processes, or checkpoints are not kept whole.
    """
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
