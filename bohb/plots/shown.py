"""A search as pictures need it: its frame, the values that people told, and names for axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bohb._frame import CONFIG, Context, context_of
from bohb._text import significant
from bohb.arrays import Floats, Indices, Mask
from bohb.errors import SettingError
from bohb.frames import to_frame
from bohb.plots.axes import drawable
from bohb.plots.theme import plain

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Shown:
    """A search to be shown.

    Attributes:
        frame: Its results, or the points of its curves.
        context: Its parameters and budgets.
        unit: The unit of the budgets, such as "epochs"; None if nobody said.
    """

    frame: "pd.DataFrame"
    context: Context
    unit: str | None = None

    @cached_property
    def losses(self) -> Floats:
        """The losses; infinite or NaN for failures."""
        return np.asarray(self.frame["loss"], dtype=float)

    @cached_property
    def is_ok(self) -> Mask:
        """Which rows have a finite loss."""
        return np.isfinite(self.losses)

    @cached_property
    def costs(self) -> Floats:
        """The cost of each budget."""
        return self.context.costs(self.frame)

    @property
    def used(self) -> Floats:
        """The cost of what each trial used: less than that of its budget if it stopped itself early."""
        if "used" not in self.frame:
            return self.costs
        used, budgets = self.frame["used"].astype(object), self.frame["budget"].astype(object)
        return self.context.costs(self.frame.assign(budget=used.where(used.notna(), budgets)))

    @cached_property
    def levels(self) -> Indices:
        """The level of each budget: its index on the ladder, or that of the next one above."""
        return np.minimum(np.searchsorted(self.context.ladder.costs, self.costs), len(self.context.ladder) - 1)

    @cached_property
    def values(self) -> Floats:
        """What the user told, as it is drawn: the losses, or the metric that is to be maximised."""
        return drawable(self.sign * self.losses)

    @property
    def sign(self) -> float:
        """1 if what was told is to be minimised, -1 if it is to be maximised."""
        return self.context.sign

    @property
    def told(self) -> str:
        """The name of what the user told."""
        return self.context.told

    @property
    def budget(self) -> str:
        """The name of the axis of budgets."""
        return "budget" if self.unit is None else f"budget ({plain(self.unit)})"

    def budget_text(self, level: int) -> str:
        """Return what an axis says at a budget."""
        return budget_text(self.context.ladder[level])

    def column(self, name: str) -> "pd.Series[Any]":
        """Return the values of a parameter."""
        return self.frame[CONFIG + name]

    def hover(self, rows: Indices | None = None) -> list[str]:
        """Return what is said of each row: the trial, its budget, what was told, and its configuration."""
        part = self.frame if rows is None else self.frame.iloc[rows]
        told = self.sign * (self.losses if rows is None else self.losses[rows])
        configs = [self.column(name).loc[part.index].tolist() for name in self.context.parameters]
        known = [self.column(name).loc[part.index].notna().tolist() for name in self.context.parameters]
        lines = []
        for row, (trial, budget, value) in enumerate(zip(part["trial"], part["budget"], told, strict=True)):
            own = [
                f"{name} = {significant(column[row])}"
                for name, column, is_set in zip(self.context.parameters, configs, known, strict=True)
                if is_set[row]
            ]
            head = f"trial {trial}, budget {budget_text(budget)}: {self.told} {significant(value)}"
            lines.append("<br>".join(plain(line) for line in [head, *own]))
        return lines


def shown_of(search: Any, *, curves: bool = False, unit: str | None = None) -> Shown:
    """Return a search as pictures need it.

    Raises:
        SettingError: If there is no result to show.
    """
    frame = to_frame(search, curves=curves)
    context = context_of(frame)
    if not len(frame):
        raise SettingError("expected at least one result to show, got none; tell one first")
    return Shown(frame, context, unit)


def budget_text(budget: Any) -> str:
    """Return a budget on one line."""
    if isinstance(budget, Mapping):
        return ", ".join(f"{name}={significant(value)}" for name, value in budget.items())
    return significant(budget)


def best_so_far(shown: Shown) -> list[int]:
    """Return the rows that were the incumbent: the lowest loss at the largest budget that had one."""
    found: list[int] = []
    level, loss = -1, np.inf
    for row in np.flatnonzero(shown.is_ok).tolist():
        if (-shown.levels[row], shown.losses[row]) < (-level, loss):
            level, loss = shown.levels[row], shown.losses[row]
            found.append(row)
    return found


def spent(shown: Shown) -> Floats:
    """Return the budget that was spent up to each row.

    A trial that resumed costs what its checkpoint lacks. What was not asked is free: observed, or reported on the way.
    """
    rows = {trial: row for row, trial in enumerate(shown.frame["trial"].tolist())}
    has_checkpoint = shown.frame["checkpoint"].notna().tolist() if "checkpoint" in shown.frame else [False] * len(rows)
    previous: Sequence[Any] = shown.frame["previous"].tolist() if "previous" in shown.frame else [None] * len(rows)
    used = shown.used
    own = used.copy()
    for row, before in enumerate(previous):
        resumed = rows.get(before) if isinstance(before, int) else None
        if resumed is not None and has_checkpoint[resumed]:
            own[row] = max(0.0, own[row] - used[resumed])
    own[shown.frame["trial"].to_numpy() < 0] = 0.0
    return np.cumsum(own)
