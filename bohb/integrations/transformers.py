"""A backend for `Trainer.hyperparameter_search`, and a callback for `Trainer`, of Hugging Face Transformers.

Budgets are epochs, or steps if the trainer has `max_steps`. A trial that was paused resumes from a checkpoint that the
trainer wrote: `trainer.train(resume_from_checkpoint=...)`.

Importing this file registers the backend under the name `"bohb"`.
"""

import math
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from accelerate.utils.memory import release_memory
from transformers import Trainer
from transformers.hyperparameter_search import ALL_HYPERPARAMETER_SEARCH_BACKENDS, HyperParamSearchBackendBase
from transformers.trainer_utils import BestRun, HPSearchBackend, number_of_arguments

from bohb._text import brief
from bohb.budgets import geometric
from bohb.budgets import ladder as read_ladder
from bohb.errors import SettingError, SpaceExhausted, TellConflict
from bohb.integrations._progress import pausable
from bohb.integrations.transformers_callback import BOHBCallback, check_arguments
from bohb.optimizer import Optimizer
from bohb.study import Study
from bohb.trials import Trial

__all__ = ["BOHBBackend", "BOHBCallback", "RunSummary", "pausable"]


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
        check_arguments(trainer.args)
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
        limit, most = self._limit
        self._set({"output_dir": self._folder, **self._given, limit: most})

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
