"""The search space: configurations as dicts for users, as vectors for models, and which of them are valid.

ConfigSpace is how users declare a space. It is read once, in the constructor (see `configspace.py`). After that
everything runs on numpy columns, because building ConfigSpace's own objects costs more than a whole ask.

A configuration is a vector with one float per parameter: the index of the choice for a categorical, a position in
[0, 1] for everything else (see `parameters.py`), NaN where the parameter is inactive. Equal configurations have equal
vectors to the last bit, so that `vector.tobytes()` identifies a configuration.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bohb.errors import ConfigError, SpaceError
from bohb.space import configspace
from bohb.space.columns import Columns
from bohb.space.constraints import Clause, compile_clause
from bohb.space.parameters import Choice, Ordered, Scale

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Vectors = NDArray[np.float64]
MAX_ENUMERATED = 2**15
"""The largest number of configurations that are written out.

That is how those of a space with conditions or forbidden clauses are counted, and how the last new ones of any space
are found. Beyond, a new configuration is looked for by drawing until one is new.
"""

MAX_DRAWS = 10_000
"""How many draws `sample` may spend on each vector that it is to return."""

FEW_ROWS = 4
"""Up to here a loop over Python floats is faster than numpy's calls, with the same bits."""

_MISSING = object()


class Space:
    """A search space, read from ConfigSpace.

    Args:
        space: A `ConfigurationSpace`, or the mapping that `ConfigurationSpace(space=...)` accepts. It is not changed,
            and what happens to it later is not noticed.

    Attributes:
        names: Every parameter, parents before the parameters that depend on them.
        choices: `(d,)` the number of choices of a categorical parameter, 0 for every other.
        edges: For each parameter the `(N + 1,)` ascending edges in [0, 1] of the bins of its N ordered values; None
            for categoricals, floats, and more than 128 values.
        num_searched: How many parameters have more than one value.

    Raises:
        SpaceError: Not a space, an empty space, or one with parameters or clauses that are not known.
    """

    def __init__(self, space: "ConfigurationSpace | Mapping[str, Any]") -> None:
        source = configspace.read_space(space)
        parameters = list(source.values())  # ConfigSpace sorts by depth of the conditions, then by name
        self.names: tuple[str, ...] = tuple(parameter.name for parameter in parameters)
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._scales = [configspace.read_scale(parameter) for parameter in parameters]
        quantiles = map(configspace.read_quantile, parameters, self._scales)
        self._quantiles = {column: quantile for column, quantile in enumerate(quantiles) if quantile is not None}
        self._conditions = {
            column: self._compile(condition)
            for column, name in enumerate(self.names)
            for condition in source.parent_conditions_of[name]
        }
        self._forbidden = [self._compile(clause) for clause in source.forbidden_clauses]
        self.choices = np.array([scale.num_choices for scale in self._scales], dtype=np.intp)
        self.edges = tuple(scale.edges for scale in self._scales)
        self.num_searched = sum(scale.num_values != 1 for scale in self._scales)
        self._decoders = [(name, scale.decode) for name, scale in zip(self.names, self._scales, strict=True)]
        self._locators = [(name, scale.locate) for name, scale in zip(self.names, self._scales, strict=True)]
        self._serialised = configspace.serialise(source)

    def _compile(self, clause: Any) -> Clause:
        return compile_clause(clause, self._columns, self._scales)

    @cached_property
    def columns(self) -> Columns:
        """The columns without their names and values, as densities see them."""
        return Columns(self.choices, self.edges)

    # Values and vectors

    def decode(self, vector: Vectors) -> dict[str, Any]:
        """The values of the active parameters, in the order of `names`, as plain Python values.

        Args:
            vector: `(d,)`; positions out of range count as the nearest legal ones.
        """
        pairs = zip(self._decoders, vector.tolist(), strict=True)
        return {name: decode(u) for (name, decode), u in pairs if u == u}  # NaN is not equal to itself

    def encode(self, config: Mapping[str, Any]) -> Vectors:
        """The `(d,)` vector of a configuration.

        Floats are rounded to about 13 digits, and integers of a range wider than 2**50 (2**40 on a log scale) to as
        many digits as a float64 can tell apart there: what `decode` returns is exactly what was encoded only up to
        that rounding, and encodes to the same vector again.

        Raises:
            ConfigError: An unknown or an illegal value, an active parameter that is missing, an inactive one that is
                set, or a forbidden combination.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(f"expected a configuration as a mapping of names to values, got {config!r}.")
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
                raise ConfigError(f"expected {self._legal(name)} for {name!r}, got {value!r} ({type(value).__name__}).")
            row.append(position)
        if found != len(config):
            unknown = [name for name in config if name not in self._columns]
            raise ConfigError(f"expected only names from {list(self.names)}, got {unknown}; remove what is unknown.")
        vector = np.array(row)
        if self._conditions or found != len(row):
            self._check_activity(vector)
        if self._forbidden:
            self._check_forbidden(vector)
        return vector

    def _legal(self, name: str) -> str:
        return self._scales[self._columns[name]].legal

    def _check_activity(self, vector: Vectors) -> None:
        for column, name in enumerate(self.names):
            condition = self._conditions.get(column)
            is_active = condition is None or bool(condition.holds(vector[None])[0])
            is_set = not np.isnan(vector[column])
            if is_active and not is_set:
                why = f" ({condition.text} holds)" if condition else ""
                raise ConfigError(f"expected a value for {name!r}{why}, got none; give it {self._legal(name)}.")
            if is_set and condition and not is_active:
                raise ConfigError(f"expected no value for {name!r}, inactive unless {condition.text}; remove it.")

    def _check_forbidden(self, vector: Vectors) -> None:
        for clause in self._forbidden:
            if clause.holds(vector[None])[0]:
                raise ConfigError(f"expected an allowed combination, got {self.decode(vector)}: {clause.text}.")

    def snap(self, vectors: Vectors) -> Vectors:
        """`encode(decode(v))` of each row, bit for bit, but for the checks: which rows are valid is not looked at.

        Values of a grid go to the centres of their bins, floats to the nearest position of a rounded value. Snap
        before `deactivate`: a condition may compare a number that moves.

        Args:
            vectors: `(n, d)`, NaN where inactive.

        Returns:
            A new `(n, d)` array.
        """
        if len(vectors) <= FEW_ROWS:
            return np.array([self._snap_row(row) for row in vectors.tolist()]).reshape(vectors.shape)
        snapped = np.empty(vectors.shape)
        for column, scale in enumerate(self._scales):
            snapped[:, column] = scale.snap(vectors[:, column])
        snapped[np.isnan(snapped)] = np.nan  # one NaN of many
        return snapped

    def _snap_row(self, row: list[float]) -> list[float]:
        return [scale.place(scale.decode(u)) if u == u else np.nan for scale, u in zip(self._scales, row, strict=True)]

    # What is active, and what is allowed

    def deactivate(self, vectors: Vectors) -> Vectors:
        """A copy in which exactly the inactive parameters are NaN.

        Args:
            vectors: `(n, d)`; every parameter that should be active has a value.
        """
        vectors = np.array(vectors)
        for column, condition in self._conditions.items():  # parents first
            vectors[~condition.holds(vectors), column] = np.nan
        return vectors

    def is_allowed(self, vectors: Vectors) -> NDArray[np.bool_]:
        """Whether no forbidden clause applies: `(n,)` verdicts on `(n, d)` vectors, NaN where inactive."""
        allowed = np.ones(len(vectors), dtype=bool)
        for clause in self._forbidden:
            allowed &= ~clause.holds(vectors)
        return allowed

    # Random and all configurations

    def scatter(self, rng: np.random.Generator, num: int) -> Vectors:
        """Returns `(num, d)` vectors drawn evenly, whatever the space declares; forbidden and inactive values too."""
        positions = rng.random((num, len(self.names)))
        return np.where(self.choices > 0, np.floor(positions * self.choices), positions)

    def sample(self, rng: np.random.Generator, num: int) -> tuple[Vectors, int]:
        """Draws from the distribution that the space declares: weights, normal, beta, uniform, log-uniform.

        Forbidden draws are rejected. If that takes more than `MAX_DRAWS` draws for each vector, a space that can be
        enumerated is drawn from uniformly instead.

        Args:
            rng: The only source of randomness.
            num: How many vectors.

        Returns:
            `(num, d)` valid vectors, and how many draws were rejected.

        Raises:
            SpaceError: Nearly everything is forbidden, and the space cannot be enumerated.
        """
        if not self._forbidden:
            return self._draw(rng, num), 0
        accepted = np.empty((0, len(self.names)))
        drawn = 0
        while (missing := num - len(accepted)) and drawn < MAX_DRAWS * num:
            batch = self._draw(rng, min(max(missing, drawn), MAX_DRAWS * num - drawn, 2**16))
            places = np.flatnonzero(self.is_allowed(batch))[:missing]
            accepted = np.concatenate([accepted, batch[places]])
            drawn += len(batch) if len(places) < missing else int(places[-1]) + 1  # what comes after was not needed
        rejected = drawn - len(accepted)
        if missing:
            accepted = np.concatenate([accepted, self._pick(rng, missing, drawn, rejected)])
        return accepted, rejected

    def _draw(self, rng: np.random.Generator, num: int) -> Vectors:
        """`(num, d)` draws, of which some may be forbidden."""
        vectors = rng.random((num, len(self.names)))
        for column, quantile in self._quantiles.items():
            vectors[:, column] = quantile(vectors[:, column])
        return self.deactivate(self.snap(vectors))

    def _pick(self, rng: np.random.Generator, num: int, drawn: int, rejected: int) -> Vectors:
        """`(num, d)` of all valid configurations, each as likely as any other."""
        everything = self._everything
        if everything is None or not len(everything):
            raise SpaceError(
                f"expected to find allowed configurations at random, got {drawn - rejected} in {drawn} draws "
                f"(acceptance rate {1 - rejected / drawn:.2g}); use conditions instead, or narrower ranges."
            )
        return everything[rng.integers(len(everything), size=num)]

    @property
    def size(self) -> int | None:
        """The number of valid configurations; None if there are infinitely many, or too many to be counted."""
        if not self._conditions and not self._forbidden:
            nums = [scale.num_values for scale in self._scales]
            return None if None in nums else prod(num for num in nums if num is not None)
        return None if self._everything is None else len(self._everything)

    def enumerate(self) -> Vectors:
        """All valid vectors in a fixed order: `(size, d)`, read-only.

        Raises:
            SpaceError: The space is infinite, or has more than `MAX_ENUMERATED` configurations.
        """
        if self._everything is None:
            raise SpaceError(
                f"expected a finite space of at most {MAX_ENUMERATED} configurations, got size {self.size}; "
                "draw with sample() instead."
            )
        return self._everything

    @cached_property
    def _everything(self) -> Vectors | None:
        """Grown column by column, parents first, so that inactive parameters do not multiply the rows."""
        rows = np.empty((1, 0))
        for column, scale in enumerate(self._scales):
            condition = self._conditions.get(column)
            active = np.ones(len(rows), dtype=bool) if condition is None else condition.holds(rows)
            num = 1 if not active.any() else scale.num_values
            if num is None or num * int(active.sum()) + int((~active).sum()) > MAX_ENUMERATED:
                return None
            points = scale.points() if active.any() else np.empty(0)
            counts = np.where(active, num, 1)
            grown = np.repeat(active, counts)
            values = np.full(len(grown), np.nan)
            values[grown] = np.tile(points, int(active.sum()))
            rows = np.column_stack([np.repeat(rows, counts, axis=0), values])
            for clause in self._forbidden:
                if clause.last == column:
                    rows = rows[~clause.holds(rows)]
        rows.setflags(write=False)
        return rows

    # JSON

    def to_json(self) -> dict[str, Any]:
        """ConfigSpace's serialised form; `from_json` restores the space from it, also after a trip through JSON.

        Raises:
            SpaceError: The space has values that JSON cannot carry exactly, for example tuples.
        """
        for name, scale in zip(self.names, self._scales, strict=True):
            for value in scale.values:
                if not _is_json(value):
                    raise SpaceError(
                        f"expected values that JSON carries exactly (str, int, float, bool, None), got {value!r} for "
                        f"{name!r}; declare a name for each such value, and look the value up where it is used."
                    )
        try:
            data: dict[str, Any] = json.loads(json.dumps(self._serialised, default=configspace.plain, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise SpaceError(
                f"expected a space that JSON can carry, but: {error}; declare names for what it cannot, as choices."
            ) from error
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Restores what `to_json` returned.

        Raises:
            SpaceError: The data are not a serialised space.
        """
        return cls(configspace.deserialise(data))

    def pack(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as JSON can carry it: what is not a JSON scalar becomes `{"choice": index}`.

        Raises:
            ConfigError: A value that is neither a JSON scalar nor one of the declared values, or an unknown name.
        """
        return {name: self._pack_value(name, value) for name, value in config.items()}

    def _pack_value(self, name: str, value: Any) -> Any:
        value = configspace.plain(value)
        if _is_json(value):
            return value
        scale = self._scale_of(name)
        index = scale.index_of(value) if isinstance(scale, Choice | Ordered) else None
        if index is None:
            raise ConfigError(f"expected {scale.legal} for {name!r}, got {value!r}.")
        return {"choice": index}

    def unpack(self, packed: Mapping[str, Any]) -> dict[str, Any]:
        """The exact inverse of `pack`: declared values come back as the very objects that were declared.

        Raises:
            ConfigError: An unknown name, or an index that is not declared.
        """
        return {
            name: self._unpack_value(name, value) if isinstance(value, Mapping) else value
            for name, value in packed.items()
        }

    def _unpack_value(self, name: str, value: Mapping[str, Any]) -> Any:
        values, index = self._scale_of(name).values, value.get("choice")
        if not isinstance(index, int) or not 0 <= index < len(values):
            raise ConfigError(f"expected {{'choice': index}} below {len(values)} for {name!r}, got {dict(value)}.")
        return values[index]

    def _scale_of(self, name: str) -> Scale:
        if name not in self._columns:
            raise ConfigError(f"expected a name from {list(self.names)}, got {name!r}.")
        return self._scales[self._columns[name]]


def _is_json(value: Any) -> bool:
    return type(value) in (str, int, bool, type(None)) or (type(value) is float and isfinite(value))
