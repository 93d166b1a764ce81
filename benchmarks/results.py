"""A results file: JSON Lines with one line per finished run.

A process that dies while it writes leaves an incomplete last line. That run counts as unfinished, and the next append
removes the line. Several processes may append to one file.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple


class Key(NamedTuple):
    """Which run it is."""

    setting: str
    seed: int
    problem: str
    optimizer: str


@dataclass(frozen=True, slots=True)
class Record:
    """One finished run.

    Attributes:
        problem: The name of the problem.
        family: The family of the problem.
        optimizer: The name of the optimizer.
        versions: The versions of the optimizer's packages.
        seed: The seed of the optimizer and of the simulated noise and failures.
        setting: The name of the setting.
        world: The fields of the setting.
        incumbents: (time, budget, loss, regret) whenever the incumbent changed; times in full trainings.
        evaluations: The number of told results.
        failures: The number of failures among them.
        lost: The number of evaluations that were lost with their worker.
        busy: The total simulated time that workers spent on evaluations.
        ended: The simulated time at which the search ended.
        seconds: The time of the optimizer's own code.
        wall: The time of the whole run, in seconds.
        python: The version of Python.
        machine: Processor, number of cores, operating system.
        error: The error of a compared library, or None. The incumbents up to then count.
        recommended: (time, regret) of what the optimizer recommends of its own, at a few fractions of the clock; empty
            if it recommends its incumbent.
    """

    problem: str
    family: str
    optimizer: str
    versions: dict[str, str]
    seed: int
    setting: str
    world: dict[str, Any]
    incumbents: list[tuple[float, float, float, float]]
    evaluations: int
    failures: int
    lost: int
    busy: float
    ended: float
    seconds: float
    wall: float
    python: str
    machine: str
    error: str | None
    recommended: list[tuple[float, float]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Which run it is."""
        return Key(self.setting, self.seed, self.problem, self.optimizer)

    @property
    def regret(self) -> float:
        """The final regret of the incumbent, infinite without one."""
        return self.incumbents[-1][3] if self.incumbents else math.inf

    @property
    def recommended_regret(self) -> float:
        """The final regret of what the optimizer recommends; that of the incumbent if it recommends none of its own."""
        return self.recommended[-1][1] if self.recommended else self.regret

    @property
    def clock(self) -> float:
        """When the clock of the search stops."""
        return float(self.world["total"]) / int(self.world["workers"])


class ResultsBroken(ValueError):
    """A file is damaged, or is not a results file."""


_FIELDS = {each.name for each in fields(Record)}


def read(path: Path) -> list[Record]:
    """Return the finished runs of a file, the latest of each; none if there is no file.

    Raises:
        ResultsBroken: If a line other than a torn last one cannot be read.
    """
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    records = [_record(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    return list({record.key: record for record in records}.values())


def read_all(paths: Iterable[Path]) -> list[Record]:
    """Return the finished runs of several files; of a run that is in two of them, the one of the later file.

    Raises:
        ResultsBroken: If a file is missing, or a line cannot be read.
    """
    records: dict[Key, Record] = {}
    for path in paths:
        if not path.exists():
            raise ResultsBroken(
                f"expected a results file, found nothing at {path}; make it by: python -m benchmarks run"
            )
        records |= {record.key: record for record in read(path)}
    return list(records.values())


def append(path: Path, record: Record) -> None:
    """Append a finished run, and return when it is on disk. An incomplete last line is removed first."""
    line = json.dumps(asdict(record), allow_nan=False) + "\n"
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # so no other process is writing a line now
        file.truncate(_end_of_lines(path))
        file.write(line.encode())
        os.fsync(file.fileno())


def _end_of_lines(path: Path) -> int:
    """Return where the last complete line ends."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while size:
            start = max(size - 65536, 0)
            file.seek(start)
            newline = file.read(size - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            size = start
    return 0


def _record(line: bytes, path: Path, number: int) -> Record:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise ResultsBroken(
            f"line {number} of {path} is no JSON ({error}); remove the line, and its run is redone"
        ) from None
    if isinstance(values, dict):
        values = {"recommended": [], **values}  # older files have none
    if not isinstance(values, dict) or values.keys() != _FIELDS:
        odd = sorted(_FIELDS ^ values.keys()) if isinstance(values, dict) else [type(values).__name__]
        raise ResultsBroken(f"expected a result in line {number} of {path}, but {', '.join(odd)} is unknown or missing")
    for name in ("incumbents", "recommended"):
        values[name] = [tuple(entry) for entry in values[name]]
    return Record(**values)
