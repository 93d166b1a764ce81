"""The contract of a store, as tests: a store that passes them can keep a study.

Inherit from `StoreContract` in a test file, and give it the fixture `target`:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def target(self, tmp_path):
            return f"mystore://{tmp_path}/study"
"""

import threading
from collections.abc import Iterable

import pytest

from bohb.optimizer import Optimizer
from bohb.study.stores.protocol import Log
from bohb.study.stores.registry import create, open_log
from bohb.study.stores.rows import Row, seal
from bohb.study.study import Study


class StoreContract:
    """What every store keeps. The fixture `target` names a new place in it, without a log, for each test.

    The store is found by the scheme of the target: register it before the tests run.
    """

    def test_there_is_no_log_before_it_is_created(self, target: str) -> None:
        """`open_log` returns None and makes nothing."""
        assert open_log(target) is None
        assert open_log(target) is None

    def test_rows_come_back_as_they_were_appended(self, target: str) -> None:
        """Text and time are equal to the last bit, also after the log was closed."""
        log = _filled(target, 1)
        facts = {"text": '\u20ac "\\ \x00 \ud800', "number": 0.1 + 0.2, "big": 10**30}
        with log.transaction(write=True) as moment:
            row = seal(moment.last, "told", facts, 1 / 3)
            log.append([row])
        for _ in range(2):
            with log.transaction(write=False) as moment:
                assert moment.last == row
                assert next(iter(log.read_after(1))) == row
            log.close()

    def test_rows_are_read_in_order_from_any_number_on(self, target: str) -> None:
        """`read_after` leaves out what comes before, and stops at the limit."""
        log = _filled(target, 5)
        with log.transaction(write=False):
            assert _numbers(log.read_after(0)) == [1, 2, 3, 4, 5]
            assert _numbers(log.read_after(3)) == [4, 5]
            assert _numbers(log.read_after(1, limit=2)) == [2, 3]
            assert _numbers(log.read_after(5)) == []
        log.close()

    def test_one_transaction_appends_several_rows(self, target: str) -> None:
        """All of them are there afterwards."""
        log = _filled(target, 1)
        with log.transaction(write=True) as moment:
            second = seal(moment.last, "told", {"id": 0}, moment.at)
            log.append([second, seal(second, "told", {"id": 1}, moment.at)])
        with log.transaction(write=False) as moment:
            assert moment.last.seq == 3
            assert _numbers(log.read_after(0)) == [1, 2, 3]
        log.close()

    def test_an_exception_rolls_back(self, target: str) -> None:
        """What was appended in the transaction is not there, for this log and for another one."""
        log, other = _filled(target, 2), _open(target)

        def append_and_fail() -> None:
            with log.transaction(write=True) as moment:
                log.append([seal(moment.last, "told", {"id": 9}, moment.at)])
                raise KeyError

        with pytest.raises(KeyError):
            append_and_fail()
        for one in (log, other):
            with one.transaction(write=False) as moment:
                assert moment.last.seq == 2
                assert _numbers(one.read_after(0)) == [1, 2]
            one.close()

    def test_a_writer_may_follow_a_rollback(self, target: str) -> None:
        """The lock is free again."""
        log = _filled(target, 2)
        with pytest.raises(KeyError), log.transaction(write=True):
            raise KeyError
        with log.transaction(write=True) as moment:
            log.append([seal(moment.last, "told", {"id": 9}, moment.at)])
        with log.transaction(write=False) as moment:
            assert moment.last.seq == 3
        log.close()

    def test_a_reader_sees_one_state(self, target: str) -> None:
        """While a reader is inside, a writer commits. The reader sees the old state, the next one the new state."""
        reader, writer = _filled(target, 2), _open(target)
        with reader.transaction(write=False) as moment:
            with writer.transaction(write=True) as newest:
                writer.append([seal(newest.last, "told", {"id": 9}, newest.at)])
                assert _numbers(reader.read_after(0)) == [1, 2]
            assert moment.last.seq == 2
            assert _numbers(reader.read_after(0)) == [1, 2]
        with reader.transaction(write=False) as moment:
            assert moment.last.seq == 3
        reader.close()
        writer.close()

    def test_a_second_writer_waits_for_the_first(self, target: str) -> None:
        """It begins after the commit, and finds the row that the first one appended."""
        log, other, order = _filled(target, 2), _open(target), list[object]()

        def write() -> None:
            with other.transaction(write=True) as moment:
                order.append(moment.last.seq)
            other.close()

        thread = threading.Thread(target=write)
        with log.transaction(write=True) as moment:
            thread.start()
            thread.join(0.2)
            log.append([seal(moment.last, "told", {"id": 9}, moment.at)])
            order.append("first")
        thread.join()
        assert order == ["first", 3]
        log.close()

    def test_a_closed_log_opens_again(self, target: str) -> None:
        """Closing twice is allowed, and the next transaction opens the log."""
        log = _filled(target, 2)
        log.close()
        log.close()
        with log.transaction(write=False) as moment:
            assert moment.last.seq == 2
        log.close()

    def test_creating_again_changes_nothing(self, target: str) -> None:
        """A log that is there stays as it is."""
        _filled(target, 3).close()
        create(target, _first)
        log = _open(target)
        with log.transaction(write=False) as moment:
            assert moment.last.seq == 3
        log.close()

    def test_one_of_many_creators_wins(self, target: str) -> None:
        """All find one and the same first row afterwards."""

        def make(number: int) -> None:
            create(target, lambda at: seal(None, "study", {"format": 1, "number": number}, at))

        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = _open(target)
        with log.transaction(write=False) as moment:
            assert moment.last.seq == 1
            assert list(log.read_after(0)) == [moment.last]
        log.close()

    def test_the_time_is_that_of_now(self, target: str) -> None:
        """`at` is a float and does not go back between two transactions."""
        log = _filled(target, 1)
        with log.transaction(write=False) as before:
            pass
        with log.transaction(write=True) as after:
            pass
        assert type(before.at) is type(after.at) is float
        assert before.last.at <= before.at <= after.at
        log.close()

    def test_studies_share_a_search(self, target: str) -> None:
        """Two studies that take turns ask what one optimizer asks, and a third one resumes the search."""
        optimizer = Optimizer({"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="hyperband")
        studies = [Study.open(target, {"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="hyperband") for _ in range(2)]
        for number in range(20):
            trial = optimizer.ask()
            assert studies[number % 2].ask() == trial
            loss = float("nan") if number % 6 == 5 else trial.config["x"]
            result = optimizer.tell(trial, loss)
            assert studies[number % 3 % 2].tell(trial, loss) == result
            if number % 12 == 5:
                optimizer.retry(trial)
                studies[number % 2].retry(trial)
        for study in studies:
            study.close()
        with Study.open(target) as study:
            assert study.results == optimizer.results
            assert study.ask() == optimizer.ask()


def _first(at: float) -> Row:
    return seal(None, "study", {"format": 1}, at)


def _open(target: str) -> Log:
    log = open_log(target)
    assert log is not None
    return log


def _filled(target: str, num_rows: int) -> Log:
    """Return a new log with rows."""
    create(target, _first)
    log = _open(target)
    for number in range(num_rows - 1):
        with log.transaction(write=True) as moment:
            log.append([seal(moment.last, "told", {"id": number}, moment.at)])
    return log


def _numbers(rows: Iterable[Row]) -> list[int]:
    return [row.seq for row in rows]
