"""Tables as rows of cells, and as text for a terminal; the page shows the same rows."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import statistics
from benchmarks.report.styles import in_order
from benchmarks.results import Record
from benchmarks.statistics import Panel


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: The title.
        head: The names of the columns.
        rows: As many cells each; the first ones are names.
        note: How to read it.
        best: Cells (row, column) that are the best of their kind.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    best: frozenset[tuple[int, int]] = frozenset()

    def text(self) -> str:
        """Return the table for a terminal, the best cells with a star."""
        starred = [
            [f"{cell}{'*' if (i, j) in self.best else ' '}" for j, cell in enumerate(row)]
            for i, row in enumerate(self.rows)
        ]
        lines = [[f"{name} " for name in self.head], *starred]
        widths = [max(len(line[j]) for line in lines) for j in range(len(self.head))]
        body = [
            " ".join(
                cell.ljust(width) if j == 0 else cell.rjust(width)
                for j, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        return "\n".join(
            [self.title, *(f"  {line}".rstrip() for line in body), *([f"  {self.note}"] if self.note else [])]
        )


def mean_rank_table(panel: Panel) -> Table:
    """Return the mean rank of each optimizer at fractions of the clock, the best at the end first, and its regret."""
    means, regrets = statistics.mean_ranks(panel), statistics.pooled_medians(panel)
    order = np.argsort(means[:, -1], kind="stable")
    pairs = sum(len(of_problem) for of_problem in panel.regrets)
    return Table(
        title=f"Mean rank among {len(panel.optimizers)}, {_workers(panel)}",
        head=("optimizer", *(_fraction(value) for value in panel.fractions), "final regret"),
        rows=tuple((panel.optimizers[k], *(f"{value:.2f}" for value in means[k]), number(regrets[k])) for k in order),
        note=f"by fraction of the clock, and the median of all final regrets; {len(panel.problems)} problems, "
        f"{pairs} searches each{_left_out(panel)}",
        best=_smallest(np.column_stack([means, regrets])[order].T, by_column=True),
    )


def regret_table(panel: Panel) -> Table:
    """Return the median final regret on each problem."""
    return _regrets(
        f"Median final regret, {_workers(panel)}",
        ("problem", "family", *panel.optimizers),
        zip(panel.problems, panel.families, strict=True),
        statistics.medians(panel)[:, :, -1],
        "0 is the best known, 1 the median of random configurations; inf: no result in most runs",
    )


def family_table(panel: Panel) -> Table:
    """Return the median final regret on each family of problems."""
    families = dict.fromkeys(panel.families)
    return _regrets(
        f"Median final regret by family, {_workers(panel)}",
        ("family", "problems", *panel.optimizers),
        ((family, str(panel.families.count(family))) for family in families),
        np.array([statistics.pooled_medians(panel, family) for family in families]),
        "the median of all searches on its problems",
    )


def _regrets(
    title: str, head: tuple[str, ...], names: Iterable[tuple[str, str]], regrets: np.ndarray, note: str
) -> Table:
    """Return a table of regrets, a row for each pair of names and a column for each optimizer."""
    rows = tuple((*pair, *map(number, row)) for pair, row in zip(names, regrets, strict=True))
    return Table(title, head, rows, note, _smallest(regrets, by_column=False, offset=2))


def recommended_table(records: Sequence[Record]) -> Table:
    """Return the final regret of what optimizers recommend of their own, beside that of their incumbents."""
    own = [record for record in records if record.recommended]
    names = in_order(list({record.optimizer for record in own}))
    rows = []
    for name in names:
        mine = [record for record in own if record.optimizer == name]
        pairs = [(record.regret, record.recommended_regret) for record in mine]
        middle = np.median(np.array(pairs), axis=0)
        better = sum(after < before for before, after in pairs)
        worse = sum(after > before for before, after in pairs)
        rows.append((name, number(middle[0]), number(middle[1]), str(better), str(worse), str(len(pairs))))
    return Table(
        title="What is recommended, and the incumbent",
        head=("optimizer", "incumbent", "recommended", "better", "worse", "searches"),
        rows=tuple(rows),
        note="the median final regret; and in how many searches the recommended configuration is truly better or worse",
    )


def duel_table(panel: Panel, reference: str) -> Table:
    """Return the comparison of the reference with each of the others."""
    others = [name for name in panel.optimizers if name != reference]
    duels = [statistics.duel(panel, reference, other) for other in others]
    return Table(
        title=f"{reference} against the others, {_workers(panel)}",
        head=("against", "wins", "ties", "losses", "sign test", "Wilcoxon"),
        rows=tuple(
            (other, str(one.wins), str(one.ties), str(one.losses), p_value(one.sign), p_value(one.wilcoxon))
            for other, one in zip(others, duels, strict=True)
        ),
        note="problems, by the median final regret; two-sided p-values",
    )


def defeat_table(panel: Panel, reference: str) -> Table:
    """Return the problems on which another optimizer ends with a lower median regret than the reference."""
    final = statistics.medians(panel)[:, :, -1]
    mine = final[:, statistics.index_of(panel, reference)]
    ahead = (final < mine[:, None]).sum(axis=1)
    rows = [
        (panel.problems[p], number(mine[p]), str(ahead[p]), panel.optimizers[final[p].argmin()], number(final[p].min()))
        for p in sorted(range(len(mine)), key=lambda p: -ahead[p])
        if ahead[p]
    ]
    return Table(
        title=f"Where {reference} is not the best, {_workers(panel)}",
        head=("problem", "its regret", "how many are better", "the best", "its regret"),
        rows=tuple(rows),
        note=f"median final regret; {len(rows)} of {len(mine)} problems",
    )


def own_costs(records: Iterable[Record]) -> dict[str, float]:
    """Return the time of each optimizer's own code per evaluation, in ms: the median over the runs of one setting."""
    costs: dict[str, list[float]] = {}
    for record in records:
        if told := record.evaluations + record.lost:
            costs.setdefault(record.optimizer, []).append(1e3 * record.seconds / told)
    return {name: float(np.median(values)) for name, values in costs.items()}


def cost_table(records: Iterable[Record]) -> Table:
    """Return the time of the optimizers' own code per evaluation, by setting."""
    records = list(records)
    settings = dict.fromkeys(record.setting for record in records)
    middle = {
        (name, setting): cost
        for setting in settings
        for name, cost in own_costs(each for each in records if each.setting == setting).items()
    }
    names = in_order(list({name for name, _ in middle}))
    return Table(
        title="The optimizer's own time, ms an evaluation",
        head=("optimizer", *settings),
        rows=tuple((name, *(number(middle.get((name, setting), math.nan)) for setting in settings)) for name in names),
        note="median over runs, by setting; wall clock, several processes at a time",
    )


def broken_table(records: Iterable[Record]) -> Table:
    """Return the failures of other libraries."""
    broken: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        if record.error is not None:
            last = (record.error.strip() or "no message").splitlines()[-1]
            broken.setdefault((record.optimizer, record.setting, last), []).append(record.problem)
    rows = tuple(
        (optimizer, setting, str(len(where)), _some(where), message)
        for (optimizer, setting, message), where in sorted(broken.items())
    )
    return Table(
        title="What broke",
        head=("optimizer", "setting", "runs", "problems", "last line of the error"),
        rows=rows,
        note="these runs count with the incumbents that they had until then",
    )


def _some(names: Iterable[str]) -> str:
    """Return up to three of the names."""
    ordered = sorted(set(names))
    return ", ".join(ordered[:3]) + (f" and {len(ordered) - 3} more" if len(ordered) > 3 else "")


def number(value: float) -> str:
    """Return a number to three digits."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "inf"
    return f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"


def p_value(value: float) -> str:
    """Return a p-value; small ones as a bound."""
    return "-" if math.isnan(value) else "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _fraction(value: float) -> str:
    return (
        "end" if value == 1 else f"1/{round(1 / value)}" if round(1 / value) * value == 1 else f"{round(3 * value)}/3"
    )


def _workers(panel: Panel) -> str:
    return f"setting {panel.setting} ({panel.total:g} full trainings)"


def _left_out(panel: Panel) -> str:
    return f"; {panel.incomplete} more left out, where an optimizer has no run" if panel.incomplete else ""


def _smallest(
    values: Sequence[Sequence[float]] | np.ndarray, *, by_column: bool, offset: int = 1
) -> frozenset[tuple[int, int]]:
    """Return the cells with the smallest value of each line of `values`."""
    cells = {(i, j) for i, line in enumerate(np.asarray(values)) for j, value in enumerate(line) if value == line.min()}
    return frozenset((j, i + offset) if by_column else (i, j + offset) for i, j in cells)
