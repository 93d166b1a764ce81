"""The contract of a log, which every store keeps."""

import threading

import pytest

from bohb.errors import StudyUnavailable
from bohb.study.stores.registry import create, open_log
from bohb.study.stores.rows import seal


def first(at):
    return seal(None, "study", {"format": 1}, at)


def fill(target, num):
    """Makes a log with `num` rows."""
    create(target, first)
    log = open_log(target)
    for i in range(num - 1):
        with log.transaction(write=True) as moment:
            log.append([seal(moment.last, "told", {"id": i}, moment.at)])
    return log


def numbers(rows):
    return [row.seq for row in rows]


def test_there_is_no_log_before_it_is_created(target):
    assert open_log(target) is None


def test_what_is_appended_is_read_again_to_the_last_bit(target):
    """Text and time come back as they went in."""
    log = fill(target, 1)
    with log.transaction(write=True) as moment:
        row = seal(moment.last, "told", {"text": '\u20ac "\\ \x00 \ud800', "number": 0.1 + 0.2, "big": 10**30}, 1 / 3)
        log.append([row])
    with log.transaction(write=False) as moment:
        assert moment.last == row
        assert next(iter(log.read_after(1))) == row
    log.close()


def test_rows_are_read_in_order_from_any_number_on(target):
    log = fill(target, 5)
    with log.transaction(write=False):
        assert numbers(log.read_after(0)) == [1, 2, 3, 4, 5]
        assert numbers(log.read_after(3)) == [4, 5]
        assert numbers(log.read_after(1, limit=2)) == [2, 3]
        assert numbers(log.read_after(5)) == []
    log.close()


def test_an_exception_takes_back_what_was_appended(target):
    log = fill(target, 2)
    with pytest.raises(KeyError), log.transaction(write=True) as moment:
        log.append([seal(moment.last, "told", {"id": 9}, moment.at)])
        raise KeyError
    with log.transaction(write=False) as moment:
        assert moment.last.seq == 2
    log.close()


def test_a_reader_sees_one_state_and_nobody_waits(target):
    """While a reader is inside, a writer comes and goes; the reader does not notice, the next one does."""
    reader, writer = fill(target, 2), open_log(target)
    with reader.transaction(write=False) as moment:
        with writer.transaction(write=True) as newest:
            writer.append([seal(newest.last, "told", {"id": 9}, newest.at)])
            assert numbers(reader.read_after(0)) == [1, 2]
        assert moment.last.seq == 2
        assert numbers(reader.read_after(0)) == [1, 2]
    with reader.transaction(write=False) as moment:
        assert moment.last.seq == 3
    reader.close()
    writer.close()


def test_a_second_writer_waits_for_the_first(target):
    log, other, order = fill(target, 2), open_log(target), []

    def write():
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


def test_a_closed_log_is_found_again(target):
    log = fill(target, 2)
    log.close()
    log.close()
    with log.transaction(write=False) as moment:
        assert moment.last.seq == 2
    log.close()


def test_creating_twice_keeps_the_first(target):
    fill(target, 3).close()
    create(target, first)
    log = open_log(target)
    with log.transaction(write=False) as moment:
        assert moment.last.seq == 3
    log.close()


def test_of_many_creators_one_wins(target):
    """They all find the same first row afterwards."""
    threads = [
        threading.Thread(target=create, args=(target, lambda at, i=i: seal(None, "study", {"format": 1, "i": i}, at)))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = open_log(target)
    with log.transaction(write=False) as moment:
        assert moment.last.seq == 1
    log.close()


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(StudyUnavailable, match=r"127\.0\.0\.1"):
        open_log("postgresql://me:secret@127.0.0.1:1/none")


def test_a_password_is_in_no_message():
    with pytest.raises(StudyUnavailable) as caught:
        open_log("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)
