"""Searches in Weights & Biases, offline, read back by its own records."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.callbacks.resumed import needs, plain, run_killed_and_resumed, run_script_of_the_documentation, with_curve

pytestmark = [
    needs("wandb", "wandb"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]
BLOCK, HEADER = 32768, 7
PATIENCE = 120
"""How many seconds a busy machine may take to write a file."""
LAST = (1, 4)
"""The kinds of chunks that end a record: the whole of it, or its last part."""


def records(path: Path) -> Iterator[Any]:
    """The records of an offline run: chunks with a header, in blocks, as LevelDB's logs have them."""
    from wandb.proto import wandb_internal_pb2

    data, at, parts = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + HEADER])
        parts += data[at + HEADER : at + HEADER + size]
        at += HEADER + size
        if kind in LAST:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Every run by its id: its group, its configuration, its history and its summary."""
    runs: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        own = runs.setdefault(path.stem.removeprefix("run-"), {"config": {}, "history": [], "summary": {}})
        for record in records(path):
            own["group"] = record.run.run_group or own.get("group")
            own["config"] |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            own["summary"] |= {item.key: json.loads(item.value_json) for item in record.summary.update if item.key}
            if record.history.item:
                row = {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                own["history"].append(row)
    return runs


def test_every_trial_is_there_once_after_kills(tmp_path: Path) -> None:
    """One run for each configuration, with its parameters, and a loss for each trial; the failure has its error."""
    target = tmp_path / "files"
    run_killed_and_resumed(
        tmp_path, str(target), "WandbCallback", "'digits', name='digits search', directory=target, mode='offline'"
    )
    runs, results = read(target), plain().results
    assert {own["group"] for own in runs.values()} == {"digits search"}
    assert set(runs) == {f"digits_search-{result.trial.config_id}" for result in results}
    for result in results:
        own = runs[f"digits_search-{result.trial.config_id}"]
        assert own["config"]["x"] == result.trial.config["x"]
        rows = [row for row in own["history"] if row.get("trial") == result.trial.id]
        if result.trial.id == 4:
            assert rows == []
            assert own["summary"]["error"] == "ValueError: diverged"
        else:
            # A kill between a record of W&B and ours may write a trial again: never with another value.
            assert rows
            assert {row["_step"] for row in rows} == {result.trial.budget}
            assert {row["loss"] for row in rows} == {result.loss}


def test_a_curve_is_the_history_of_its_run(tmp_path: Path) -> None:
    from bohb.callbacks import WandbCallback

    callback = WandbCallback("digits", name="curves", directory=tmp_path, mode="offline")
    callback(with_curve())
    [path] = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    end = time.monotonic() + PATIENCE
    while not any(record.HasField("exit") for record in records(path)):  # W&B's own process writes it
        assert time.monotonic() < end
        time.sleep(0.2)
    [own] = read(tmp_path).values()
    assert [(row["_step"], row["loss"]) for row in own["history"] if "loss" in row] == [(1, 0.9), (2, 0.7), (9, 0.5)]
    assert own["history"][-1]["top5"] == 0.75


def test_the_script_of_the_documentation_runs(tmp_path: Path) -> None:
    run_script_of_the_documentation("wandb", tmp_path)
