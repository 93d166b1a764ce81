"""Check on a real device what `docs/how-to/gpus.md` says: `python -m benchmarks.gpus`, in less than five minutes.

It needs PyTorch, Horovod built with Gloo, and at least one GPU, and ends with status 2 if one of them is missing.
`--cpu` rehearses everything up to the choice of the device, on a machine without one. `--without-horovod` leaves the
checks of Horovod out.

Each check runs a search on an executor and trains a network on synthetic data. A check that fails is an AssertionError.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import bohb
from bohb.runner import HorovodExecutor, ProcessExecutor

MISSING = 2
"""The exit status if something that the checks need is missing."""
SPACE: dict[str, Any] = {"rate": (1e-4, 1e-1, "log")}


def train(trial: Any, device: str, *, average: Callable[[Any, str], Any] | None = None) -> dict[str, Any]:
    """Train a network on a device; return the loss, and what happened.

    Args:
        trial: The trial.
        device: Where to train, as PyTorch writes it.
        average: Averages the gradient of a named parameter over the ranks.
    """
    import os
    import time

    import torch

    begin = time.time()
    torch.manual_seed(0)
    points, steps = (256, 5) if device == "cpu" else (65536, 500)
    inputs = torch.randn(points, 64, device=device)
    targets = inputs[:, :8].sum(1, keepdim=True).tanh()
    model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1)).to(device)
    step = torch.optim.Adam(model.parameters(), lr=trial.config["rate"])
    losses = []
    for _ in range(steps * trial.budget):
        loss = ((model(inputs) - targets) ** 2).mean()
        step.zero_grad()
        loss.backward()
        for name, parameter in model.named_parameters():
            if average is not None:
                parameter.grad = average(parameter.grad.cpu(), name).to(device)
        step.step()
        losses.append(loss.detach())
    info = {
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "trained_on": str(next(model.parameters()).device),
        "first": losses[0].item(),
        "begin": begin,
        "end": time.time(),
    }
    return {"loss": losses[-1].item(), "info": info}


def limited(trial: Any, device: str, fraction: float) -> dict[str, Any]:
    """Train within a part of the memory of the device, and check that more is refused to this trial alone."""
    import torch

    if device == "cpu":
        return train(trial, device)
    torch.cuda.set_per_process_memory_fraction(fraction, 0)
    total = torch.cuda.get_device_properties(0).total_memory
    is_refused = False
    try:
        torch.empty(int(total * (fraction + 0.05)), dtype=torch.uint8, device=device)
    except torch.OutOfMemoryError:
        is_refused = True
    within = torch.empty(int(total * fraction / 2), dtype=torch.uint8, device=device)
    outcome = train(trial, device)
    outcome["info"] |= {"is_refused": is_refused, "held": within.numel() / total}
    return outcome


def distributed(trial: Any, device: str) -> dict[str, Any]:
    """Train on every rank of a Horovod job, with gradients averaged by Gloo on the CPU."""
    import horovod.torch as hvd
    import torch

    hvd.init()
    if device != "cpu":
        count = torch.cuda.device_count()
        torch.cuda.set_device(hvd.local_rank() % count)
        device = f"cuda:{torch.cuda.current_device()}"
    outcome = train(trial, device, average=lambda gradient, name: hvd.allreduce(gradient, name=name))
    outcome["info"] |= {"ranks": hvd.size(), "devices": sorted(hvd.allgather_object(device, name="devices"))}
    return outcome


def search(objective: Callable[[Any], Any], executor: Any, num_trials: int) -> Sequence[Any]:
    """Run a search; return what its trials say, none of which failed."""
    optimizer = bohb.Optimizer(SPACE, budgets=bohb.geometric(1, 3, eta=3), seed=0, preset="hyperband")
    with executor:
        report = bohb.run(objective, optimizer, executor=executor, max_trials=num_trials, progress=False)
    for result in optimizer.results:
        assert result.status is bohb.Status.OK, result.info
        assert result.loss < result.info["first"], "the training made it worse"
    assert (report.num_trials, report.num_lost) == (num_trials, 0)
    return [result.info for result in optimizer.results]


def overlapping(infos: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of trials that ran at the same time."""
    pairs = [(one, other) for i, one in enumerate(infos) for other in infos[:i]]
    return [(one, other) for one, other in pairs if one["begin"] < other["end"] and other["begin"] < one["end"]]


def check_devices(device: str, gpus: Sequence[int | str] | None) -> str:
    """Each trial has a device of its own."""
    executor = ProcessExecutor(gpus_per_trial=1, gpus=gpus)
    number = executor.workers
    infos = search(lambda trial: train(trial, device), executor, 2 * number + 2)
    assert {info["trained_on"].partition(":")[0] for info in infos} == {device.partition(":")[0]}
    assert len({info["visible"] for info in infos}) == number
    assert all(one["visible"] != other["visible"] for one, other in overlapping(infos))
    return f"gpus_per_trial=1: {len(infos)} trials on {number} device(s), no two at the same time on one"


def check_memory(device: str) -> str:
    """Two trials share a device, each within its own limit."""
    infos = search(lambda trial: limited(trial, device, 0.2 if trial.id % 2 else 0.3), ProcessExecutor(2), 4)
    assert overlapping(infos), "no two trials ran at the same time"
    if device == "cpu":
        return "two trials at the same time; memory limits were not checked, they need a device"
    assert all(info["is_refused"] for info in infos), "a trial got more memory than its limit"
    return "two trials at the same time on one device; neither got more than its limit of 20 % and 30 % of the memory"


def check_horovod(device: str, ranks: int, gpus: Sequence[int | str] | None, gpus_per_trial: int) -> str:
    """A Horovod job trains on its devices, and all ranks have part."""
    executor = HorovodExecutor(slots=ranks, slots_per_trial=ranks, gpus_per_trial=gpus_per_trial, gpus=gpus)
    infos = search(lambda trial: distributed(trial, device), executor, 2)
    assert all(info["ranks"] == ranks for info in infos)
    if device != "cpu":
        assert all(len(set(info["devices"])) == gpus_per_trial for info in infos), infos
    return f"Horovod: {ranks} rank(s) of a job on {gpus_per_trial} device(s), {infos[0]['devices']}"


def missing(*, cpu: bool, horovod: bool) -> str | None:
    """Return what the checks need and this machine lacks, or None."""
    for name in ("torch", "horovod") if horovod else ("torch",):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    import torch

    if not cpu and not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} sees no GPU here; --cpu rehearses without one"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all checks; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpus", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="rehearse without a device")
    parser.add_argument("--without-horovod", action="store_true", help="leave the checks of Horovod out")
    given = parser.parse_args(arguments)
    lacking = missing(cpu=given.cpu, horovod=not given.without_horovod)
    if lacking is not None:
        print(f"nothing was checked: {lacking}", file=sys.stderr)
        return MISSING
    import torch

    device, gpus = ("cpu", ["0"]) if given.cpu else ("cuda", None)
    number = 1 if given.cpu else torch.cuda.device_count()
    print("a rehearsal on the CPU" if given.cpu else f"{number} x {torch.cuda.get_device_name(0)}", flush=True)
    checks: list[Callable[[], str]] = [lambda: check_devices(device, gpus), lambda: check_memory(device)]
    if not given.without_horovod:
        checks.append(lambda: check_horovod(device, number, gpus, number))
        checks.append(lambda: check_horovod(device, 2, gpus or ["0"], 1))
    for check in checks:
        begin = time.monotonic()
        print(f"ok: {check()} ({time.monotonic() - begin:.0f} s)", flush=True)
    print("rehearsed; no device was used" if given.cpu else "all checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
