"""A sorted set equals the sorted list of a plain set, whenever it is read and however it applies changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.record import sorted_set
from bohb.record.sorted_set import SortedSet

CHANGES = st.lists(st.one_of(st.tuples(st.floats(0, 3), st.integers(0, 9)), st.just("read")))


@given(CHANGES, st.sampled_from([0, 2, 100]))
def test_it_equals_a_sorted_plain_set(changes, few):
    """Each change adds the element, or removes it if it is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_set, "FEW", few)
        found, expected = SortedSet(), set()
        for change in changes:
            if change == "read":
                assert found.elements == sorted(expected)
                continue
            assert (change in found) == (change in expected)
            (found.remove if change in expected else found.add)(change)
            expected ^= {change}
            assert (change in found) == (change in expected)
            assert len(found) == len(expected)
        assert found.elements == sorted(expected)
        assert found.elements is found.elements


def test_equality_depends_only_on_the_elements():
    one, two = SortedSet(), SortedSet()
    for number in (3, 1, 2):
        one.add(number)
    for number in (1, 2, 3, 4):
        two.add(number)
    assert one != two
    two.remove(4)
    assert one == two
    assert one != [1, 2, 3]
