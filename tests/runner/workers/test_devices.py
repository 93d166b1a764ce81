"""Sharing out the GPUs and cores of a machine."""

import pytest

import bohb
from bohb.runner import ProcessExecutor
from bohb.runner.workers import devices


def test_the_devices_are_those_that_cuda_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-1,-1,5")
    assert devices.visible_gpus() == ["3", "GPU-1"]
    assert ProcessExecutor(gpus_per_trial=2).workers == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(bohb.SettingError, match=r"expected 1 x 1 GPUs, .*got 0"):
        ProcessExecutor(gpus_per_trial=1)
