"""`verify`: check that every event is whole, and that every ask is what the optimizer answers to the events before it.

Opening a study checks the chain of its events and replays them without computing anything. Here each ask is computed
again, on the events that its process had seen when the model advised. This shows that the optimizer of the study chose
every trial. Floating-point results may differ in the last bit between platforms and versions of numpy; on the platform
that wrote the study they are equal.
"""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.output import print_json, print_text
from bohb.errors import SpaceExhausted
from bohb.optimizer import Optimizer
from bohb.optimizer.decision import Advice
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
    uses = Counter(seen for event in events if (seen := _seen(event)) is not None)
    advised: dict[int, Advice | None] = {}
    optimizer, index, num_found = _replay(snapshot, 0), 0, 0
    while index < len(events) and num_found < MAX_DIFFERENCES:
        if index in uses:
            advised[index] = optimizer.advise()
        if not isinstance(events[index], Asked | Joined):
            optimizer.apply(events[index])
            index += 1
            continue
        end = _after_ask(events, index)
        seen = _seen(events[end - 1])
        computed = _ask(optimizer, index, None if seen is None else advised.get(seen), is_older=seen is not None)
        _forget(advised, uses, seen)
        kept = events[index : index + len(computed)]
        pairs = enumerate(zip(kept, computed, strict=False))
        first = next((i for i, (one, other) in pairs if not _are_same(one, other)), len(kept))
        if computed and first == len(kept) == len(computed):
            index += len(computed)
            continue
        last = min(index + first, len(events) - 1)
        yield Difference(index + first, events[last], computed[first] if first < len(computed) else None)
        num_found += 1
        index = end
        optimizer = _replay(snapshot, index)


def _are_same(kept: Event, computed: Event) -> bool:
    """Whether two events are equal, with what was learned from the same results.

    A process that learned from other results for a try that came to nothing records that with its next ask.
    """
    if not isinstance(kept, Asked) or not isinstance(computed, Asked):
        return kept == computed
    pairs = [(lesson, computed.learned.get(name)) for name, lesson in kept.learned.items()]
    are_lessons_same = all(one == other for one, other in pairs if other is not None and one.size == other.size)
    return are_lessons_same and replace(kept, learned={}) == replace(computed, learned={})


def _seen(event: Event) -> int | None:
    return event.seen if isinstance(event, Asked) else None


def _forget(advised: dict[int, Advice | None], uses: Counter[int], seen: int | None) -> None:
    """Drop advice that no later ask follows: a long study has much of it."""
    if seen is not None:
        uses[seen] -= 1
        if not uses[seen]:
            advised.pop(seen, None)


def _ask(optimizer: Optimizer, num_before: int, advice: Advice | None, *, is_older: bool) -> Sequence[Event]:
    """Return the events that one ask adds, with advice from before if it had any; empty if there is nothing to ask."""
    try:
        if is_older:
            optimizer.follow(advice)
        else:
            optimizer.ask()
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
    optimizer = Optimizer(snapshot.space, snapshot.ladder, seed=snapshot.seed, preset=snapshot.preset)
    for event in snapshot.events[:num_events]:
        optimizer.apply(event)
    return optimizer
