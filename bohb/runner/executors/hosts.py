"""Share out the slots of a cluster: which hosts each of the trials that run at the same time may use.

Hosts are written as Horovod writes them, `"h1:2,h2:4"`: a name, and how many ranks may run there.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from bohb._checks import positive_integer
from bohb._text import brief
from bohb.errors import SettingError
from bohb.runner.workers import devices

Host = tuple[str, int]
"""The name of a host and its number of slots."""

LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class SharedSlots:
    """The slots of an executor, shared out.

    Attributes:
        hosts: The hosts of each trial that can run at the same time, as Horovod writes them.
        per_trial: The number of ranks of a trial.
        is_local: Whether every host is this machine.
    """

    hosts: Sequence[str]
    per_trial: int
    is_local: bool


def share_slots(slots: int | None, slots_per_trial: int, hosts: str | None) -> SharedSlots:
    """Return the slots of each trial that can run at the same time.

    Args:
        slots: How many slots to use in all; None for all slots of the hosts, or one for each core of this machine.
        slots_per_trial: How many slots each trial takes.
        hosts: The hosts, `"h1:2,h2:4"`; None for this machine.

    Raises:
        SettingError: If a number is not positive, the hosts cannot be read, or there are too few slots.
    """
    for name, value in (("slots", slots), ("slots_per_trial", slots_per_trial)):
        if value is not None:
            positive_integer(name, value)
    known = [(LOCAL, slots or devices.num_cores())] if hosts is None else parse_hosts(hosts)
    used = _first(known, slots)
    available = sum(number for _, number in used)
    if available < max(slots_per_trial, slots or 1):
        raise SettingError(
            f"expected {max(slots_per_trial, slots or 1)} slots, got {available} on {hosts or LOCAL}; name more hosts, "
            "or more slots for them"
        )
    is_local = all(name in (LOCAL, "127.0.0.1", socket.gethostname()) for name, _ in used)
    return SharedSlots(_groups(used, slots_per_trial), slots_per_trial, is_local)


def parse_hosts(hosts: str) -> list[Host]:
    """Return the hosts that a text like `"h1:2,h2:4"` names; a host without a number has one slot.

    Raises:
        SettingError: If the text has another form, or names a host twice.
    """
    found = [re.fullmatch(r"\s*([\w.-]+)(?::([1-9]\d*))?\s*", part) for part in str(hosts).split(",")]
    names = [match[1] for match in found if match is not None]
    if len(names) < len(found) or len(set(names)) < len(names):
        raise SettingError(f"expected different hosts with their slots, as in 'h1:2,h2:4', got {brief(hosts)}")
    return [(match[1], int(match[2] or 1)) for match in found if match is not None]


def _first(hosts: Sequence[Host], slots: int | None) -> list[Host]:
    """Return the hosts of the first `slots` slots; of all slots if it is None."""
    used, left = [], sum(number for _, number in hosts) if slots is None else slots
    for name, number in hosts:
        if left > 0:
            used.append((name, min(number, left)))
            left -= number
    return used


def _groups(hosts: Sequence[Host], per_trial: int) -> list[str]:
    """Put each trial on one host as long as one has room, since ranks communicate faster there; others span hosts."""
    groups = [f"{name}:{per_trial}" for name, number in hosts for _ in range(number // per_trial)]
    rest = [name for name, number in hosts for _ in range(number % per_trial)]
    for start in range(0, len(rest) - per_trial + 1, per_trial):
        group = rest[start : start + per_trial]
        groups.append(",".join(f"{name}:{group.count(name)}" for name in dict.fromkeys(group)))
    return groups
