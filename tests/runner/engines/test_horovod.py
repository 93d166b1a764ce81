"""The contract on Horovod jobs of one rank, and what only jobs of several ranks can show."""

import os
import signal
import time
from pathlib import Path

import pytest

import bohb
from bohb import Status
from bohb.runner import HorovodExecutor
from bohb.testing.executor_runs import HOUR, make_optimizer
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_running, pids
from tests.runner.engines import assert_no_gpu_is_shared, requires
from tests.runner.engines.examples import run_example

pytestmark = [*requires("horovod", "horovod", "torch"), pytest.mark.slow]


class TestHorovodExecutor(ExecutorContract):
    survives = True
    is_slow = True
    start_seconds = 40

    def make(self, workers):
        return HorovodExecutor(slots=workers)


def test_ranks_train_one_model_while_one_of_them_is_killed(tmp_path: Path) -> None:
    """2 jobs of 2 ranks at a time, 20 trials: gradients averaged by allreduce; a killed rank costs one trial."""
    folder = str(tmp_path)

    def objective(trial):
        import horovod.torch as hvd
        import torch

        hvd.init()
        torch.set_num_threads(1)
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        if trial.id == 3 and hvd.rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        torch.manual_seed(hvd.rank())  # ranks start apart and see different data
        model = torch.nn.Linear(3, 1)
        step = torch.optim.SGD(model.parameters(), lr=trial.config["x"])
        step = hvd.DistributedOptimizer(step, named_parameters=model.named_parameters())
        hvd.broadcast_parameters(model.state_dict(), root_rank=0)
        weights = torch.tensor([[1.0, -2.0, 0.5]])
        for _ in range(5):
            inputs = torch.randn(16, 3)
            loss = ((model(inputs) - inputs @ weights.T) ** 2).mean()
            (own,) = torch.autograd.grad(loss, model.weight, retain_graph=True)  # before Horovod averages it
            step.zero_grad()
            loss.backward()
            step.synchronize()  # the gradient is the average over the ranks from here on
            with step.skip_synchronize():
                step.step()
        everyones = hvd.allgather(own, name="own").mean(0, keepdim=True)
        models = hvd.allgather(model.weight.detach(), name="model")
        info = {
            "size": hvd.size(),
            "is_averaged": torch.allclose(everyones, model.weight.grad),
            "is_same": torch.equal(models[0], models[1]),
        }
        return {"loss": loss.item(), "info": info}

    optimizer = make_optimizer()
    with HorovodExecutor(slots=4, slots_per_trial=2) as executor:
        assert executor.workers == 2
        report = bohb.run(objective, optimizer, executor=executor, max_trials=20, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (20, 0, 1)
    assert all(result.info == {"size": 2, "is_averaged": True, "is_same": True} for result in optimizer.results)
    assert not any(is_running(pid) for pid in pids(tmp_path))


def test_the_rank_that_raised_is_told_with_its_traceback() -> None:
    """An exception on rank 1 fails the trial while rank 0 waits for it, and names the rank."""

    def objective(trial):
        import horovod.torch as hvd
        import torch

        hvd.init()
        if hvd.rank() == 1:
            raise ValueError("no such data on this rank")
        return hvd.allreduce(torch.tensor([1.0]), name="waits").item()

    optimizer = make_optimizer()
    with HorovodExecutor(slots=2, slots_per_trial=2) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=1, retries=3, progress=False)
    assert (report.num_failures, report.num_lost) == (1, 0)
    assert optimizer.results[0].info["error"] == "ValueError: no such data on this rank"
    assert optimizer.results[0].info["traceback"].startswith("On rank 1 of 2:\nTraceback")


def test_a_rank_that_hangs_ends_with_the_trial_and_frees_its_slots(tmp_path: Path) -> None:
    """The time limit ends all its processes, and the next trial gets the slots."""
    folder = str(tmp_path)

    def objective(trial):
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        if trial.id == 0 and os.environ["HOROVOD_RANK"] == "1":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(HOUR)
        return 0.5

    optimizer = make_optimizer()
    with HorovodExecutor(slots=2, slots_per_trial=2) as executor:
        arguments = {"executor": executor, "max_trials": 2, "trial_seconds": 40, "progress": False}
        report = bohb.run(objective, optimizer, **arguments)
    assert [result.status for result in optimizer.results] == [Status.ERROR, Status.OK]
    assert (report.num_failures, report.num_lost) == (1, 0)
    assert optimizer.results[0].info["error"].startswith("TimeoutError")
    assert len(pids(tmp_path)) == 4
    assert not any(is_running(pid) for pid in pids(tmp_path))


def test_a_killed_driver_takes_its_ranks_along(tmp_path: Path) -> None:
    """If the driver of a job is killed, its ranks end too, with what they forked; the trial is asked again."""
    folder = str(tmp_path)

    def objective(trial):
        if trial.id == 0:
            os.fork()
            Path(folder, f"{trial.id}.{os.getpid()}").touch()
            while len(list(Path(folder).iterdir())) < 4:
                time.sleep(0.05)
            driver = int(os.environ["BOHB_DRIVER"])
            os.kill(driver, signal.SIGKILL)
            time.sleep(HOUR)
        return 0.5

    optimizer = make_optimizer()
    with HorovodExecutor(slots=2, slots_per_trial=2) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=1, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (1, 0, 1)
    until = time.monotonic() + 600
    while any(is_running(pid) for pid in pids(tmp_path)) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(pids(tmp_path)) == 4
    assert not any(is_running(pid) for pid in pids(tmp_path))


def test_jobs_side_by_side_never_share_a_gpu() -> None:
    """All ranks of a job see its devices, and two running jobs never share one."""

    def objective(trial):
        begin = time.time()
        time.sleep(0.5)
        devices = os.environ["CUDA_VISIBLE_DEVICES"]
        return {"loss": 0.5, "info": {"devices": devices, "begin": begin, "end": time.time()}}

    optimizer = make_optimizer()
    gpus = ["GPU-a", 1, 2, "GPU-b"]
    with HorovodExecutor(slots=4, slots_per_trial=2, gpus_per_trial=2, gpus=gpus) as executor:
        bohb.run(objective, optimizer, executor=executor, max_trials=4, progress=False)
    assert_no_gpu_is_shared([result.info for result in optimizer.results], {"GPU-a,1", "2,GPU-b"})


def test_the_script_of_the_documentation_runs() -> None:
    """In a process of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example("horovod")
