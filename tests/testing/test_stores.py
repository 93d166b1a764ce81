"""The contract of a store finds stores that break it."""

from contextlib import contextmanager, suppress

import pytest

from bohb.study.stores import register, registry, sqlite
from bohb.testing.stores import StoreContract


class Sound:
    """The SQLite store, for the faults below to change."""

    log = sqlite.SQLiteLog

    def open_log(self, target):
        path = target.partition("://")[2]
        return None if sqlite.open_log(path) is None else self.log(path)

    def create(self, target, first):
        sqlite.create(target.partition("://")[2], first)


class CreatesOnOpening(Sound):
    def open_log(self, target):
        return self.log(target.partition("://")[2])


class Overwrites(Sound):
    def create(self, target, first):
        from pathlib import Path

        path = Path(target.partition("://")[2])
        path.unlink(missing_ok=True)
        sqlite.create(str(path), first)


class WithoutLimit(Sound):
    class log(sqlite.SQLiteLog):  # noqa: N801
        def read_after(self, seq, *, limit=None):
            return super().read_after(seq)


class WithoutRollback(Sound):
    class log(sqlite.SQLiteLog):  # noqa: N801
        @contextmanager
        def transaction(self, *, write):
            error = None
            with super().transaction(write=write) as moment:
                try:
                    yield moment
                except KeyError as caught:
                    error = caught
            if error is not None:
                raise error


class WithoutLock(Sound):
    class log(sqlite.SQLiteLog):  # noqa: N801
        @contextmanager
        def transaction(self, *, write):
            with super().transaction(write=False) as moment:
                yield moment


class DirtyReads(Sound):
    class log(sqlite.SQLiteLog):  # noqa: N801
        def read_after(self, seq, *, limit=None):
            other = sqlite.SQLiteLog(self._target)
            with other.transaction(write=False):
                yield from list(other.read_after(seq, limit=limit))
            other.close()


FAULTS = {
    CreatesOnOpening: "there_is_no_log_before_it_is_created",
    Overwrites: "creating_again_changes_nothing",
    WithoutLimit: "rows_are_read_in_order_from_any_number_on",
    WithoutRollback: "an_exception_rolls_back",
    WithoutLock: "a_second_writer_waits_for_the_first",
    DirtyReads: "a_reader_sees_one_state",
}


@pytest.fixture
def target(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_stores", dict(registry._stores))
    return f"faulty://{tmp_path}/s.db"


@pytest.mark.parametrize("law", sorted(FAULTS.values()))
def test_the_control_passes(target, law):
    register("faulty", Sound())
    getattr(StoreContract(), f"test_{law}")(target)


@pytest.mark.parametrize(("store", "law"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_is_found(target, store, law):
    register("faulty", store())
    failed = True
    with suppress(Exception):
        getattr(StoreContract(), f"test_{law}")(target)
        failed = False
    assert failed
