"""A search as HTML, for notebooks: its parts, its rungs, its failures and its incumbent."""

from typing import Protocol

from bohb import _html
from bohb._text import config_line, significant
from bohb.objectives import Goal
from bohb.optimizer.tally import Countable, Tally, tally_of
from bohb.space import Space
from bohb.trials import Result


def rung_headers(goal: Goal) -> tuple[str, ...]:
    """Return what stands above the rows of `rung_rows`."""
    return ("budget", "results", "failed", "running", f"best {goal.name}")


class Described(Countable, Protocol):
    """An optimizer or a study."""

    @property
    def space(self) -> Space:
        """The search space."""
        ...

    @property
    def preset(self) -> str:
        """The name of the preset."""
        ...

    @property
    def seed(self) -> int:
        """The seed."""
        ...

    @property
    def incumbent(self) -> Result | None:
        """The incumbent."""
        ...


def search_html(title: str, search: Described) -> str:
    """Return a search as HTML.

    Args:
        title: What it is: an optimizer, or the name of a study.
        search: The search.
    """
    found = tally_of(search)
    rows = [
        ("preset", search.preset),
        ("seed", str(search.seed)),
        ("parameters", ", ".join(search.space.names)),
        *counted(found),
        ("incumbent", incumbent_text(search.incumbent, found.goal)),
    ]
    return _html.pairs(title, rows) + rungs_html(found)


def counted(found: Tally) -> list[tuple[str, str]]:
    """Return what a search has spent, and its failures, as names and texts."""
    reasons = [str(one) for one in found.failures[:3]]
    return [
        ("spent", spent_text(found)),
        ("failures", f"{found.num_failed}{': ' if reasons else ''}{'; '.join(reasons)}"),
    ]


def spent_text(found: Tally) -> str:
    """Return what a search has spent."""
    full = significant(found.full_trainings)
    return f"{significant(found.spent)} of budget, the cost of {full} full trainings"


def incumbent_text(incumbent: Result | None, goal: Goal) -> str:
    """Return the incumbent on one line."""
    if incumbent is None:
        return "none yet"
    return f"{goal.text(incumbent.loss)} at budget {incumbent.trial.budget}; {config_line(incumbent.trial.config)}"


def rungs_html(found: Tally) -> str:
    """Return what happened at each budget as a table."""
    return _html.grid("by budget", rung_headers(found.goal), rung_rows(found))


def rung_rows(found: Tally) -> list[tuple[str, str, str, str, str]]:
    """Return what happened at each budget as rows of text, under `rung_headers`."""
    return [
        (
            str(rung.budget),
            str(rung.num_done),
            str(rung.num_failed),
            str(rung.num_running),
            "-" if rung.best is None else significant(found.goal.value(rung.best.loss)),
        )
        for rung in found.rungs
    ]
