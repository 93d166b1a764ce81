"""BOHB in Optuna: a sampler and a pruner for `optuna.create_study`. The objective stays as it is.

    study = optuna.create_study(sampler=BOHBSampler(seed=0), pruner=BOHBPruner(max_resource=27))

A value that `trial.report` brings at a budget is a result there. The pruner then asks the search whether it would go on
with this configuration, which is `Optimizer.proceed`, and stops the trial if not. If the search takes up a stopped
configuration later, Optuna gets a new trial with the same parameters; its user attribute `bohb:resumes` names the one
whose checkpoint can be resumed.

Everything that was decided lies in Optuna's storage, with the trials: see `scattered.py`.
"""

import json
import secrets
import threading
import warnings
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner, PatientPruner
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from bohb.budgets import Ladder, geometric, ladder
from bohb.errors import ConfigError, SettingError
from bohb.exchange.optuna import distribution_of
from bohb.exchange.optuna_trials import first_report, space_of
from bohb.integrations.optuna_storage import differs, failure, given, legal, log_of, read, show, write
from bohb.integrations.scattered import ScatteredSearch
from bohb.optimizer.presets import from_preset
from bohb.schedules import Population
from bohb.space import Space, checked_space
from bohb.trials import Failure, Trial

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from optuna import Study

    from bohb.space.parameters import Parameter

__all__ = ["BOHBPruner", "BOHBSampler"]

MAX_STEP = "bohb:max_resource"
"""The system attribute of a study that holds its largest budget, if that was found by a first trial."""
WHOLE = ladder([1])
"""The ladder without our pruner: a trial is one whole training."""


class BOHBSampler(BaseSampler):
    """Sample parameters with the model of `bohb`.

    With `BOHBPruner`, the search decides what to train next and how long. With another pruner, or none, each trial is
    one whole training, and a pruned one counts with its last value, as Optuna itself has it.

    Trials of the study that this sampler did not sample count as well, as far as they lie in the space.

    Args:
        search_space: The parameters: a dict of Optuna's distributions by name, or a space as `bohb.Optimizer` takes it,
            or both in one dict.
            Parameters outside of it are sampled at random, with a warning. None finds the parameters in the first
            trials; those are then random.
        seed: Makes the search repeatable, with one worker. None draws one. Give several processes different seeds.
        preset: As for `bohb.Optimizer`, but no population.

    Raises:
        ValueError: If the space, the seed or the preset is not valid.
    """

    def __init__(
        self,
        search_space: "Mapping[str, BaseDistribution] | Mapping[str, Any] | ConfigurationSpace | Space | None" = None,
        *,
        seed: int | None = None,
        preset: str = "default",
    ) -> None:
        self._declared = None if search_space is None else _declare(search_space)
        self._seed = secrets.randbits(63) if seed is None else seed
        self._preset = preset
        if from_preset(preset).make_schedule is Population:
            raise SettingError(f"expected a preset without a population, for which Optuna has no place; got {preset!r}")
        self._searches: WeakKeyDictionary[BaseStorage, dict[int, dict[str, ScatteredSearch]]] = WeakKeyDictionary()
        self._lock = threading.RLock()
        ScatteredSearch("", {"x": (0.0, 1.0)}, WHOLE, seed=self._seed, preset=preset)  # refuses what is wrong now

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the searches are read anew from the storage."""
        return self.__dict__ | {"_searches": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what was pickled."""
        self.__dict__.update(state, _searches=WeakKeyDictionary(), _lock=threading.RLock())

    # Optuna's interface.

    def before_trial(self, study: "Study", trial: FrozenTrial) -> None:
        """Ask for a trial that starts with all its parameters: Optuna calls nothing else for it."""
        if (trial.params or "fixed_params" in trial.system_attrs) and not study._is_multi_objective():  # noqa: SLF001
            search_space = self.infer_relative_search_space(study, trial)
            values = given(trial, search_space)
            with suppress(ConfigError):
                if values:
                    self._space(search_space).encode(values)  # nothing is missing
                    self.sample_relative(study, trial, search_space)

    def infer_relative_search_space(self, study: "Study", trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the declared space, or what the trials that are over have in common."""
        self._raise_error_if_multi_objective(study)
        if self._declared is not None:
            return dict(self._declared[1])  # PartialFixedSampler deletes what it fixes
        common = intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True)
        return {name: distribution for name, distribution in common.items() if not distribution.single()}

    def sample_relative(
        self, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters of the next trial of the search."""
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock:
            space, search = self._space(search_space), self._search(study, search_space)
            asked = None if search is None else self._ask(search, study, trial, search_space)
            config = self._draw(space, trial) if asked is None else asked.config
        return {name: legal(search_space[name], value) for name, value in config.items() if name in search_space}

    def _ask(
        self, search: ScatteredSearch, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Trial | None:
        """Return what the search asks for a trial; None if it has nothing new, or nothing with the enqueued values."""
        read(search, study)
        num_events = len(search.events)
        asked = search.start(trial.number, given(trial, search_space))
        if asked is not None:
            write(search, study, trial, num_events)
            resumes = search.before(trial.number, asked.config_id)
            facts = {"bohb:budget": asked.budget, "bohb:origin": str(asked.origin)}
            show(study, trial, facts if resumes is None else facts | {"bohb:resumes": resumes})
        return asked

    def _draw(self, space: Space, trial: FrozenTrial) -> dict[str, Any]:
        """Return a random configuration. It depends only on the seed and the number of the trial."""
        rng = np.random.Generator(np.random.Philox(key=np.array([self._seed, trial.number], dtype=np.uint64)))
        return space.decode(space.sample(rng, 1)[0][0])

    def sample_independent(
        self, study: "Study", trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a random value. It depends only on the seed, the number of the trial and the name."""
        self._raise_error_if_multi_objective(study)
        if self._declared is not None and param_name not in self._declared[1]:
            warnings.warn(f"{param_name!r} is not in the search space, so it is sampled at random", stacklevel=2)
        seed = zlib.crc32(f"{self._seed} {trial.number} {param_name}".encode())
        return RandomSampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: "Study", trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the search how the trial ended."""
        with self._lock:
            search = self._search_of(study, trial)
            running = None if search is None else search.running(trial.number)
            if search is None or running is None:
                return
            num_events, final = len(search.events), None
            outcome: float | Failure | None = failure(trial, state, running)
            if outcome is None and state is TrialState.COMPLETE and values is not None:
                final = values[0]
            if outcome is None and not (final is not None and running.budget == search.ladder[-1]):
                outcome = first_report(trial, running.budget)
            if outcome is None:
                outcome = Failure("pruned without a report") if values is None else values[0]
            search.end(trial.number, outcome, final)
            write(search, study, trial, num_events)

    # The search.

    def _space(self, search_space: dict[str, BaseDistribution]) -> Space:
        """Return our space for one of Optuna: the declared one, or, without some parameter, a new one."""
        if self._declared is not None and search_space == self._declared[1]:
            return self._declared[0]
        return checked_space(space_of(search_space))

    def should_prune(self, study: "Study", trial: FrozenTrial) -> bool:
        """Tell what the trial reported at its budget, and return whether the search would go on with another one."""
        with self._lock:
            search = self._search_of(study, trial)
            if search is None:
                return False
            running = search.running(trial.number)
            if running is not None and differs(trial, running):
                return False
            while running is not None and running.budget < search.ladder[-1]:
                value = first_report(trial, running.budget)
                if value is None:
                    return False
                read(search, study)
                num_events = len(search.events)
                running = search.reach(trial.number, value)
                write(search, study, trial, num_events)
                if running is not None:
                    show(study, trial, {"bohb:budget": running.budget})
            return running is None

    def _search(self, study: "Study", search_space: dict[str, BaseDistribution]) -> ScatteredSearch | None:
        """Return the search over a space; None if there is no parameter, or no ladder yet."""
        pruner = study.pruner
        while isinstance(pruner, PatientPruner) and pruner._wrapped_pruner is not None:  # noqa: SLF001
            pruner = pruner._wrapped_pruner  # noqa: SLF001
        budgets = pruner.ladder(study) if isinstance(pruner, BOHBPruner) else WHOLE
        if budgets is None or not search_space:
            return None
        space = self._space(search_space)
        direction = study.direction.name.lower()
        facts = json.dumps([space.to_json(), budgets.to_json(), direction, self._preset], sort_keys=True)
        key = f"{zlib.crc32(facts.encode()):08x}"
        known = self._of_study(study)
        if key not in known:
            settings = {"seed": self._seed, "preset": self._preset, "objectives": {"value": direction}}
            known[key] = ScatteredSearch(key, space, budgets, **settings)
        return known[key]

    def _of_study(self, study: "Study") -> dict[str, ScatteredSearch]:
        """Return the searches of a study: a sampler may serve several, and the space of one may change."""
        return self._searches.setdefault(study._storage, {}).setdefault(study._study_id, {})  # noqa: SLF001

    def _search_of(self, study: "Study", trial: FrozenTrial) -> ScatteredSearch | None:
        """Return the search that asked a trial; None if there is none that this process can know."""
        log = log_of(trial)
        if log is None:
            return None
        if log["search"] not in self._of_study(study):  # another process asked it
            self._search(study, self.infer_relative_search_space(study, trial))
        search = self._of_study(study).get(log["search"])
        if search is not None and not search.knows(trial.number):
            read(search, study)
        return search


class BOHBPruner(BasePruner):
    """Stop a trial at a budget that the search would not go on from. It needs `BOHBSampler`.

    The budgets are those of `bohb.geometric`, and a step of `trial.report` is a budget. The arguments have the names of
    `optuna.pruners.HyperbandPruner`.

    Args:
        min_resource: The smallest budget: no trial is stopped at an earlier step.
        max_resource: The largest budget, at which a training is complete. "auto" takes it from the first trial that
            completes, as one more than its last step, and stops none before.
        reduction_factor: The factor between one budget and the next.

    Raises:
        ValueError: If they are not valid.
    """

    def __init__(self, min_resource: int = 1, max_resource: int | str = "auto", reduction_factor: int = 3) -> None:
        if isinstance(max_resource, str) and max_resource != "auto":
            raise ValueError(f"expected an integer or 'auto' as max_resource, got {max_resource!r}")
        self._min, self._eta = min_resource, reduction_factor
        self._max = None if isinstance(max_resource, str) else max_resource
        geometric(min_resource, min_resource if self._max is None else self._max, eta=reduction_factor)

    def prune(self, study: "Study", trial: FrozenTrial) -> bool:
        """Return whether the trial is to stop.

        Raises:
            ValueError: If the study has another sampler.
        """
        sampler = study.sampler
        while isinstance(sampler, PartialFixedSampler):
            sampler = sampler._base_sampler  # noqa: SLF001
        if not isinstance(sampler, BOHBSampler):
            raise ValueError(
                f"expected BOHBSampler, whose search BOHBPruner asks where to stop, as the sampler of the study, got "
                f"{sampler}; pass sampler=BOHBSampler(), or another pruner"
            )
        return sampler.should_prune(study, trial)

    def ladder(self, study: "Study") -> Ladder | None:
        """Return the budgets of a study; None as long as no trial has shown the largest one."""
        largest = self._found(study) if self._max is None else self._max
        return None if largest is None else geometric(self._min, max(largest, self._min), eta=self._eta)

    def _found(self, study: "Study") -> int | None:
        """Return one more than the last step of the first complete trial, which is then the same for all processes."""
        known = study._storage.get_study_system_attrs(study._study_id).get(MAX_STEP)  # noqa: SLF001
        if known is not None:
            return int(known)
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        steps = [max(trial.intermediate_values) + 1 for trial in complete if trial.intermediate_values]
        if not steps:
            return None
        study._storage.set_study_system_attr(study._study_id, MAX_STEP, steps[0])  # noqa: SLF001
        return steps[0]


def _declare(space: Any) -> tuple[Space, dict[str, BaseDistribution]]:
    """Return a declared space, and its parameters for Optuna.

    Raises:
        ValueError: If it is no space.
    """
    items = space.items() if isinstance(space, Mapping) else ()
    theirs = {name: each for name, each in items if isinstance(each, BaseDistribution)}
    checked = checked_space({**space, **space_of(theirs)} if theirs else space)
    return checked, {name: theirs.get(name) or _distribution(each) for name, each in checked.parameters.items()}


def _distribution(parameter: "Parameter") -> BaseDistribution:
    found = distribution_of(parameter)
    return CategoricalDistribution(parameter.values) if isinstance(found, CategoricalDistribution) else found
