"""No system call that fails or is the last one costs a study of bohb a result; the control loses them."""

import pytest

from tests.campaign.common import campaign, table

CONTROL = "control, a JSON file"


def test_faults_on_files_lose_nothing():
    rows = table(campaign("syscalls", "--sample", "4", "--store", "bohb, SQLite", "--store", CONTROL))
    assert rows["bohb, SQLite"]["calls"] > 300
    assert rows["bohb, SQLite"]["runs"] == 24


@pytest.mark.slow
def test_a_study_is_created_as_a_whole_or_not_at_all():
    """A call that fails while the study is made leaves nothing that somebody takes for a study."""
    rows = table(campaign("syscalls", "--trials", "1", "--store", "bohb, SQLite", "--fault", "EIO"))
    assert rows["bohb, SQLite"]["runs"] > 30


def test_the_control_is_found_out():
    """Results that are lost or doubled, and files that cannot be opened, are all seen."""
    row = table(campaign("syscalls", "--trials", "5", "--store", CONTROL))[CONTROL]
    assert min(row["lost"], row["doubled"], row["unopenable"]) > 0


@pytest.mark.slow
def test_faults_on_all_stores_lose_nothing():
    """By hand, leave out `--sample`: then every call fails once."""
    rows = table(campaign("syscalls", "--sample", "4", "--restarts", "5"))
    assert len(rows) == 6
