"""`verify`: is every event whole, and is every ask what the optimizer answers to the events before it.

Opening a study checks the chain of its events, and replays them without computing anything. Here each ask is computed
again, so that a study shows by itself that nobody but its optimizer chose the trials. Floating-point results may differ
in the last bit between platforms and versions of numpy; on the platform that wrote the study, they do not.
"""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bohb.cli import exits
from bohb.cli.ask import open_study
from bohb.cli.output import print_json, print_text
from bohb.errors import SpaceExhausted
from bohb.optimizer import Optimizer
from bohb.optimizer.events import Asked, Event, Joined

MAX_DIFFERENCES = 10
"""After so many there is little to learn from more, and each takes a replay."""


@dataclass(frozen=True)
class Difference:
    """An ask that comes out otherwise; `place` counts the events of the search from 0."""

    place: int
    kept: Event
    computed: Event | None

    def __str__(self) -> str:
        """Returns the difference for people."""
        return f"event {self.place}: the study has {self.kept}, computed again it is {self.computed}"


def verify(options: Namespace) -> int:
    """Checks a study."""
    with open_study(options.study) as study:
        state = study.to_state()
    events = Optimizer.from_state(state).events
    found = list(differences(state, events))
    num_asked = sum(isinstance(event, Asked) for event in events)
    if options.json:
        places = [{"event": one.place, "text": str(one)} for one in found]
        print_json({"events": len(events), "asks": num_asked, "differences": places})
    else:
        print_text(f"{len(events)} events are whole; {num_asked} asks computed again, {len(found)} came out otherwise")
        for one in found:
            print_text(str(one))
    return exits.NO if found else exits.OK


def differences(state: dict[str, Any], events: Sequence[Event]) -> Iterator[Difference]:
    """Yields where computing differs from what is kept, `MAX_DIFFERENCES` at most.

    Args:
        state: What `to_state` returned.
        events: All of its events.
    """
    optimizer, place, num_found = _fresh(state, events[:0]), 0, 0
    while place < len(events) and num_found < MAX_DIFFERENCES:
        if not isinstance(events[place], Asked | Joined):
            optimizer.apply(events[place])
            place += 1
            continue
        computed = _ask(optimizer, place)
        kept = events[place : place + len(computed)]
        if computed and list(kept) == list(computed):
            place += len(computed)
            continue
        at = next((i for i, (one, other) in enumerate(zip(kept, computed, strict=False)) if one != other), len(kept))
        yield Difference(
            place + at, events[min(place + at, len(events) - 1)], computed[at] if at < len(computed) else None
        )
        num_found += 1
        place = _next_ask(events, place)
        optimizer = _fresh(state, events[:place])


def _ask(optimizer: Optimizer, num_before: int) -> Sequence[Event]:
    """Returns the events that one ask adds, none if there is nothing to ask."""
    try:
        optimizer.ask()
    except SpaceExhausted:
        return ()
    return optimizer.events[num_before:]


def _next_ask(events: Sequence[Event], place: int) -> int:
    """Returns the place after the ask that begins at a place."""
    while not isinstance(events[place], Asked) and place + 1 < len(events):
        place += 1
    return place + 1


def _fresh(state: dict[str, Any], events: Sequence[Event]) -> Optimizer:
    optimizer = Optimizer.from_state({**state, "events": []})
    for event in events:
        optimizer.apply(event)
    return optimizer
