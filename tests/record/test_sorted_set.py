"""A sorted set equals the sorted list of a plain set, whenever it is read and however changes are put in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.record import sorted_set
from bohb.record.sorted_set import SortedSet

CHANGES = st.lists(st.one_of(st.tuples(st.floats(0, 3), st.integers(0, 9)), st.just("look")))


@given(CHANGES, st.sampled_from([0, 2, 100]))
def test_it_is_a_set_in_order(changes, few):
    """An element comes, goes when it comes again, and may come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_set, "FEW", few)
        found, expected = SortedSet(), set()
        for change in changes:
            if change == "look":
                assert found.elements == sorted(expected)
                continue
            assert (change in found) == (change in expected)
            (found.remove if change in expected else found.add)(change)
            expected ^= {change}
            assert (change in found) == (change in expected)
            assert len(found) == len(expected)
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
