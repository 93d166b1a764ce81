"""Read a search space of Ray Tune, and give back configurations as its trials expect them: nested, in its values."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from ray.tune.search.sample import Categorical, Domain, Float, Integer, LogUniform, Normal, Quantized, Uniform
from ray.tune.search.variant_generator import parse_spec_vars
from ray.tune.utils.util import unflatten_dict

from bohb._text import brief
from bohb.errors import SpaceError

DEVIATIONS = 5
"""How many standard deviations a normal distribution reaches: a search needs bounds."""
AS_THEY_ARE = str | int | float | None
"""Choices of these types stay as they are if no two are equal; others are known by a text."""


class TuneSpace:
    """A search space of Ray Tune.

    Args:
        given: Distributions of `ray.tune` by name, nested as in a trial's `config`, beside constants. Without any
            distribution, it is a space as `bohb.Optimizer` takes it.

    Attributes:
        space: The space for `bohb.Optimizer`; nested names are joined by "/".

    Raises:
        SpaceError: If a distribution cannot be searched.
    """

    def __init__(self, given: Any) -> None:
        self._steps: dict[str, float] = {}
        self._choices: dict[str, dict[Any, Any]] = {}
        domains = _domains(given)
        self.space = {name: self._entry(name, domain) for name, domain in domains.items()} if domains else given

    def to_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration as Ray's trials see it."""
        values = dict(config)
        for name, step in self._steps.items():
            values[name] = type(values[name])(round(round(values[name] / step) * step, 12))
        for name, labels in self._choices.items():
            values[name] = labels[values[name]]
        nested: dict[str, Any] = unflatten_dict(values)
        return nested

    def from_tune(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration that a user gave in Ray's form, which may be a part of one."""
        flat = dict(self._flat(config))
        for name, labels in self._choices.items():
            if name in flat:
                flat[name] = _key_of(flat[name], labels)
        return flat

    def _flat(self, config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield values by their joined names; a dict that is a choice stays whole."""
        for key, value in config.items():
            name = f"{prefix}{key}"
            if isinstance(value, Mapping) and name not in self._choices:
                yield from self._flat(value, f"{name}/")
            else:
                yield name, value

    def to_state(self) -> dict[str, Any]:
        """Return what `to_tune` needs as JSON-able data, without the choices that have no JSON form."""
        kept = {name: list(labels.items()) for name, labels in self._choices.items() if _is_json(labels)}
        return {"steps": dict(self._steps), "choices": kept, "missing": sorted(set(self._choices) - set(kept))}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "TuneSpace":
        """Return a space that `to_tune` can use.

        Raises:
            SpaceError: If some choices had no JSON form.
        """
        if state["missing"]:
            raise SpaceError(
                f"expected param_space= in Tuner.restore, because the choices of {', '.join(state['missing'])} are not "
                "saved: they are no JSON values"
            )
        made = cls({})
        made._steps = dict(state["steps"])
        made._choices = {name: dict(labels) for name, labels in state["choices"].items()}
        return made

    def _entry(self, name: str, domain: Domain) -> Any:
        if isinstance(domain, Categorical):
            return {"choices": self._labelled(name, domain.categories)}
        sampler, step = domain.get_sampler(), None
        if isinstance(sampler, Quantized):
            sampler, step = sampler.get_sampler(), sampler.q
        if isinstance(domain, Integer) and isinstance(sampler, Uniform | LogUniform):
            return self._integers(name, domain, step, is_log=isinstance(sampler, LogUniform))
        if isinstance(domain, Float) and isinstance(sampler, Normal):
            return self._normal(name, sampler, step)
        if isinstance(domain, Float) and isinstance(sampler, Uniform | LogUniform):
            return self._floats(name, domain, step, is_log=isinstance(sampler, LogUniform))
        raise SpaceError(
            f"expected a distribution of ray.tune with bounds or choices for {name!r}, got {type(domain).__name__}; "
            "compute what depends on other values, as tune.sample_from does, in the function that trains"
        )

    def _labelled(self, name: str, values: Sequence[Any]) -> list[Any]:
        for value in values:
            if _has_domains(value):
                raise SpaceError(
                    f"expected choices without distributions in them for {name!r}, got {brief(value)}; name them at "
                    "the top, or give a space of ours with conditions: BOHBSearch(space=...)"
                )
        if _stay(values):
            return list(values)
        labels: dict[Any, Any] = {}
        for index, value in enumerate(values):
            label = _label(value, index)
            labels[label if _is_same(labels.get(label, value), value) else f"choice {index}"] = value
        self._choices[name] = labels
        return list(labels)

    def _integers(self, name: str, domain: Integer, step: float | None, *, is_log: bool) -> Any:
        """Ray's upper end is excluded, but for steps other than 1 it is included."""
        if step is None or step == 1:
            low, high = domain.lower, domain.upper - 1
        else:
            low, high = math.ceil(domain.lower / step) * step, math.floor(domain.upper / step) * step
        if low == high:
            return {"constant": low}
        if is_log and step is not None and step != 1:
            self._steps[name] = step
            return {"int": [low, high], "log": True}
        return {"int": [low, high], "log": is_log} | ({} if step is None else {"step": step})

    def _floats(self, name: str, domain: Float, step: float | None, *, is_log: bool) -> Any:
        if step is not None and is_log:
            self._steps[name] = step
        return {"float": [domain.lower, domain.upper], "log": is_log} | (
            {} if step is None or is_log else {"step": step}
        )

    def _normal(self, name: str, sampler: Normal, step: float | None) -> Any:
        from ConfigSpace import Float as Bounded
        from ConfigSpace import Normal as Prior

        if step is not None:
            self._steps[name] = step
        reach = DEVIATIONS * sampler.sd
        bounds = (sampler.mean - reach, sampler.mean + reach)
        return Bounded(name, bounds, distribution=Prior(sampler.mean, sampler.sd))


def _domains(given: Any) -> dict[str, Domain]:
    """Return the distributions in a space by their joined names; empty if there is none."""
    if not isinstance(given, Mapping):
        return {}
    _, domains, grids = parse_spec_vars(dict(given))
    if grids:
        raise SpaceError(
            f"expected distributions, got tune.grid_search for {'/'.join(map(str, grids[0][0]))!r}; "
            "use tune.choice, or Ray's own search without search_alg"
        )
    for path, _ in domains:
        if not all(isinstance(part, str) and "/" not in part for part in path):
            raise SpaceError(f"expected distributions in dicts, under names without a slash, got one at {brief(path)}")
    return {"/".join(path): domain for path, domain in domains}


def _has_domains(value: Any) -> bool:
    """Whether there is a distribution in a choice, which Ray's own search would draw from."""
    if isinstance(value, Domain):
        return True
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(_has_domains(part) for part in parts)


def _stay(values: Sequence[Any]) -> bool:
    """Whether choices can stay as they are; for a search 1, 1.0 and True are one value, and nan is none."""
    is_odd = any(isinstance(value, float) and not math.isfinite(value) for value in values)
    is_plain = all(isinstance(value, AS_THEY_ARE) and not isinstance(value, Enum) for value in values)
    return is_plain and not is_odd and len(set(values)) == len(values)


def _key_of(given: Any, labels: Mapping[Any, Any]) -> Any:
    """Return the text of a choice, or the choice itself if it is none; 1.0 is 1 if there is no 1.0."""
    exact_first = sorted(labels.items(), key=lambda item: type(item[1]) is not type(given))
    return next((key for key, value in exact_first if _is_same(value, given)), given)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two choices are the same one; arrays that are equal are not, because their `==` gives no answer."""
    try:
        return one is other or (isinstance(one, bool) == isinstance(other, bool) and bool(one == other))
    except Exception:  # whatever the values' own comparison raises
        return False


def _label(value: Any, index: int) -> Any:
    """Return the text under which the search knows a choice; the same in every process."""
    text = str(getattr(value, "__qualname__", None) or repr(value))
    return f"choice {index}" if " at 0x" in text or len(text) > 100 else text


def _is_json(labels: Mapping[Any, Any]) -> bool:
    """Whether choices are the same after they were written as JSON."""
    try:
        return repr(json.loads(json.dumps(list(labels.values())))) == repr(list(labels.values()))
    except (TypeError, ValueError):
        return False
