"""`watch`: follow a study that other processes work on, as one view in a terminal, and as plain lines elsewhere."""

import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bohb._checks import check_positive
from bohb._secrets import shown
from bohb.cli import exits
from bohb.cli.arguments import open_study
from bohb.cli.inspect import status_facts
from bohb.cli.output import print_json, print_text, stdout
from bohb.optimizer.tally import Tally, tally_of
from bohb.runner.progress import can_draw
from bohb.runner.view import View, study_line, view_of_study

if TYPE_CHECKING:
    from bohb.study.snapshot import Snapshot
    from bohb.study.study import Study


def watch(options: Namespace) -> int:
    """Show a study until Ctrl-C, or for so many seconds."""
    check_positive("--every", options.every)
    if options.max_seconds is not None:
        check_positive("--max-seconds", options.max_seconds)
    with open_study(options.study) as study:
        watched = _Watched(study)
        if not options.json and can_draw(stdout()):
            _draw(watched, options)
        else:
            _print(watched, options)
    return exits.OK


class _Watched:
    """The newest state of a study; another thread draws it."""

    def __init__(self, study: "Study") -> None:
        self.name = shown(study.target)
        self._study = study
        self._lock = threading.Lock()
        self.refresh()

    def refresh(self) -> bool:
        """Read the study; return whether anything is new."""
        now = self._study.snapshot()
        if hasattr(self, "now") and len(now.events) == len(self.now.events):
            return False
        with self._lock:
            self.now: Snapshot = now
            self.tally: Tally = tally_of(now)
        return True

    def look(self) -> View:
        """Return what to show now."""
        with self._lock:
            return view_of_study(self.name, self.now, self.tally, time.time())


def _draw(watched: _Watched, options: Namespace) -> None:
    from bohb.runner.terminal import Screen

    screen = Screen(stdout(), watched.look)
    try:
        for _ in _moments(options):
            watched.refresh()
    finally:
        screen.close(study_line(watched.now, watched.tally))


def _print(watched: _Watched, options: Namespace) -> None:
    """Print a line now, and one whenever there is news."""
    is_new = True
    for _ in _moments(options):
        if is_new and options.json:
            print_json(status_facts(watched.name, watched.now, watched.tally))
        elif is_new:
            print_text(study_line(watched.now, watched.tally))
        is_new = watched.refresh()


def _moments(options: Namespace) -> Iterator[None]:
    """Yield now and whenever it is time to look again, to the end."""
    ends_at = None if options.max_seconds is None else time.monotonic() + options.max_seconds
    while True:
        yield
        if ends_at is not None and time.monotonic() + options.every > ends_at:
            time.sleep(max(0.0, ends_at - time.monotonic()))
            yield
            return
        time.sleep(options.every)
