"""What a trial does to its own streams costs no result, neither its own nor that of the next trial in its process."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import bohb
from bohb.runner import ProcessExecutor, SerialExecutor


def close_python(_):
    sys.stdout.close()
    sys.stderr.close()


def close_descriptors(_):
    os.close(1)
    os.close(2)


def set_none(_):
    sys.stdout = sys.stderr = None


def replace(_):
    sys.stdout = sys.stderr = object()


def delete(_):
    del sys.stdout, sys.stderr


class Hostile:
    """A stream that can do nothing."""

    def write(self, text):
        raise RuntimeError(text)

    def flush(self):
        raise RuntimeError("flush")

    @property
    def closed(self):
        raise RuntimeError("closed")


def set_hostile(_):
    sys.stdout = sys.stderr = Hostile()


def fill(_):
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    with suppress(OSError):  # at once where Python does not buffer, otherwise when it does
        sys.stdout.write("x" * 100)


def redirect(folder):
    own = os.open(f"{folder}/own", os.O_WRONLY | os.O_CREAT)
    os.dup2(own, 1)


def reuse(folder):
    os.close(1)
    assert os.open(f"{folder}/own", os.O_WRONLY | os.O_CREAT) == 1


HARMS = [close_python, close_descriptors, set_none, delete, set_hostile, fill, redirect, reuse]


def objective(harm, folder):
    def evaluate(trial):
        print(f"trial {trial.id} prints", flush=True)
        if trial.id % 2 == 0:
            harm(folder)
        return float(trial.id)

    return evaluate


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("harm", [*HARMS, replace], ids=lambda harm: harm.__name__)
def test_a_trial_may_close_its_streams(tmp_path, harm, keeps):
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, preset="random")
    directory = tmp_path / "run" if keeps else None
    evaluate = objective(harm, str(tmp_path)) if harm is not replace else replaced(str(tmp_path))
    with ProcessExecutor(1) as executor:
        report = bohb.run(
            evaluate, optimizer, executor=executor, max_trials=6, directory=directory, progress=False, retries=0
        )
    assert [result.loss for result in optimizer.results] == [0, 1, 2, 3, 4, 5]
    assert (report.num_failures, report.num_lost) == (0, 0)
    if keeps and harm is not replace:
        for number in range(6):
            printed = (directory / "output" / f"trial-{number}.out").read_text()
            assert printed.startswith(f"trial {number} prints")


def replaced(folder):
    """An objective that leaves an object in place of its streams; the next one does not print."""

    def evaluate(trial):
        replace(folder)
        return float(trial.id)

    return evaluate


@pytest.mark.parametrize("harm", [close_python, set_none], ids=lambda harm: harm.__name__)
def test_in_this_process_too(tmp_path, harm, monkeypatch):
    """The run goes on, although nothing can be shown any more."""
    with Path(os.devnull).open("w") as out, Path(os.devnull).open("w") as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, preset="random")

        def evaluate(trial):
            harm(None)
            return float(trial.id)

        bohb.run(evaluate, optimizer, executor=SerialExecutor(), max_trials=4, callbacks=[print])
    assert [result.loss for result in optimizer.results] == [0, 1, 2, 3]


def test_the_output_of_a_trial_goes_through_no_link(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "run" / "output").mkdir(parents=True)
    (tmp_path / "run" / "output" / "trial-0.out").symlink_to(precious)
    os.link(precious, tmp_path / "run" / "output" / "trial-1.out")
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0, preset="random")
    with ProcessExecutor(1) as executor:
        bohb.run(lambda t: print("hi") or 1, optimizer, executor=executor, max_trials=2, directory=tmp_path / "run")
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_trial_that_was_not_submitted_is_given_back(tmp_path, error):
    """Whatever ends a run between the ask and the submission."""
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1], seed=0, preset="random") as study:

        def stop(record):
            if type(record).__name__ == "TrialStarted":
                raise error

        with suppress(error):
            bohb.run(lambda _: 1.0, study, executor=SerialExecutor(), max_trials=3, callbacks=[stop], progress=False)
        assert not study.pending
