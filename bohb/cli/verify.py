"""`verify`: check that every event is whole, and that every ask is what the optimizer answers to the events before it.

Opening a study checks the chain of its events and replays them without computing anything. Here each ask is computed
again, on the events that its process had seen when the model advised. This shows that the optimizer of the study chose
every trial. Floating-point results may differ in the last bit between platforms and versions of numpy; on the platform
that wrote the study they are equal.
"""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_text
from bohb.errors import SpaceExhausted
from bohb.optimizer import Optimizer
from bohb.optimizer.advice import Advice
from bohb.optimizer.events import Asked, Event, Joined

if TYPE_CHECKING:
    from bohb.study.snapshot import Snapshot

MAX_DIFFERENCES = 10
"""Each difference takes a replay, and more of them would say little."""


@dataclass(frozen=True)
class Difference:
    """An ask that comes out differently; `index` counts the events of the search from 0."""

    index: int
    kept: Event
    computed: Event | None

    def __str__(self) -> str:
        """Return the difference for people."""
        return f"event {self.index}: the study has {self.kept}, computed again it is {self.computed}"


def verify(options: Namespace) -> int:
    """Check a study."""
    with open_study(options.study) as study:
        snapshot = study.snapshot()
    found = list(differences(snapshot))
    num_events, num_asked = len(snapshot.events), sum(isinstance(event, Asked) for event in snapshot.events)
    if options.json:
        listed = [{"event": one.index, "text": str(one)} for one in found]
        print_json({"events": num_events, "asks": num_asked, "differences": listed})
    else:
        print_text(f"{num_events} events are whole; {num_asked} asks computed again, {len(found)} came out differently")
        for one in found:
            print_text(str(one))
    return exits.NO if found else exits.OK


def differences(snapshot: "Snapshot") -> Iterator[Difference]:
    """Yield where a computed ask differs from the recorded one, at most `MAX_DIFFERENCES` times."""
    events = snapshot.events
    bases = Counter(basis for event in events if (basis := _older_basis(event)) is not None)
    advised: dict[_Basis, Advice | None] = {}
    optimizer, index, num_found = _replay(snapshot, 0), 0, 0
    while index < len(events) and num_found < MAX_DIFFERENCES:
        for may_learn in (False, True):
            if (index, may_learn) in bases:
                advised[index, may_learn] = optimizer.advise(may_learn=may_learn)
        if not isinstance(events[index], Asked | Joined):
            optimizer.apply(events[index])
            index += 1
            continue
        end = _after_ask(events, index)
        computed = _ask(optimizer, events[end - 1], advised)
        _forget(advised, bases, _older_basis(events[end - 1]))
        kept = events[index : index + len(computed)]
        pairs = enumerate(zip(kept, computed, strict=False))
        first = next((i for i, (one, other) in pairs if one != other), len(kept))
        if computed and first == len(kept) == len(computed):
            index += len(computed)
            continue
        last = min(index + first, len(events) - 1)
        yield Difference(index + first, events[last], computed[first] if first < len(computed) else None)
        num_found += 1
        index = end
        optimizer = _replay(snapshot, index)


_Basis = tuple[int, bool]
"""The number of events that the model had seen when it advised, and whether it learned."""


def _older_basis(event: Event) -> _Basis | None:
    """Return what an ask rests on if its process had not seen all events before it."""
    return (event.seen, bool(event.learned)) if isinstance(event, Asked) and event.seen is not None else None


def _forget(advised: dict[_Basis, Advice | None], bases: Counter[_Basis], basis: _Basis | None) -> None:
    """Drop advice that no later ask follows: a long study has much of it."""
    if basis is not None:
        bases[basis] -= 1
        if not bases[basis]:
            advised.pop(basis, None)


def _ask(optimizer: Optimizer, kept: Event, advised: Mapping[_Basis, Advice | None]) -> Sequence[Event]:
    """Return the events that an ask adds if it rests on what the kept one did; empty if there is nothing to ask."""
    num_before, basis = len(optimizer.events), _older_basis(kept)
    learned = isinstance(kept, Asked) and bool(kept.learned)
    try:
        optimizer.follow(optimizer.advise(may_learn=learned) if basis is None else advised.get(basis))
    except SpaceExhausted:
        return ()
    return optimizer.events[num_before:]


def _after_ask(events: Sequence[Event], index: int) -> int:
    """Return the index after the ask that begins at `index`."""
    while not isinstance(events[index], Asked) and index + 1 < len(events):
        index += 1
    return index + 1


def _replay(snapshot: "Snapshot", num_events: int) -> Optimizer:
    """Return an optimizer that has seen the first events."""
    parts: dict[str, Any] = {"seed": snapshot.seed, "preset": snapshot.preset, "objectives": snapshot.objectives}
    parts["repeats"] = snapshot.repeats
    optimizer = Optimizer(snapshot.space, snapshot.ladders[0], **parts)
    for event in snapshot.events[:num_events]:
        optimizer.apply(event)
    return optimizer
