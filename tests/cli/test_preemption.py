"""Preempted nodes, as processes with one volume and one study: SIGTERM, checkpoint, release, another node goes on."""

import json
import re
import shutil
import signal
import sys

import pytest
import yaml

from bohb.cli import exits
from tests.cli.shell import ROOT, lines, start, wait_for
from tests.cli.shell import bohb as shell
from tests.study.conftest import database, server  # noqa: F401 - fixtures

EXAMPLES = ROOT / "docs" / "examples"


class Node:
    """A machine that mounts the volume: it runs what a pod of the Job runs, in a folder of its own."""

    def __init__(self, folder, volume, study, num_results):
        folder.mkdir()
        shutil.copy(EXAMPLES / "command-line" / "train.py", folder)
        (folder / "checkpoints").symlink_to(volume)
        job = yaml.safe_load((EXAMPLES / "kubernetes" / "job.yaml").read_text())
        (worker,) = job["spec"]["template"]["spec"]["containers"]
        changed = {"$(STUDY)": study, "40": str(num_results), "120": "3600", "python": sys.executable}
        self._output = folder / "printed" / "output"
        run, target, *words = (changed.get(word, word) for word in worker["args"])
        words = [run, target, "--directory", "printed", *words]
        with (folder / "log").open("w") as log:
            self.process = start(*words, folder=folder, stdout=log, stderr=log)

    @property
    def starts(self):
        """From which epoch each training of this node started."""
        said = "".join(path.read_text() for path in sorted(self._output.glob("*.err")))
        return [int(epoch) for epoch in re.findall(r"from epoch (\d+) to", said)]

    def preempt(self):
        """Evicts the pod; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(600)


def create(study, folder):
    shutil.copy(EXAMPLES / "command-line" / "space.yaml", folder)
    shell("create", study, "--space", "space.yaml", "--min-budget", 30, "--max-budget", 90, "--seed", 0, folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["a file", "PostgreSQL"])
def test_another_node_goes_on_where_a_preempted_one_stopped(store, tmp_path, request, monkeypatch):
    """The lease is an hour, so what the second node gets was released. No epoch is trained twice."""
    monkeypatch.setenv("SECONDS_PER_EPOCH", "1")
    study = str(tmp_path / "study.db") if store == "a file" else request.getfixturevalue("database")
    volume = tmp_path / "volume"
    volume.mkdir()
    create(study, tmp_path)
    first = Node(tmp_path / "first", volume, study, 1)
    wait_for(lambda: first.starts == [0])
    assert first.preempt() == exits.TERMINATED
    (unfinished,) = volume.glob("unfinished-*.json")
    reached = json.loads(unfinished.read_text())["epochs"]
    assert 0 < reached < 30
    assert lines(shell("status", study, "--json").stdout)[0]["pending"] == []

    monkeypatch.setenv("SECONDS_PER_EPOCH", "0")
    second = Node(tmp_path / "second", volume, study, 1)
    assert second.process.wait(600) == 0
    assert second.starts == [reached]
    assert list(volume.glob("unfinished-*.json")) == []

    whole, other = str(tmp_path / "whole.db"), tmp_path / "other"
    other.mkdir()
    create(whole, tmp_path)
    assert Node(tmp_path / "third", other, whole, 1).process.wait(600) == 0
    (interrupted,), (uninterrupted,) = trials(study), trials(whole)
    assert interrupted["config"] == uninterrupted["config"]
    assert interrupted["loss"] == uninterrupted["loss"]


def trials(study):
    return lines(shell("trials", study, "--json").stdout)


@pytest.mark.slow
def test_nodes_that_come_and_go_lose_no_trial(tmp_path, monkeypatch):
    """Each node is preempted in the middle of its first training, and another one is added."""
    monkeypatch.setenv("SECONDS_PER_EPOCH", "1")
    study, volume = str(tmp_path / "study.db"), tmp_path / "volume"
    volume.mkdir()
    create(study, tmp_path)
    for number in range(4):
        node = Node(tmp_path / f"spot-{number}", volume, study, 6)
        wait_for(lambda node=node: node.starts)
        assert node.preempt() == exits.TERMINATED
    monkeypatch.setenv("SECONDS_PER_EPOCH", "0")
    last = [Node(tmp_path / f"last-{number}", volume, study, 6) for number in range(2)]
    assert [node.process.wait(600) for node in last] == [0, 0]
    found = lines(shell("status", study, "--json").stdout)[0]
    assert 6 <= found["results"] <= 7
    assert (found["failures"], found["pending"]) == (0, [])
    shell("verify", study)
