"""The contract on torchrun jobs of one rank, and what only jobs of several ranks can show."""

import os
import signal
from pathlib import Path

import pytest

import bohb
from bohb.runner import TorchrunExecutor
from bohb.testing.executor_runs import make_optimizer
from bohb.testing.executors import ExecutorContract
from bohb.testing.processes import is_running, pids
from tests.runner.engines import requires
from tests.runner.engines.examples import run_example

pytestmark = [*requires("torchrun", "torch"), pytest.mark.slow]


class TestTorchrunExecutor(ExecutorContract):
    survives = True
    is_slow = True
    start_seconds = 40

    def make(self, workers):
        return TorchrunExecutor(slots=workers)


def test_ranks_train_one_model_while_one_of_them_is_killed(tmp_path: Path) -> None:
    """2 jobs of 2 ranks side by side: gradients averaged by all-reduce; a killed rank costs one trial."""
    folder = str(tmp_path)

    def objective(trial):
        import torch
        from torch import distributed

        distributed.init_process_group("gloo")
        rank = distributed.get_rank()
        Path(folder, f"{trial.id}.{os.getpid()}").touch()
        if trial.id == 1 and rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        torch.manual_seed(rank)
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1))
        inputs = torch.randn(16, 3)
        (model(inputs) ** 2).mean().backward()
        gradients = [torch.zeros(1, 3) for _ in range(2)]
        distributed.all_gather(gradients, model.module.weight.grad)
        distributed.destroy_process_group()
        return {"loss": 0.5, "info": {"is_same": torch.equal(*gradients), "size": len(gradients)}}

    optimizer = make_optimizer()
    with TorchrunExecutor(slots=4, slots_per_trial=2) as executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=6, retries=1, progress=False)
    assert (report.num_trials, report.num_failures, report.num_lost) == (6, 0, 1)
    assert all(result.info == {"is_same": True, "size": 2} for result in optimizer.results)
    assert not any(is_running(pid) for pid in pids(tmp_path))


def test_the_script_of_the_documentation_runs() -> None:
    """As a program of its own."""
    assert "6 (0 failed, 0 lost with their worker)" in run_example("torchrun")
