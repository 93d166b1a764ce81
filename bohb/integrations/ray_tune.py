"""BOHB for Ray Tune: a search algorithm and a scheduler that decide together.

The search algorithm holds the search. At a budget the scheduler asks it whether a trial goes on, or is paused until the
search promotes it. Everything that has to survive is in the state of the search algorithm, which Ray saves and restores
with its trials. The scheduler has settings only.
"""

import contextlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.result import DEFAULT_METRIC, DONE
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import UNDEFINED_METRIC_MODE, UNDEFINED_SEARCH_SPACE, Repeater, Searcher

from bohb._checks import integer, real
from bohb._plain import scalar
from bohb._text import brief
from bohb.budgets import geometric
from bohb.errors import OutcomeError, SettingError, SpaceExhausted, StateError
from bohb.integrations._paused import PausedTrainings
from bohb.integrations.ray_space import TuneSpace
from bohb.objectives import goal_of
from bohb.optimizer import Optimizer
from bohb.optimizer.outcomes import read_value
from bohb.trials import Failure

__all__ = ["BOHBScheduler", "BOHBSearch"]

log = logging.getLogger("bohb.integrations")


class BOHBSearch(Searcher):  # type: ignore[misc]  # where Ray is not installed, it has no type
    """A search algorithm of Ray Tune; use it with `BOHBScheduler`.

    A trial of Ray is a configuration. At each budget it goes on or is paused. `num_samples` is the number of
    configurations.

    Args:
        space: Distributions of `ray.tune`, or a space as `bohb.Optimizer` takes it. By default the `param_space`.
        metric: The metric to optimise, as in `tune.TuneConfig`.
        mode: `"min"` or `"max"`, as in `tune.TuneConfig`.
        points_to_evaluate: Configurations to begin with. What is missing in one is chosen.
        seed: Makes the search repeatable.
        max_concurrent: How many trials run at the same time; 0 for as many as the cluster has room for. Trials that are
            paused do not count. `max_concurrent_trials` of `tune.TuneConfig` sets it too.
        preset: As in `bohb.Optimizer`.

    Raises:
        SpaceError: If a distribution cannot be searched.
        SettingError: If another setting is not valid.
    """

    CKPT_FILE_TMPL = "bohb-search-{}.json"

    def __init__(
        self,
        space: Any = None,
        *,
        metric: str | None = None,
        mode: str | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        seed: int | None = None,
        max_concurrent: int = 0,
        preset: str = "default",
    ) -> None:
        _check_goal(metric, mode)
        super().__init__(metric=metric, mode=mode)
        self.trainings: PausedTrainings | None = None
        self.errors: dict[str, str] = {}
        self._space = None if space is None else TuneSpace(space)
        self._points = _checked_points(points_to_evaluate or ())
        self._seed, self._preset = seed, preset
        self._most = _checked_most(max_concurrent)
        self._time_attr = ""
        self._first: tuple[str, Mapping[str, Any]] | None = None
        self._unread: StateError | None = None

    @property
    def optimizer(self) -> Optimizer:
        """The search, which answers `incumbent`, `results`, `explain(...)` and `health()`.

        Raises:
            SettingError: If Ray has not begun yet.
        """
        if self.trainings is None:
            raise SettingError("expected a search that has begun; call fit() of the tuner first, or restore_from_dir")
        return self.trainings.optimizer

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **_: Any) -> bool:
        """Take what `tune.TuneConfig` says, and the space if none was given; return False if one was."""
        _check_goal(metric, mode)
        given = metric or self.metric or (DEFAULT_METRIC if mode or self.mode else None)
        self._metric, self._mode = given, mode or self.mode
        if self._space is not None:
            return False
        self._space = TuneSpace(config)
        return True

    def take_goal(self, metric: str | None, mode: str | None) -> None:
        """Take what the scheduler knows, because without a `param_space` Ray says the goal to nobody else."""
        self._metric, self._mode = self.metric or metric, self.mode or mode

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Limit how many trials run; paused ones do not count."""
        self._most = max_concurrent
        return True

    def suggest(self, trial_id: str) -> Any:
        """Return the configuration of a new trial; None if there is none now."""
        if self._unread is not None:
            raise self._unread
        if self._space is None:
            raise RuntimeError(UNDEFINED_SEARCH_SPACE.format(cls=type(self).__name__, space="space"))
        if self.trainings is None:
            return self._space.to_tune(self._suggest_first(trial_id, self._space))
        self.trainings.most = self._most
        try:
            config = self.trainings.start(trial_id)
        except SpaceExhausted:
            return Searcher.FINISHED
        return None if config is None else self._space.to_tune(config)

    def _suggest_first(self, trial_id: str, space: TuneSpace) -> Mapping[str, Any]:
        """Return the first configuration. It does not depend on the budgets, which only the scheduler knows."""
        if self._first is not None:
            raise SettingError("expected scheduler=BOHBScheduler(...) in tune.TuneConfig with BOHBSearch, got another")
        self._points = [space.from_tune(point) for point in self._points]
        self._first = (trial_id, self._started([1], self._points[:1], trial_id).optimizer.pending[0].config)
        return self._first[1]

    def begin(self, budgets: Sequence[Any], time_attr: str) -> PausedTrainings:
        """Return the trainings; start the search when the scheduler says the budgets for the first time.

        Raises:
            SettingError: If the search began with other budgets.
            RuntimeError: If nobody named a metric and a mode.
        """
        self._time_attr = time_attr
        if self.trainings is None:
            if not self.metric or not self.mode:
                names = {"metric": self.metric, "mode": self.mode}
                raise RuntimeError(UNDEFINED_METRIC_MODE.format(cls=type(self).__name__, **names))
            assert self._first is not None
            trial_id, config = self._first
            self.trainings = self._started(budgets, [config, *self._points[1:]], trial_id)
        began = list(self.optimizer.ladder)
        if began != list(budgets):
            raise SettingError(
                f"expected the budgets {began} with which the search began, got {list(budgets)}; give BOHBScheduler "
                "the same settings"
            )
        return self.trainings

    def _started(self, budgets: Sequence[Any], points: Sequence[Mapping[str, Any]], trial_id: str) -> PausedTrainings:
        assert self._space is not None
        objectives = {str(self.metric): "maximize" if self.mode == "max" else "minimize"}
        optimizer = Optimizer(self._space.space, budgets, seed=self._seed, preset=self._preset, objectives=objectives)
        self._seed = optimizer.seed
        for point in points:
            optimizer.enqueue(point)
        trainings = PausedTrainings(optimizer)
        trainings.start(trial_id)
        return trainings

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Tell the result of a trial that ended."""
        if self.trainings is None:
            return
        found = result or {}
        value: Any = self.read(found) if str(self.metric) in found else None
        if error:
            value = Failure(self.errors.pop(trial_id, "the trial of Ray ended with an error"))
        elif value is None and found.get(DONE):
            value = Failure(f"the training ended before it reported {self.metric!r}")
        self.trainings.complete(trial_id, value, _number(found.get(self._time_attr)), {"ray_trial": trial_id})

    def read(self, result: Mapping[str, Any]) -> float | Failure:
        """Return the value of the metric in a result; what is no number is a failure of its training."""
        try:
            return read_value(result[str(self.metric)], goal_of(self.optimizer))
        except OutcomeError as error:
            return Failure(str(error))

    def take_back_failure(self, trial: TuneTrial) -> None:
        """Go on with a trial that failed, because Ray runs it again, maybe under another id."""
        assert self.trainings is not None
        assert self._space is not None
        given = self._space.from_tune(trial.config)
        for name, config in self.trainings.failed.items():
            seen = self._space.from_tune(self._space.to_tune(config))
            if trial.trial_id == name or all(key in given and given[key] == value for key, value in seen.items()):
                self.trainings.retry(name, now=trial.trial_id)
                return

    def save(self, checkpoint_path: str) -> None:
        """Write the whole search as JSON."""
        trainings = None if self.trainings is None else self.trainings.to_state()
        space = None if self._space is None else self._space.to_state()
        settings = {"seed": self._seed, "metric": self.metric, "mode": self.mode}
        state = {**settings, "space": space, "trainings": trainings}
        Path(checkpoint_path).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Read what `save` wrote.

        Raises:
            SpaceError: If the space is not known yet, and has choices that could not be saved.
            StateError: If the file is incomplete. Ray only logs that, and so the next `suggest` raises it, too.
        """
        try:
            state = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        except ValueError as error:
            self._unread = StateError(
                f"expected the state of a search in {checkpoint_path}, got half a file: {error}; Ray was killed while "
                "it copied its snapshot, so begin a new experiment, with the best configurations as points_to_evaluate"
            )
            raise self._unread from error
        self._seed, self._metric, self._mode = state["seed"], state["metric"], state["mode"]
        if self._space is None and state["space"] is not None:
            self._space = TuneSpace.from_state(state["space"])
        self.trainings = None if state["trainings"] is None else PausedTrainings.from_state(state["trainings"])


class BOHBScheduler(TrialScheduler):  # type: ignore[misc]
    """The scheduler for `BOHBSearch`: it pauses trials at a budget, and resumes those that are promoted.

    The budgets are `grace_period`, `grace_period * reduction_factor` and so on up to `max_t`.

    Args:
        time_attr: The name in the results that says how far a trial is.
        metric: The metric to optimise, as in `tune.TuneConfig`.
        mode: `"min"` or `"max"`.
        max_t: The largest budget.
        reduction_factor: The ratio of neighbouring budgets.
        grace_period: The smallest budget.
        stop_last_trials: Whether to stop a trial at `max_t`.

    Raises:
        BudgetError: If these are no budgets.
    """

    _supports_buffered_results = False  # a trial must not run past its budget

    def __init__(
        self,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
        max_t: float = 81,
        reduction_factor: float = 3,
        grace_period: float = 1,
        stop_last_trials: bool = True,
    ) -> None:
        super().__init__()
        _check_goal(metric, mode)
        self._time_attr = time_attr
        self._metric, self._mode = metric, mode
        self._budgets = list(geometric(grace_period, max_t, eta=reduction_factor))
        self._stop_last_trials = stop_last_trials
        self._has_warned = False
        self._added: set[str] = set()

    def set_search_properties(self, metric: str | None, mode: str | None, **_: Any) -> bool:
        """Take what `tune.TuneConfig` says; return False if something else was given."""
        if (self._metric and metric) or (self._mode and mode):
            return False
        self._metric = metric or self._metric or DEFAULT_METRIC
        self._mode = mode or self._mode
        return True

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Begin with the first trial. After a restore, or a node that was lost, leave those trials paused that were."""
        search = _search(tune_controller)
        search.take_goal(self._metric, self._mode)
        self._check_goal(search)
        trainings = search.begin(self._budgets, self._time_attr)
        if trial.status == TuneTrial.PENDING:
            search.take_back_failure(trial)
            if trainings.is_paused(trial.trial_id) and trial.trial_id in self._added:
                tune_controller._set_trial_status(trial, TuneTrial.PAUSED)  # noqa: SLF001  (Ray lets schedulers call it)
            elif trainings.is_paused(trial.trial_id):
                trial.set_status(TuneTrial.PAUSED)  # Ray sorts it by its status after this call
        self._added.add(trial.trial_id)

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: Mapping[str, Any]) -> str:
        """Continue, pause or stop a trial."""
        search = _search(tune_controller)
        if search.metric == DEFAULT_METRIC and DEFAULT_METRIC not in result:
            raise SettingError(f"expected metric= in tune.TuneConfig, got none, and results with {brief(list(result))}")
        reached = _number(result.get(self._time_attr))
        if reached is None or search.metric not in result:
            self._warn_once(f"expected numbers under {self._time_attr!r} and {search.metric!r}, got {brief(result)}")
            return str(TrialScheduler.CONTINUE)
        trainings = search.begin(self._budgets, self._time_attr)
        info = {"ray_trial": trial.trial_id}
        decision = trainings.advance(trial.trial_id, reached, search.read(result), info)
        if decision == "pause":
            return str(TrialScheduler.PAUSE)
        is_over = decision == "stop" and self._stop_last_trials
        return str(TrialScheduler.STOP if is_over else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> "TuneTrial | None":
        """Return a trial that is new, or that is promoted. At the end stop those that stay paused."""
        trials = list(tune_controller.get_trials())
        if trials:
            trainings = _search(tune_controller).begin(self._budgets, self._time_attr)
            trainings.keep({trial.trial_id for trial in trials if not trial.is_finished()})
        pending = next((trial for trial in trials if trial.status == TuneTrial.PENDING), None)
        if pending is not None or not trials:
            return pending
        is_last = tune_controller.search_alg.is_finished()
        is_over = not trainings.resume(is_last=is_last) and is_last
        paused = [trial for trial in trials if trial.status == TuneTrial.PAUSED]
        for trial in paused if is_over else ():
            tune_controller.stop_trial(trial)
        return next((trial for trial in paused if trainings.is_running(trial.trial_id)), None)

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Keep the error, for when Ray gives the trial up."""
        file = trial.error_file
        text = "the trial of Ray ended with an error"
        with contextlib.suppress(OSError):
            text = Path(file).read_text(encoding="utf-8", errors="replace") if file else text
        _search(tune_controller).errors[trial.trial_id] = text

    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: Mapping[str, Any]) -> None:
        """Do nothing: Ray tells the search algorithm."""

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Do nothing: Ray tells the search algorithm."""

    def debug_string(self) -> str:
        """Return a line for Ray's status table."""
        return f"Using BOHB at {self._time_attr} = {', '.join(map(str, self._budgets))}."

    def _check_goal(self, search: BOHBSearch) -> None:
        """Refuse a goal that is not the one of the search algorithm, which decides."""
        metric = None if self._metric == DEFAULT_METRIC else self._metric
        mine, theirs = (metric, self._mode), (search.metric, search.mode)
        if any(one is not None and one != other for one, other in zip(mine, theirs, strict=True)):
            raise SettingError(f"expected metric and mode in BOHBScheduler as in BOHBSearch, {theirs}, got {mine}")

    def _warn_once(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("%s; a trial goes on until it ends by itself", text)


def _search(tune_controller: Any) -> BOHBSearch:
    """Return the search algorithm of an experiment, without what Ray wraps around it."""
    search = tune_controller.search_alg
    while not isinstance(search, BOHBSearch | Repeater) and hasattr(search, "searcher"):
        search = search.searcher
    if not isinstance(search, BOHBSearch):
        raise SettingError(
            f"expected search_alg=BOHBSearch() in tune.TuneConfig with BOHBScheduler, got {type(search).__name__}"
        )
    return search


def _number(value: Any) -> float | None:
    """Return how far a trial is; None if that is no finite number."""
    number = real(scalar(value))
    return number if number is not None and math.isfinite(number) else None


def _check_goal(metric: Any, mode: Any) -> None:
    if metric is not None and not isinstance(metric, str):
        raise SettingError(f"expected the name of one metric, got {brief(metric)}; name the one to optimise")
    if mode not in (None, "min", "max"):
        raise SettingError(f"expected 'min' or 'max' as mode, got {brief(mode)}")


def _checked_points(points: Any) -> list[Mapping[str, Any]]:
    found = [] if isinstance(points, Mapping) else list(points)
    if isinstance(points, Mapping) or not all(isinstance(point, Mapping) for point in found):
        raise SettingError(f"expected a list of configurations as points_to_evaluate, got {brief(points)}")
    return found


def _checked_most(value: Any) -> int:
    number = integer(value)
    if number is None or number < 0:
        raise SettingError(f"expected an integer from 0 as max_concurrent, got {brief(value)}")
    return number
