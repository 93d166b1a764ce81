"""A sorted set equals the sorted list of a plain set, whenever somebody looks and however changes are put in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb import _sorted_set
from bohb._sorted_set import SortedSet

CHANGES = st.lists(st.one_of(st.tuples(st.floats(0, 3), st.integers(0, 9)), st.sampled_from(["look", "sort"])))
LIMITS = st.sampled_from([(0, 0), (0, 3), (2, 100), (100, 10_000)])


@given(CHANGES, LIMITS)
def test_it_is_a_set_in_order(changes, limits):
    """An element comes, goes when it comes again, and may come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sorted_set, "FEW", limits[0])
        patch.setattr(_sorted_set, "MANY", limits[1])
        found, expected = SortedSet(), set()
        for change in changes:
            if change == "look":
                assert found.elements == sorted(expected)
            elif change == "sort":
                found.sort()
            else:
                assert (change in found) == (change in expected)
                (found.remove if change in expected else found.add)(change)
                expected ^= {change}
                assert change in found or change not in expected
        assert found.elements == sorted(expected)
        assert found.elements is found.elements


def test_sets_of_the_same_elements_are_equal_whatever_happened_to_them():
    one, two = SortedSet(), SortedSet()
    for number in (3, 1, 2):
        one.add(number)
    for number in (1, 2, 3, 4):
        two.add(number)
    assert one != two
    two.remove(4)
    assert one == two
    assert one != [1, 2, 3]
