"""Processes that share a study while others are killed lose nothing."""

import pytest

from tests.campaign.common import campaign, table


def test_a_small_crowd_loses_nothing():
    row = table(campaign("crowd", "--store", "sqlite", "--processes", "4", "--tells", "20", "--kills", "10"))["sqlite"]
    assert row["acknowledged"] == 80
    assert row["kills"] >= 9


@pytest.mark.slow
def test_a_crowd_loses_nothing():
    """By hand, it is 64 processes with 1,000 tells each, and 1,000 kills."""
    rows = table(campaign("crowd", "--processes", "8", "--tells", "100", "--kills", "100"))
    assert [row["acknowledged"] for row in rows.values()] == [800, 800]
