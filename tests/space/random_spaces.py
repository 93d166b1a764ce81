"""Random spaces of ConfigSpace, for the property tests."""

from typing import Any

import ConfigSpace as CS  # noqa: N817
import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from bohb.errors import SpaceError
from bohb.space import Space


@st.composite
def hyperparameters(draw: st.DrawFn, name: str, finite: bool = False) -> Any:
    low = draw(st.integers(-3, 3))
    kinds = [
        st.just(CS.UniformIntegerHyperparameter(name, low, low + draw(st.integers(1, 4)))),
        st.just(CS.UniformIntegerHyperparameter(name, 1, draw(st.integers(2, 6)), log=True)),
        st.just(CS.NormalIntegerHyperparameter(name, 1.0, 2.0, -2, 3)),
        st.just(CS.CategoricalHyperparameter(name, ["a", "b", None, 1, (1, 2)][: draw(st.integers(1, 5))])),
        st.just(CS.CategoricalHyperparameter(name, [True, 2.5, "1", False], weights=[1, 2, 3, 0.5])),
        st.just(CS.OrdinalHyperparameter(name, [3, 1, 2][: draw(st.integers(1, 3))])),
        st.just(CS.Constant(name, draw(st.sampled_from(["x", 1, 0.5, None])))),
    ]
    if not finite:
        kinds += [
            st.just(CS.UniformFloatHyperparameter(name, low, low + 2)),
            st.just(CS.UniformFloatHyperparameter(name, 1e-4, 1.0, log=True)),
            st.just(CS.BetaFloatHyperparameter(name, 2.0, 3.0, low, low + 1)),
        ]
    return draw(st.one_of(kinds))


def example_values(parameter: Any) -> list[Any]:
    if isinstance(parameter, CS.CategoricalHyperparameter):
        return list(parameter.choices)
    if isinstance(parameter, CS.OrdinalHyperparameter):
        return list(parameter.sequence)
    if isinstance(parameter, CS.Constant):
        return [parameter.value]
    if isinstance(parameter.lower, int):
        return list(range(parameter.lower, parameter.upper + 1))
    return [parameter.lower, float(parameter.default_value), parameter.upper]


@st.composite
def comparison_conditions(draw: st.DrawFn, child: Any, parent: Any) -> Any:
    values = example_values(parent)
    classes = [CS.EqualsCondition, CS.NotEqualsCondition, CS.InCondition]
    if parent.ORDERABLE:
        classes += [CS.LessThanCondition, CS.GreaterThanCondition]
    kind = draw(st.sampled_from(classes))
    if kind is CS.InCondition:
        return kind(child, parent, draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
    return kind(child, parent, draw(st.sampled_from(values)))


@st.composite
def comparison_clauses(draw: st.DrawFn, parameter: Any) -> Any:
    values = example_values(parameter)
    classes = [CS.ForbiddenEqualsClause, CS.ForbiddenInClause]
    if parameter.ORDERABLE:
        classes += [CS.ForbiddenLessThanClause, CS.ForbiddenGreaterThanClause, CS.ForbiddenLessThanEqualsClause]
    kind = draw(st.sampled_from(classes))
    if kind is CS.ForbiddenInClause:
        return kind(parameter, draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
    return kind(parameter, draw(st.sampled_from(values)))


@st.composite
def forbidden_clauses(draw: st.DrawFn, members: list[Any]) -> Any:
    numbers = [one for one in members if all(type(value) in (int, float) for value in example_values(one))]
    if len(numbers) >= 2 and draw(st.booleans()):
        left, right = draw(st.permutations(numbers))[:2]
        relations = [CS.ForbiddenLessThanRelation, CS.ForbiddenGreaterThanRelation]
        if not any(isinstance(one, CS.hyperparameters.FloatHyperparameter) for one in (left, right)):
            # ConfigSpace scales floats to [0, 1] and back before it compares them, so the last bit is arbitrary.
            relations += [CS.ForbiddenEqualsRelation, CS.ForbiddenLessThanEqualsRelation]
        return draw(st.sampled_from(relations))(left, right)
    chosen = draw(st.permutations(members))[: draw(st.integers(1, 3))]
    parts = [draw(comparison_clauses(one)) for one in chosen]
    if len(parts) == 1:
        return parts[0]
    return draw(st.sampled_from([CS.ForbiddenAndConjunction, CS.ForbiddenOrConjunction]))(*parts)


@st.composite
def spaces(draw: st.DrawFn, finite: bool = False) -> CS.ConfigurationSpace:
    order = draw(st.permutations("abcdef"))[: draw(st.integers(1, 6))]
    members = [draw(hyperparameters(name, finite)) for name in order]
    space = CS.ConfigurationSpace()
    space.add(members)
    # One kind of conjunction per space: to ConfigSpace, an And and an Or of equal parts are the same condition.
    conjunction = draw(st.sampled_from([CS.AndConjunction, CS.OrConjunction]))
    for index, child in enumerate(members[1:], start=1):
        num_parents = draw(st.sampled_from([0, 1, 1, 2]))
        parents = draw(st.permutations(members[:index]))[:num_parents]
        parts = [draw(comparison_conditions(child, parent)) for parent in parents]
        if parts:
            try:
                space.add(parts[0] if len(parts) == 1 else conjunction(*parts))
            except ValueError:  # "not equal" to an inactive value: ConfigSpace contradicts itself
                reject()
    for _ in range(draw(st.integers(0, 3))):
        clause = draw(forbidden_clauses(members))
        clause.set_vector_idx(space.index_of)
        if not clause.is_forbidden_vector(space.get_default_configuration().get_array()):
            space.add(clause)
    try:
        Space(space).sample(np.random.default_rng(0), 1)
    except SpaceError:  # the clauses leave a single point of a float, which no draw hits
        reject()
    return space


def draw_anything(space: Space, seed: int, num: int) -> np.ndarray:
    """Vectors with a value for every parameter, active or not, forbidden or not."""
    u = np.random.default_rng(seed).random((num, len(space.names)))
    return space.snap(np.where(space.choices > 0, np.floor(u * np.maximum(space.choices, 1)), u))


DISTRIBUTIONS = [
    CS.UniformFloatHyperparameter("x", -2.0, 5.0),
    CS.UniformFloatHyperparameter("x", 1e-4, 10.0, log=True),
    CS.NormalFloatHyperparameter("x", 0.5, 0.4, 0.0, 2.0),
    CS.NormalFloatHyperparameter("x", 3.0, 0.4, 0.0, 2.0),
    CS.NormalFloatHyperparameter("x", -1.0, 0.3, 0.0, 2.0),
    CS.NormalFloatHyperparameter("x", -50.0, 1.0, 0.0, 2.0),
    CS.NormalFloatHyperparameter("x", 52.0, 1.0, 0.0, 2.0),
    CS.NormalFloatHyperparameter("x", 0.01, 0.5, 1e-3, 1.0, log=True),
    CS.BetaFloatHyperparameter("x", 2.0, 5.0, -1.0, 1.0),
    CS.BetaFloatHyperparameter("x", 3.0, 1.5, 1e-3, 1.0, log=True),
    CS.UniformIntegerHyperparameter("x", -3, 6),
    CS.UniformIntegerHyperparameter("x", 0, 10**15),
    CS.UniformIntegerHyperparameter("x", 1, 12, log=True),
    CS.UniformIntegerHyperparameter("x", 1, 10**9, log=True),
    CS.UniformIntegerHyperparameter("x", 1, 10**15, log=True),
    CS.NormalIntegerHyperparameter("x", 4.0, 2.0, 0, 9),
    CS.NormalIntegerHyperparameter("x", 4.0, 2.0, 1, 9, log=True),
    CS.BetaIntegerHyperparameter("x", 2.0, 4.0, 0, 9),
    CS.BetaIntegerHyperparameter("x", 2.0, 4.0, 1, 9, log=True),
    CS.CategoricalHyperparameter("x", [0, 1, 2, 3, 4]),
    CS.CategoricalHyperparameter("x", [0, 1, 2, 3], weights=[5, 0, 1, 2]),
    CS.OrdinalHyperparameter("x", [0, 1, 2, 3]),
]
