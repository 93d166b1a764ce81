"""A full disk at any moment: a clear error, nothing lost, and the work continues when there is space again."""

import contextlib
import resource
import signal

import pytest

import bohb
from bohb.errors import StudyUnavailable
from tests.study.common import loss_of, open_new, replayed, rows_of


def size_of(target):
    paths = (target, target.with_name(f"{target.name}-wal"))
    return max(path.stat().st_size for path in paths if path.exists())


class Quota:
    """Limit files to the present size and some spare bytes: `RLIMIT_FSIZE` stands in for a full disk."""

    def __init__(self, target, spare):
        self.limit = size_of(target) + spare

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.before[1]))

    def __exit__(self, *exception):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


@pytest.fixture(autouse=True)
def _ignore_signal():
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGXFSZ, before)


def until_it_works(target, act, spare):
    """Act while the disk is full, again with a little more space each time, and then without a limit."""
    failures = 0
    for more in (0, spare, 2 * spare):
        with Quota(target, more):
            try:
                return act(), failures
            except StudyUnavailable:
                failures += 1
    return act(), failures


@pytest.mark.parametrize("spare", [100, 1000, 4000])
def test_a_full_disk_at_every_step_loses_nothing(tmp_path, spare):
    target, failures, told = tmp_path / "s.db", 0, []
    with open_new(target) as study:
        for _ in range(50):
            trial, num = until_it_works(target, study.ask, spare)
            failures += num
            result, num = until_it_works(target, lambda trial=trial: study.tell(trial, loss_of(trial)), spare)
            failures += num
            told.append(result)
            assert study.results == tuple(told)
    assert failures >= 100
    with bohb.Study.open(target) as study:
        assert study.results == tuple(told)
        assert [trial.id for trial in study.pending] == []
    replayed(target)


def test_a_full_disk_on_closing_loses_nothing(tmp_path):
    """Closing copies the companion into the file, which needs space as well."""
    target = tmp_path / "s.db"
    for number in range(50):
        with open_new(target) as study:
            study.tell(trial := study.ask(), loss_of(trial))
            with Quota(target, 0):
                study.close()
                with contextlib.suppress(StudyUnavailable):
                    assert len(study.results) == number + 1
                study.close()
            assert len(study.results) == number + 1
    assert len(rows_of(target)) == 101
    replayed(target)


def test_a_study_that_does_not_fit_leaves_nothing_behind(tmp_path):
    """A new study is created as a whole or not at all."""
    target = tmp_path / "s.db"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, 60000, 1500):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            open_new(target).close()
            break
        except StudyUnavailable:
            assert list(tmp_path.iterdir()) == []
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert limit > 0
    replayed(target)
