"""The search space: converts configurations between dicts and vectors, draws them, and tells which are valid.

Users define a space with ConfigSpace. The constructor reads it once, in ConfigSpace's own serialised form (see
`serialised.py`). After that, everything works on numpy arrays, because creating one of ConfigSpace's own configurations
takes longer than a whole ask, and importing ConfigSpace longer than anything else.

What works on vectors alone is in `vectors.py`.
"""

import copy
import json
from collections.abc import Mapping
from functools import cached_property, partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bohb._json import MAX_DEPTH, check_limits
from bohb._plain import entries, scalar
from bohb._text import brief
from bohb.arrays import Floats, Mask
from bohb.errors import ConfigError, SpaceError
from bohb.space import configspace, serialised
from bohb.space.columns import Columns
from bohb.space.constraints import Constraint, compile_constraint
from bohb.space.parameters import Categorical, Ordinal, Parameter
from bohb.space.pinned import Pinned
from bohb.space.priors import read_quantile
from bohb.space.stored import read_json
from bohb.space.values import check, of_text, tagged
from bohb.space.vectors import VectorSpace

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_DEPTH_OF_JSON = 2 * MAX_DEPTH + 16
"""How deep the JSON of a space may be nested: a tuple takes two levels, and nested clauses some more."""
_MISSING = object()


class Space(VectorSpace):
    """A search space, read from ConfigSpace.

    Args:
        space: A `ConfigurationSpace`, its JSON, or a mapping as in `short_form.py`. It is not modified, and later
            changes to it have no effect.

    Attributes:
        names: The names of all d parameters, each after the parameters that its conditions depend on.
        choices: `(d,)` the number of choices of a categorical parameter, 0 for any other.
        edges: `(d,)` for each parameter the `(N + 1,)` ascending edges in [0, 1] of the bins of its N ordered values;
            None for a categorical, a float, and more than 128 values.
        num_searched: The number of parameters that have more than one value.

    Raises:
        SpaceError: If the argument does not define a space, the space is empty, or it has a kind of parameter or
            constraint that is not known.
    """

    def __init__(self, space: "ConfigurationSpace | Mapping[str, Any]") -> None:
        is_json = isinstance(space, Mapping) and serialised.is_serialised(space)
        self._read(read_json(space) if is_json else configspace.describe(space))

    def _read(self, data: Mapping[str, Any]) -> None:
        """Read ConfigSpace's serialised form."""
        parts = serialised.in_order(data)
        self.names: tuple[str, ...] = tuple(part["name"] for part in parts)
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._parameters = [serialised.read_parameter(part) for part in parts]
        quantiles = map(read_quantile, parts, self._parameters)
        self._quantiles = {column: quantile for column, quantile in enumerate(quantiles) if quantile is not None}
        conditions = {self._columns[source["child"]]: source for source in data["conditions"]}
        self._conditions = {column: self._compile(conditions[column]) for column in sorted(conditions)}
        self._forbidden = [self._compile(clause) for clause in data["forbiddens"]]
        self.choices = np.array([parameter.num_choices for parameter in self._parameters], dtype=np.intp)
        self.edges = tuple(parameter.edges for parameter in self._parameters)
        self.num_searched = sum(parameter.num_values != 1 for parameter in self._parameters)
        self._decoders = [(name, parameter.decode) for name, parameter in self.parameters.items()]
        self._locators = [(name, parameter.locate) for name, parameter in self.parameters.items()]
        for name, parameter in self.parameters.items():
            for value in parameter.values:
                check(name, value)
        self._serialised = tagged(data)

    def _compile(self, source: serialised.Part) -> Constraint:
        return compile_constraint(source, self._columns, self._parameters)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameter of each name, in the order of `names`."""
        return dict(zip(self.names, self._parameters, strict=True))

    @cached_property
    def columns(self) -> Columns:
        """The kinds of the columns, as surrogates see them."""
        return Columns(self.choices, self.edges)

    # Values and vectors

    def decode(self, vector: Floats) -> dict[str, Any]:
        """Return the values of the active parameters as plain Python values, in the order of `names`.

        Args:
            vector: `(d,)`; a position out of range counts as the nearest legal one.
        """
        pairs = zip(self._decoders, vector.tolist(), strict=True)
        return {name: decode(u) for (name, decode), u in pairs if u == u}  # NaN is not equal to itself

    def encode(self, config: Mapping[str, Any]) -> Floats:
        """Return the `(d,)` vector of a configuration.

        Floats are rounded to about 13 significant digits. Integers are rounded where a float64 cannot tell them apart:
        in ranges of more than 2**50 values, and on a log scale that reaches beyond 10**12. So `decode` may return a
        rounded configuration; that one encodes to the same vector again.

        Raises:
            ConfigError: If a name is unknown, a value is not legal, an active parameter is missing, an inactive one is
                set, or the combination is forbidden.
        """
        row = self._positions(config)
        vector = np.array(row)
        if self._conditions or len(config) != len(row):
            self._check_activity(vector)
        if self._forbidden:
            self._check_forbidden(vector)
        return vector

    def _positions(self, config: Mapping[str, Any]) -> list[float]:
        """Return the position of every value in a configuration that may lack some; NaN for those."""
        config = _entries(config)
        row = []
        found = 0
        for name, locate in self._locators:
            value = config.get(name, _MISSING)
            if value is _MISSING:
                row.append(np.nan)
                continue
            found += 1
            position = locate(value)
            if position is None:
                position = locate(scalar(value))
            if position is None:
                kind = type(value).__name__
                raise ConfigError(f"expected {self._legal(name)} for {name!r}, got {brief(value)} ({kind}).")
            row.append(position)
        if found != len(config):
            unknown = [name for name in config if name not in self._columns]
            raise ConfigError(
                f"expected only names from {list(self.names)}, got {brief(unknown)}; remove the unknown ones."
            )
        return row

    def pinned(self, config: Mapping[str, Any]) -> "Space":
        """Return this space with some values fixed: whatever is drawn or snapped has these values.

        Args:
            config: At least one value; whether its parameters are active then depends on what is drawn, and a
                configuration in which one is inactive is not allowed.

        Raises:
            ConfigError: If a name is unknown, or a value is not legal.
        """
        row = self._positions(config)
        columns = [column for column, position in enumerate(row) if position == position]
        part = copy.copy(self)
        for of_parameters in ("_everything", "_finite"):
            part.__dict__.pop(of_parameters, None)
        part._parameters = [  # noqa: SLF001
            Pinned(parameter, position) if column in columns else parameter
            for column, (parameter, position) in enumerate(zip(self._parameters, row, strict=True))
        ]
        absent = Constraint(f"one of {list(config)} is inactive", partial(_lacks_any, columns), max(columns))
        part._forbidden = [*self._forbidden, absent]  # noqa: SLF001
        return part

    def canonical(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a valid configuration in plain Python values, in the order of `names`.

        Floats stay exactly as given. One that is out of range by rounding alone is set on the bound.

        Raises:
            ConfigError: As in `encode`.
        """
        return {
            name: self._bounded(name, config[name], value) for name, value in self.decode(self.encode(config)).items()
        }

    def check_values(self, config: Mapping[str, Any]) -> None:
        """Check the names and the values of a configuration that may lack some.

        Raises:
            ConfigError: If a name is unknown, or a value is not legal.
        """
        self._positions(config)

    def adapted(self, config: Mapping[str, Any], fill: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a configuration of another space is in this one, in plain Python values.

        Parameters that are unknown or inactive here are dropped. What is missing is filled; a parameter of one value
        has that. The text of a listed value, as tables and Optuna have those that are no text, is that value.

        Args:
            config: The configuration.
            fill: The values for parameters that are active here and missing in the configuration.

        Raises:
            ConfigError: If a value is not legal here, there is none for an active parameter, or the combination is
                forbidden.
        """
        config = _entries(config)
        vector, kept = np.full((1, len(self.names)), np.nan), {}
        for column, (name, parameter) in enumerate(self.parameters.items()):  # parents first
            condition = self._conditions.get(column)
            if condition is not None and not condition.holds(vector)[0]:
                continue
            value = config.get(name, fill.get(name, _MISSING))
            if value is _MISSING and parameter.num_values == 1:
                value = parameter.decode(0.0)
            if value is _MISSING:
                raise ConfigError(f"expected a value for {name!r}, got none; give one: fill={{{name!r}: ...}}.")
            kept[name] = of_text(value, parameter.values)
            vector[0, column] = self._positions({name: kept[name]})[column]
        return self.canonical(kept)

    def _bounded(self, name: str, given: Any, decoded: Any) -> Any:
        bounds = self._parameters[self._columns[name]].range
        if bounds is None or not isinstance(decoded, float):
            return decoded
        return min(max(float(scalar(given)), bounds.lower), bounds.upper)

    def _legal(self, name: str) -> str:
        return self._parameters[self._columns[name]].legal

    def _check_activity(self, vector: Floats) -> None:
        for column, name in enumerate(self.names):
            condition = self._conditions.get(column)
            is_active = condition is None or bool(condition.holds(vector[None])[0])
            is_set = not np.isnan(vector[column])
            if is_active and not is_set:
                reason = f" ({condition.text} holds)" if condition else ""
                raise ConfigError(f"expected a value for {name!r}{reason}, got none; give it {self._legal(name)}.")
            if is_set and condition and not is_active:
                raise ConfigError(f"expected no value for {name!r}, inactive unless {condition.text}; remove it.")

    def _check_forbidden(self, vector: Floats) -> None:
        for clause in self._forbidden:
            if clause.holds(vector[None])[0]:
                raise ConfigError(f"expected an allowed combination, got {self.decode(vector)}: {clause.text}.")

    # JSON

    def to_json(self) -> dict[str, Any]:
        """Return ConfigSpace's own serialised form, from which `from_json` restores the space.

        Raises:
            SpaceError: If JSON cannot represent the space, for example what a user noted in `meta`.
        """
        try:
            check_limits(self._serialised, max_depth=_DEPTH_OF_JSON)
            data: dict[str, Any] = json.loads(json.dumps(self._serialised, default=serialised.plain, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise SpaceError(f"expected a space that JSON can represent, got: {error}.") from error
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the space of which `to_json` returned the data. ConfigSpace is not needed.

        Raises:
            SpaceError: If the data are not a serialised space.
        """
        space = cls.__new__(cls)
        space._read(read_json(data))  # noqa: SLF001  (its own)
        return space

    def pack(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration for JSON: a value that JSON cannot represent becomes `{"choice": index}`.

        Raises:
            ConfigError: If a name is unknown, or a value is neither a JSON scalar nor one of the listed values.
        """
        return {
            # Nearly all values are such; a call for each would take most of the time to save a large search.
            name: value
            if type(value) in _SAME_IN_JSON or (type(value) is float and isfinite(value))
            else self._pack_value(name, value)
            for name, value in config.items()
        }

    def _pack_value(self, name: str, value: Any) -> Any:
        value = serialised.plain(value)
        if _is_json(value):
            return value
        parameter = self._parameter(name)
        index = parameter.index_of(value) if isinstance(parameter, Categorical | Ordinal) else None
        if index is None:
            raise ConfigError(f"expected {parameter.legal} for {name!r}, got {brief(value)}.")
        return {"choice": index}

    def unpack(self, packed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration of which `pack` returned the data; a listed value is the same object as before.

        Raises:
            ConfigError: If a name is unknown, or an index is out of range.
        """
        return {
            name: self._unpack_value(name, value) if isinstance(value, dict) else value
            for name, value in packed.items()
        }

    def _unpack_value(self, name: str, value: Mapping[str, Any]) -> Any:
        values, index = self._parameter(name).values, value.get("choice")
        if not isinstance(index, int) or not 0 <= index < len(values):
            raise ConfigError(
                f"expected {{'choice': index}} below {len(values)} for {name!r}, got {brief(dict(value))}."
            )
        return copy.deepcopy(values[index])

    def _parameter(self, name: str) -> Parameter:
        if name not in self._columns:
            raise ConfigError(f"expected a name from {list(self.names)}, got {name!r}.")
        return self._parameters[self._columns[name]]


def _entries(config: Any) -> dict[str, Any]:
    """Return what a configuration holds.

    Raises:
        ConfigError: If it is not a mapping that can be read.
    """
    given = entries(config)
    if given is None:
        raise ConfigError(f"expected a configuration as a mapping of names to values, got {brief(config)}.")
    return given


def _lacks_any(columns: list[int], vectors: Floats) -> Mask:
    return np.asarray(np.isnan(vectors[:, columns]).any(axis=1))


_SAME_IN_JSON = {str, int, bool, type(None)}


def _is_json(value: Any) -> bool:
    return type(value) in _SAME_IN_JSON or (type(value) is float and isfinite(value))
