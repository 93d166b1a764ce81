"""As many processes advise at once as the host has cores, and nobody waits for a seat for long."""

from contextlib import ExitStack

import pytest

import bohb
from bohb.study import seats
from bohb.study.seats import first_in, seat
from bohb.study.stores import queue
from tests.study.common import loss_of, most_inside, open_new

NUM_CORES = 3


@pytest.fixture(autouse=True)
def own_seats(tmp_path, monkeypatch):
    """Seats that no other process takes."""
    (tmp_path / "seats").mkdir()
    monkeypatch.setattr(seats, "_folder", lambda: tmp_path / "seats")
    monkeypatch.setattr("os.cpu_count", lambda: NUM_CORES)


@pytest.mark.skipif(not queue.HAS_QUEUES, reason="seats need flock")
def test_there_are_as_many_seats_as_cores(monkeypatch):
    monkeypatch.setattr(seats, "MAX_SECONDS", 600)
    assert most_inside(seat, num_threads=8, num_turns=20) <= NUM_CORES


@pytest.mark.parametrize("is_free", [True, False])
def test_whoever_finds_no_seat_goes_on_without_one(monkeypatch, is_free):
    """The control finds one, and does not wait."""
    monkeypatch.setattr(seats, "MAX_SECONDS", 0.05)
    waits = []
    wait = queue.Queue.wait
    monkeypatch.setattr(queue.Queue, "wait", lambda *arguments: waits.append(1) or wait(*arguments))
    with ExitStack() as stack:
        for _ in range(NUM_CORES - is_free):
            stack.enter_context(seat())
        with seat():
            pass
    assert len(waits) == (0 if is_free or not queue.HAS_QUEUES else 1)


@pytest.mark.parametrize("missing", ["folder", "system"])
def test_where_there_are_no_seats_nobody_waits(tmp_path, monkeypatch, missing):
    if missing == "folder":
        monkeypatch.setattr(seats, "_folder", lambda: tmp_path / "none" / "seats")
    else:
        monkeypatch.setattr(seats, "HAS_QUEUES", False)
    with ExitStack() as stack:
        for _ in range(2 * NUM_CORES):
            stack.enter_context(seat())


def test_a_study_works_while_all_seats_are_taken(target, monkeypatch):
    monkeypatch.setattr(seats, "MAX_SECONDS", 0.01)
    with open_new(target) as study, ExitStack() as stack:
        for _ in range(NUM_CORES):
            stack.enter_context(seat())
        for _ in range(5):
            study.tell(trial := study.ask(), loss_of(trial))
        assert len(study.results) == 5


@pytest.mark.skipif(not queue.HAS_QUEUES, reason="there is an order by flock")
def test_one_is_first_in_a_study_and_nothing_is_left_behind(tmp_path):
    before = set((tmp_path / "seats").iterdir())
    for _ in range(2):
        with first_in("one") as first, first_in("one") as second, first_in("other") as elsewhere:
            assert (first, second, elsewhere) == (True, False, True)
    assert set((tmp_path / "seats").iterdir()) == before


def test_where_there_is_no_folder_everybody_is_first(tmp_path, monkeypatch):
    monkeypatch.setattr(seats, "_folder", lambda: tmp_path / "none" / "seats")
    with first_in("one") as first, first_in("one") as second:
        assert first
        assert second


def test_what_other_studies_do_changes_no_search(tmp_path):
    """A study with one worker asks what an optimizer asks, while another study of the host is busy."""
    with open_new(tmp_path / "s.db", preset="default") as study, seat(), first_in("another"):
        optimizer = bohb.Optimizer(study.space, study.ladder, seed=study.seed)
        for _ in range(40):
            trial = study.ask()
            assert trial == optimizer.ask()
            study.tell(trial, loss_of(trial))
            optimizer.tell(trial, loss_of(trial))
