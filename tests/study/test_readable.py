"""What can be told can be read by everybody; and what a reader lacks is never taken for damage."""

import json
import math
import subprocess
import sys
from contextlib import closing

import pytest

import bohb
from bohb._json import MAX_CHARACTERS, MAX_DEPTH, MAX_DIGITS, keep
from bohb.cli import exits
from bohb.cli.main import main
from bohb.errors import BohbError, BohbWarning, BudgetError, SpaceError, StudyCorrupt
from bohb.models import Proposal
from bohb.optimizer.outcomes import MAX_CHECKPOINT, MAX_ERROR
from bohb.study import quick_tell
from bohb.study.stores.registry import open_log
from bohb.study.stores.rows import seal
from tests.study.common import open_new
from tests.test_json import nested


def value_at(depth):
    return nested(depth - 1)


@pytest.fixture
def freely():
    """A process without Python's own limits, as some users have."""
    digits, depth = sys.get_int_max_str_digits(), sys.getrecursionlimit()
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(50_000)
    yield
    sys.set_int_max_str_digits(digits)
    sys.setrecursionlimit(depth)


BEYOND = {
    "deep": {"a": nested(5_000)},
    "one level too deep": {"a": nested(MAX_DEPTH)},
    "digits": {"a": 10**5_000},
    "large": {"a": "x" * MAX_CHARACTERS},
}


@pytest.mark.parametrize("info", BEYOND.values(), ids=BEYOND)
def test_every_way_to_tell_has_the_same_limits(tmp_path, freely, info, capsys):
    """What exceeds them is dropped, and the loss counts."""
    target = tmp_path / "s.db"
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="fast")
    with open_new(target) as study:
        for tell in (
            lambda: study.tell(study.ask(), 0.5, info=info),
            lambda: study.tell(study.ask(), {"loss": 0.5, "info": info}),
            lambda: study.tell(study.ask(), ValueError(), info=info),
            lambda: quick_tell.tell(target, study.ask().id, 0.5, info=info),
            lambda: optimizer.tell(optimizer.ask(), 0.5, info=info),
            lambda: bohb.run(lambda _: {"loss": 0.5, "info": info}, study, max_trials=1, progress=False, workers=1),
        ):
            with pytest.warns(BohbWarning, match="the loss counts"):
                tell()
        number = str(study.ask().id)
        assert main(["tell", target.as_posix(), number, "--loss", "0.5", "--info", json.dumps(info)]) == exits.OK
        assert "the loss counts" in capsys.readouterr().err
        assert [result.loss for result in study.results] == [0.5, 0.5, math.inf, 0.5, 0.5, 0.5]
        for result in study.results:
            assert keep(result.info) == result.info
    check_that_others_read(target, 6)


def test_every_other_way_in_has_limits(tmp_path, freely):
    deep = nested(5_000)
    for number, (error, make) in enumerate(
        [
            (BudgetError, lambda path: bohb.Study.open(path, {"x": (0.0, 1.0)}, bohb.ladder([deep], costs=[1]))),
            (SpaceError, lambda path: bohb.Study.open(path, space_with(deep), [1, 3])),
            (SpaceError, lambda path: bohb.Study.open(path, space_with(10**5_000), [1, 3])),
            (bohb.SettingError, lambda path: open_new(path, model=Remembering(deep)).ask()),
        ]
    ):
        with pytest.raises(error):
            make(tmp_path / f"{number}.db")


def space_with(meta):
    from ConfigSpace import ConfigurationSpace, Float

    return ConfigurationSpace(space={"x": Float("x", (0.0, 1.0), meta={"meta": meta})})


class Remembering:
    """A user's own model, whose facts are too deep."""

    def __init__(self, more):
        self._more = more

    def propose(self, observations, space, rng):
        from bohb.facts import Facts

        return Proposal(space.sample(rng, 1)[0], Facts(more={"more": self._more}))


def test_the_text_of_a_failure_is_kept_in_part(tmp_path):
    """However long it is, and even if there is none: the failure counts."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    with open_new(tmp_path / "s.db") as study:
        long = study.tell(study.ask(), ValueError("x" * 2**25)).info["error"]
        assert long.startswith("ValueError: xxx")
        assert len(long) < MAX_ERROR + 10
        assert study.tell(study.ask(), Mute()).info["error"] == "Mute"
    check_that_others_read(tmp_path / "s.db", 2)


def test_the_largest_tell_is_read_by_everybody(tmp_path):
    info = {"deep": value_at(MAX_DEPTH - 1), "digits": 10 ** (MAX_DIGITS - 1), "large": "x" * (MAX_CHARACTERS - 2000)}
    with open_new(tmp_path / "s.db") as study:
        assert study.tell(study.ask(), 0.5, info=info, checkpoint="\ud800" * MAX_CHECKPOINT).info == info
    check_that_others_read(tmp_path / "s.db", 1)


def check_that_others_read(target, num_results):
    """A process with Python's usual limits, and the fewest digits that it may be told to read."""
    code = "import sys, bohb; print(len(bohb.Study.open(sys.argv[1]).results))"
    words = [sys.executable, "-X", "int_max_str_digits=640", "-c", code, str(target)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == (f"{num_results}\n", "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # psycopg has no stack left to close
def test_a_reader_without_stack_is_no_damage(target):
    """From every depth of a stack: the call works or says that the stack is full, and the next one works."""
    with open_new(target) as study:
        study.tell(study.ask(), 0.5, info={"a": nested(MAX_DEPTH - 1)})

    def descend(depth, act):
        return act() if not depth else descend(depth - 1, act)

    def read():
        with bohb.Study.open(target) as again:
            return len(again.results)

    kinds = set()
    with open_new(target) as study:
        acts = [read, lambda: len(study.results), lambda: study.enqueue({"x": 0.5}), lambda: study.heartbeat(0)]
        for room in range(1, 150, 3):
            for act in acts:
                try:
                    descend(sys.getrecursionlimit() - depth_here() - room, act)
                except (BohbError, RecursionError) as error:
                    kinds.add(type(error))
                assert study.heartbeat(0) is False
                with open_new(target) as other:
                    assert len(other.results) == 1
    assert RecursionError in kinds
    assert not kinds & {StudyCorrupt, bohb.StudyBusy, bohb.StudyUnavailable}


def depth_here():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_a_reader_without_memory_is_no_damage(target, monkeypatch):
    with open_new(target) as study:
        study.tell(study.ask(), 0.5)
        for error in (MemoryError, RecursionError, KeyboardInterrupt):
            with monkeypatch.context() as patched, open_new(target) as other:
                patched.setattr(other._transactions, "_newest", raising(error))
                with pytest.raises(error):
                    _ = other.results
            with monkeypatch.context() as patched, pytest.raises(error):
                patched.setattr("bohb.optimizer.optimizer.Optimizer.apply", raising(error))
                bohb.Study.open(target).close()
        assert len(study.results) == 1


def raising(error):
    def act(*_, **__):
        raise error

    return act


def test_a_row_that_is_nested_too_deeply_is_damage_to_everybody(tmp_path, freely):
    """However much stack the reader has."""
    target = tmp_path / "s.db"
    with open_new(target) as study:
        study.tell(study.ask(), 0.5)
    with closing(open_log(str(target))) as log, log.transaction(write=True) as moment:
        log.append([seal(moment.last, "told", {"id": 0, "info": {"a": nested(200)}}, moment.at)])
    with pytest.raises(StudyCorrupt, match="nested too deeply"):
        bohb.Study.open(target)
