"""Every public call, with anything for an argument: an error of ours, or an answer. Nothing else comes through.

An `OSError` of a path that the caller named counts as ours: a folder that is missing, a name that is too long.
"""

import json
import os
import pickle
import warnings
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings

import bohb
from bohb import exchange
from bohb.errors import BohbError
from bohb.runner import ProcessExecutor
from bohb.study import quick_tell
from tests.fuzz.values import HOSTILE, PLAIN, places

SPACE = {"x": (0.0, 1.0), "c": ["a", "b"]}


def optimizer(**options):
    return bohb.Optimizer(SPACE, [1, 3], **({"seed": 0, "preset": "fast"} | options))


class World:
    """What the calls act on; a search that refuses a call is as it was before, so one is enough for all of them."""

    def __init__(self, folder):
        self.folder = folder
        self.target = str(folder / "s.db")
        self.study = bohb.Study.open(self.target, SPACE, [1, 3], seed=0, preset="fast")
        self.study.ask()
        self.search = optimizer()
        self.search.tell(self.search.ask(), 1.0)


def _run(_, value, *, name):
    options = {"max_trials": 1, "progress": False} | {name: value}
    if name == "workers" and isinstance(value, int) and value > 2:
        return
    bohb.run(lambda trial: 0.5, optimizer(), **options)


def _tell(_, value, **options):
    search = optimizer()
    search.tell(search.ask(), value, **options)


CALLS = {
    "space": lambda _, value: bohb.Optimizer(value, [1, 3], preset="fast").ask(),
    "parameter": lambda _, value: bohb.Optimizer({"x": value}, [1, 3], preset="fast").ask(),
    "choice": lambda _, value: bohb.Optimizer({"x": [value, 1]}, [1, 3], preset="fast").ask(),
    "range": lambda _, value: bohb.Optimizer({"x": (0, value)}, [1, 3], preset="fast").ask(),
    "budgets": lambda _, value: bohb.Optimizer(SPACE, value, preset="fast").ask(),
    "budget": lambda _, value: bohb.ladder([value, 3]),
    "costs": lambda _, value: bohb.ladder([1, 2], costs=value),
    "min": lambda _, value: bohb.geometric(value, 9),
    "max": lambda _, value: bohb.geometric(1, value),
    "eta": lambda _, value: bohb.geometric(1, 9, eta=value),
    "seed": lambda _, value: optimizer(seed=value),
    "preset": lambda _, value: optimizer(preset=value),
    "schedule": lambda _, value: optimizer(schedule=value),
    "model": lambda _, value: optimizer(model=value),
    "state": lambda _, value: bohb.Optimizer.from_state(value),
    "outcome": _tell,
    "info": lambda _, value: _tell(_, 1.0, info=value),
    "checkpoint": lambda _, value: _tell(_, 1.0, checkpoint=value),
    "failure": lambda _, value: _tell(_, bohb.Failure(value)),
    "told": lambda world, value: world.search.tell(value, 1.0),
    "forgotten": lambda world, value: world.search.forget(value),
    "explained": lambda world, value: world.search.explain(value),
    "enqueued": lambda world, value: world.search.enqueue(value),
    "enqueued value": lambda world, value: world.search.enqueue({"x": value}),
    "observed": lambda world, value: world.search.observe(value, 1, 0.5),
    "observed budget": lambda world, value: world.search.observe({"x": 0.5, "c": "a"}, value, 0.5),
    "observed choice": lambda world, value: world.search.observe({"x": 0.5, "c": value}, 1, 0.5),
    "observed loss": lambda world, value: world.search.observe({"x": 0.5, "c": "a"}, 1, value),
    "plan": lambda world, value: world.search.plan(value),
    "opened": lambda world, value: bohb.Study.open(value, preset="none"),
    "opened lease": lambda world, value: bohb.Study.open(world.target, lease=value).close(),
    "opened space": lambda world, value: bohb.Study.open(world.target, value).close(),
    "opened seed": lambda world, value: bohb.Study.open(world.target, seed=value).close(),
    "opened preset": lambda world, value: bohb.Study.open(world.target, preset=value).close(),
    "lease": lambda world, value: world.study.ask(lease=value),
    "heartbeat": lambda world, value: world.study.heartbeat(value),
    "release": lambda world, value: world.study.release(value),
    "study outcome": lambda world, value: world.study.tell(world.study.ask(), value),
    "quick target": lambda _, value: quick_tell.tell(value, 0, 1.0),
    "quick trial": lambda world, value: quick_tell.tell(world.target, value, 1.0),
    "quick outcome": lambda world, value: quick_tell.tell(world.target, 0, value),
    "csv": lambda world, value: exchange.write_csv(world.search, value),
    "json": lambda world, value: exchange.write_json(world.search, value),
    "hpbandster": lambda world, value: exchange.write_hpbandster(world.search, value),
    "import": lambda world, value: exchange.import_hpbandster(world.search, value),
    "workers": partial(_run, name="workers"),
    "limit": partial(_run, name="max_seconds"),
    "retries": partial(_run, name="retries"),
    "keep": partial(_run, name="keep"),
    "executor": partial(_run, name="executor"),
    "callbacks": partial(_run, name="callbacks"),
    "directory": partial(_run, name="directory"),
    "devices": lambda _, value: ProcessExecutor(1, gpus_per_trial=value).shutdown(),
    "environments": lambda _, value: ProcessExecutor(1, environments=value).shutdown(),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    before = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    one = World(folder)
    yield one
    one.study.close()
    os.chdir(before)


def check(world, call, value):
    """The oracle: an error of ours that can be shown and sent, or no error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[call](world, value)
        except BohbError as error:
            pickle.dumps((error, str(error), repr(error)))
        except OSError as error:
            if error.filename is None:
                raise


@pytest.mark.parametrize("call", CALLS)
def test_hostile_values_get_an_error_of_ours_or_an_answer(world, call):
    """The corpus, each value by itself and within lists, tuples and mappings."""
    for make in HOSTILE.values():
        for place in places(make):
            value = place()
            check(world, call, value)


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(value=PLAIN)
@example(value={"loss": 0.5, "info": {"a": [1]}})
@example(value={"format": 1})
def test_any_plain_value_gets_an_error_of_ours_or_an_answer(world, call, value):
    check(world, call, value)


def test_the_study_is_whole_after_all_that(world):
    """What was accepted on the way is read by everybody."""
    with bohb.Study.open(world.target) as study:
        assert json.dumps(study.to_state())
    assert bohb.Optimizer.from_state(json.loads(json.dumps(world.search.to_state()))).results == world.search.results
