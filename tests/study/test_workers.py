"""Many processes and threads on one study: nothing lost, nothing twice, no trial given to two live workers."""

import multiprocessing
import pickle
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import bohb
from bohb.errors import StudyBusy
from bohb.study.stores.protocol import LOCK_SECONDS
from bohb.study.stores.rows import read_facts
from tests.study.common import PRESET, again_if_busy, loss_of, open_new, replayed, rows_of

FORK = multiprocessing.get_context("fork")


def evaluate(study, num_trials, name):
    """Each call may be repeated if the store is busy: what was refused has changed nothing."""
    for _ in range(num_trials):
        trial = again_if_busy(study.ask, lease=86400)
        again_if_busy(study.tell, trial, loss_of(trial), info={"worker": name})


def work(target, num_trials, name, start):
    start.wait()
    with again_if_busy(bohb.Study.open, target) as study:
        evaluate(study, num_trials, name)


def check(target, num_workers, num_trials, preset=PRESET):
    facts = [(row.kind, read_facts(row)) for row in rows_of(target)]
    asked = [fact["id"] for kind, fact in facts if kind == "asked"]
    told = [fact for kind, fact in facts if kind == "told"]
    assert asked == list(range(num_workers * num_trials))
    assert sorted(fact["id"] for fact in told) == asked
    assert Counter(fact["info"]["worker"] for fact in told) == dict.fromkeys(range(num_workers), num_trials)
    assert not any(kind in ("forgotten", "expired") for kind, _ in facts)
    evaluated = Counter((fact["config_id"], fact["budget"]) for kind, fact in facts if kind == "asked")
    assert max(evaluated.values()) == 1
    with bohb.Study.open(target) as study:
        assert len(study.results) == num_workers * num_trials
        assert study.pending == ()
    replayed(target, preset)


def run_workers(target, num_workers, num_trials):
    """With a preset that has no model: what is shown is the sharing, and a model would only take time."""
    open_new(target, preset="asha").close()
    start = FORK.Barrier(num_workers)
    workers = [FORK.Process(target=work, args=(target, num_trials, name, start)) for name in range(num_workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * num_workers
    check(target, num_workers, num_trials, "asha")


def test_16_processes_share_a_study(target):
    run_workers(target, 16, 5)


@pytest.mark.slow
def test_16_processes_with_100_trials_each_share_a_study(target):
    run_workers(target, 16, 100)


def test_threads_share_a_study_object(target):
    with open_new(target) as study, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: evaluate(study, 10, name), range(8)))
    check(target, 8, 10)


def use(study, name):
    evaluate(study, 10, name)
    study.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_study_object_works_in_another_process(target, method):
    """Inherited by a fork while a thread uses it, or pickled to a fresh interpreter."""
    context = multiprocessing.get_context(method)
    study = open_new(target)
    thread = threading.Thread(target=evaluate, args=(study, 10, 0))
    thread.start()
    workers = [context.Process(target=use, args=(study, name)) for name in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    thread.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    evaluate(study, 10, 3)
    study.close()
    check(target, 4, 10)


def test_a_child_may_outlive_its_parent(tmp_path):
    """The lock of a forked connection would be the parent's; here every process has its own."""
    target = tmp_path / "s.db"

    def parent():
        study = again_if_busy(open_new, target)
        evaluate(study, 5, 0)
        child = FORK.Process(target=use, args=(study, 1))
        child.start()
        evaluate(study, 10, 2)
        child.join()
        study.close()

    process = FORK.Process(target=parent)
    process.start()
    with again_if_busy(open_new, target) as study:
        evaluate(study, 10, 3)
    process.join()
    assert process.exitcode == 0
    assert len([row for row in rows_of(target) if row.kind == "told"]) == 35
    replayed(target)


def test_a_pickled_study_is_small(tmp_path):
    with open_new(tmp_path / "s.db", lease=60.0) as study:
        evaluate(study, 50, 0)
        text = pickle.dumps(study)
        assert len(text) < 400
        with pickle.loads(text) as again:
            assert again.results == study.results
            trial = again.ask()
            assert trial.id in again._transactions._replica.leases


def test_a_held_lock_is_study_busy(tmp_path, monkeypatch):
    monkeypatch.setattr("bohb.study.stores.sqlite.LOCK_SECONDS", 0.05)
    with open_new(tmp_path / "s.db") as holder, open_new(tmp_path / "s.db") as other:
        with (
            holder._transactions._log.transaction(write=True),
            pytest.raises(StudyBusy, match="another process holds it"),
        ):
            other.ask()
        assert other.ask().id == 0


def test_a_held_lock_of_a_server_is_study_busy(database):
    """The server says so, some time before the patience with it ends."""
    with open_new(database) as holder, open_new(database) as other:
        with holder._transactions._log.transaction(write=True):
            connection = other._transactions._log._connection
            (set_to,) = connection.execute("SELECT extract(epoch FROM current_setting('lock_timeout')::interval)")
            assert set_to == (0.9 * LOCK_SECONDS,)
            connection.execute("SET lock_timeout = '100ms'")
            with pytest.raises(StudyBusy, match="another process holds it"):
                other.ask()
        assert other.ask().id == 0


def test_readers_do_not_wait_for_a_writer(target):
    with open_new(target) as writer, open_new(target) as reader:
        evaluate(writer, 20, 0)
        with writer._transactions._log.transaction(write=True):
            assert len(reader.results) == 20
            assert reader.incumbent is not None
            assert reader.health().failure_rate == 0
            assert reader.plan().num_trials > 0
