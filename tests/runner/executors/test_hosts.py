"""Sharing out the slots of hosts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb import SettingError
from bohb.runner.executors.hosts import parse_hosts, share_slots

hosts = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(hosts, st.integers(1, 6))
def test_slots_are_disjoint_and_complete(numbers: list[int], per_trial: int) -> None:
    """Every trial has its ranks, no host has more ranks than slots, and too few slots for one more trial are left."""
    text = ",".join(f"h{i}:{number}" for i, number in enumerate(numbers))
    if sum(numbers) < per_trial:
        with pytest.raises(SettingError, match=r"expected .* slots"):
            share_slots(None, per_trial, text)
        return
    shared = share_slots(None, per_trial, text)
    used: Counter[str] = Counter()
    for one in shared.hosts:
        assert sum(number for _, number in parse_hosts(one)) == per_trial
        used.update(dict(parse_hosts(one)))
    assert all(used[f"h{i}"] <= number for i, number in enumerate(numbers))
    assert sum(numbers) - sum(used.values()) < per_trial


def test_a_trial_stays_on_one_host_if_it_fits() -> None:
    """Only the remaining slots are combined across hosts."""
    assert share_slots(None, 2, "h1:3, h2:4,h3").hosts == ["h1:2", "h2:2", "h2:2", "h1:1,h3:1"]
    assert share_slots(4, 2, "h1:2,h2:4").hosts == ["h1:2", "h2:2"]
    assert share_slots(8, 2, None).hosts == ["localhost:2"] * 4
    assert share_slots(2, 1, None).is_local
    assert not share_slots(None, 1, "elsewhere:2").is_local


@pytest.mark.parametrize("text", ["", "h1:0", "h1:-2", "h1:2,", "h1;rm -rf:2", "h1:2,h1:3", "h1:two"])
def test_invalid_hosts_are_refused(text: str) -> None:
    """The error shows the form."""
    with pytest.raises(SettingError, match="as in 'h1:2,h2:4'"):
        parse_hosts(text)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "2"])
def test_slots_must_be_positive_integers(number: object) -> None:
    with pytest.raises(SettingError, match="positive integer as slots_per_trial"):
        share_slots(4, number, None)
