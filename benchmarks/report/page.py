"""The report: figures as PNG files, tables as text, and one HTML file that needs nothing else."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import metadata, resources
from pathlib import Path
from string import Template

from benchmarks import statistics
from benchmarks.report import plots, tables
from benchmarks.report.styles import in_order
from benchmarks.report.tables import Table
from benchmarks.results import Record
from benchmarks.settings import setting_of
from benchmarks.statistics import Panel

PAGE = "report.html"
TEXT = "report.txt"
TITLE = "Hyperparameter search: optimizers compared in simulated time"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure on disk, and what it shows."""

    path: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    name: str
    title: str
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]


def make_report(
    records: Sequence[Record],
    folder: Path,
    *,
    reference: str = "bohb-default",
    overhead: Sequence[dict[str, object]] = (),
    commands: Sequence[str] = (),
) -> str:
    """Write the figures, the tables as text and the page into a folder, and returns the text.

    Args:
        records: The finished runs, of any number of settings.
        folder: The folder; it is created if it does not exist.
        reference: The optimizer that is compared with the others.
        overhead: The lines of `python -m benchmarks.overhead --json`; without any, there is no such figure.
        commands: The commands that made the records; by default commands that would make them again.

    Raises:
        ValueError: If there are no records, or the reference has none in some setting.
    """
    if not records:
        raise ValueError("expected at least one finished run, got none")
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({record.setting for record in records}, key=_by_workers)
    sections = [_setting_section(records, name, folder, reference) for name in names]
    sections.append(_cost_section(records, overhead, folder))
    text = "\n\n".join(table.text() for section in sections for table in section.tables) + "\n"
    (folder / TEXT).write_text(text, encoding="utf-8")
    (folder / PAGE).write_text(_page(sections, records, commands or run_commands(records)), encoding="utf-8")
    return text


def _setting_section(records: Sequence[Record], setting: str, folder: Path, reference: str) -> Section:
    mine = [record for record in records if record.setting == setting]
    optimizers = in_order(list({record.optimizer for record in mine}))
    panel = statistics.panel_of(mine, optimizers=optimizers)
    statistics.index_of(panel, reference)  # raises its errors before anything is drawn
    shown = [tables.mean_rank_table(panel)]
    if len(optimizers) > 1:
        shown += [tables.duel_table(panel, reference), tables.defeat_table(panel, reference)]
    shown += [tables.family_table(panel), tables.regret_table(panel)]
    if any(record.recommended for record in mine):
        shown.append(tables.recommended_table(mine))
    if any(record.error for record in mine):
        shown.append(tables.broken_table(mine))
    dense = statistics.panel_of(mine, fractions=plots.TIMES, optimizers=optimizers)
    pictures = _pictures(panel, dense, tables.own_costs(mine), folder, reference)
    return Section(f"setting-{setting}", _title(setting), pictures, tuple(shown))


def _pictures(
    panel: Panel, dense: Panel, costs: Mapping[str, float], folder: Path, reference: str
) -> tuple[Picture, ...]:
    setting = panel.setting
    regret, ranks = folder / f"regret-{setting}.png", folder / f"ranks-{setting}.png"
    plots.draw_regret(dense, regret)
    pictures = [
        Picture(
            regret, "Regret of the incumbent over time: the mean over a family's problems of the median over seeds."
        )
    ]
    if len(panel.optimizers) > 1:
        plots.draw_ranks(dense, ranks, reference=reference)
        caption = f"Mean rank over time, with the 95 % bootstrap band of {reference} over problems and seeds."
        pictures.append(Picture(ranks, caption))
        bands = folder / f"rank-bands-{setting}.png"
        plots.draw_rank_bands(dense, bands)
        pictures.append(Picture(bands, "The same with the band of each optimizer, the others in grey."))
        if set(panel.optimizers) <= costs.keys():
            by_cost = folder / f"rank-by-cost-{setting}.png"
            plots.draw_rank_by_cost(panel, costs, by_cost)
            pictures.append(Picture(by_cost, "Mean rank at the end over the optimizer's own time for an evaluation."))
        differences = folder / f"differences-{setting}.png"
        plots.draw_differences(statistics.compare(panel), panel.optimizers, differences)
        caption = "Critical-difference diagram (Demšar 2006): optimizers under one bar cannot be told apart."
        pictures.append(Picture(differences, caption))
    return tuple(pictures)


def _cost_section(records: Sequence[Record], overhead: Sequence[dict[str, object]], folder: Path) -> Section:
    pictures: tuple[Picture, ...] = ()
    if overhead:
        path = folder / "overhead.png"
        plots.draw_overhead(overhead, path)
        caption = (
            "CPU time of an ask and a tell against the number of results. The numpy floor is what two densities over "
            "all results and 64 candidates take with nothing around them; who thins the results can be below it."
        )
        pictures = (Picture(path, caption),)
    ordered = sorted(records, key=lambda record: _by_workers(record.setting))
    return Section("cost", "What the optimizers cost", pictures, (tables.cost_table(ordered),))


def _by_workers(setting: str) -> tuple[int, str]:
    return setting_of(setting).workers, setting


def _title(setting: str) -> str:
    world = setting_of(setting)
    parts = [f"{world.workers} worker{'s' if world.workers > 1 else ''}", f"{world.total:g} full trainings"]
    parts += [f"stragglers (sigma {world.stragglers:g})"] if world.stragglers else []
    parts += [f"{world.crashes:.0%} of configurations crash"] if world.crashes else []
    parts += [f"{world.losses:.0%} of workers lost"] if world.losses else []
    parts += ["no checkpoints"] if not world.resume else []
    parts += ["measured durations"] if world.measured else []
    parts += [f"optimizer's time counts, {world.seconds:g} s a full training"] if world.seconds else []
    return ", ".join(parts)


# HTML.


def _page(sections: Sequence[Section], records: Sequence[Record], commands: Sequence[str]) -> str:
    template = Template(resources.files("benchmarks.report").joinpath("page.html").read_text(encoding="utf-8"))
    problems, optimizers = {record.problem for record in records}, {record.optimizer for record in records}
    summary = (
        f"{len(records):,} searches: {len(optimizers)} optimizers on {len(problems)} problems, up to "
        f"{max(_seeds(records).values())} seeds. Regret is that of the incumbent, the lowest observed loss at the "
        "largest budget seen so far, measured without noise and normalised: 0 is the best known, 1 the median of "
        "random configurations at the full budget."
    )
    links = [(section.name, section.title) for section in sections] + [("origin", "How this was made")]
    return template.substitute(
        title=escape(TITLE),
        summary=escape(summary),
        links=" ".join(f'<a href="#{escape(name)}">{escape(title)}</a>' for name, title in links),
        sections="\n".join([*(_section(section) for section in sections), _origin(records, commands)]),
    )


def _section(section: Section) -> str:
    parts = [f'<h2 id="{escape(section.name)}">{escape(section.title)}</h2>']
    parts += [_figure(picture) for picture in section.pictures]
    parts += [_table(table) for table in section.tables]
    return "\n".join(parts)


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode()
    caption = escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )


def _table(table: Table) -> str:
    if not table.rows:
        return f'<h3>{escape(table.title)}</h3>\n<p class="note">Nowhere.</p>'
    texts = {j for j in range(len(table.head)) if all(_is_text(row[j]) for row in table.rows)}
    head = "".join(f"<th{_class(j in texts and 'text')}>{escape(name)}</th>" for j, name in enumerate(table.head))
    rows = "\n".join(
        "<tr>" + "".join(_cell(cell, j in texts, (i, j) in table.best) for j, cell in enumerate(row)) + "</tr>"
        for i, row in enumerate(table.rows)
    )
    wide = _class(len(table.head) > 9 and "wide")
    return (
        f'<h3>{escape(table.title)}</h3>\n<div class="scroll"><table{wide}>\n<thead><tr>{head}</tr></thead>\n'
        f'<tbody>\n{rows}\n</tbody></table></div>\n<p class="note">{escape(table.note)}</p>'
    )


def _cell(text: str, is_text: bool, is_best: bool) -> str:
    names = [name for name, holds in (("text", is_text), ("best", is_best), ("long", len(text) > 40)) if holds]
    return f"<td{_class(' '.join(names))}>{escape(text)}</td>"


def _class(names: str | bool) -> str:
    return f' class="{names}"' if names else ""


def _is_text(cell: str) -> bool:
    """Return whether a cell is a name and no number."""
    try:
        float(cell.removeprefix("<"))
    except ValueError:
        return cell != "-"
    return False


def _origin(records: Sequence[Record], commands: Sequence[str]) -> str:
    versions = sorted({f"{name} {version}" for record in records for name, version in record.versions.items()})
    here = [f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "ConfigSpace", "matplotlib")]
    facts = {
        "Machine": sorted({record.machine for record in records}),
        "Python": sorted({record.python for record in records}),
        "Versions of the optimizers": [", ".join(versions)],
        "Versions of what made this report": [", ".join(here)],
        "Seeds of each optimizer": [f"{name}: {count}" for name, count in _seeds(records).items()],
        "Time that the runs took": [f"{sum(record.wall for record in records) / 3600:.2f} hours of one process"],
    }
    listed = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(map(escape, lines))}</dd>" for name, lines in facts.items()
    )
    text = escape("\n".join(commands))
    return f'<h2 id="origin">How this was made</h2>\n<pre>{text}</pre>\n<dl>\n{listed}\n</dl>'


def run_commands(records: Sequence[Record]) -> list[str]:
    """Return the commands that make such records again, one a group of settings with the same problems and seeds."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for setting in sorted({record.setting for record in records}, key=_by_workers):
        mine = [record for record in records if record.setting == setting]
        names = (dict.fromkeys(record.problem for record in mine), in_order(list({one.optimizer for one in mine})))
        seeds = str(max(_seeds(mine).values()))
        groups.setdefault((" ".join(names[0]), " ".join(names[1]), seeds), []).append(setting)
    return [
        f"python -m benchmarks run --problems {problems} --optimizers {optimizers} --workers {' '.join(settings)} "
        f"--seeds {seeds} --out results.jsonl"
        for (problems, optimizers, seeds), settings in groups.items()
    ]


def _seeds(records: Iterable[Record]) -> dict[str, int]:
    seeds: dict[str, set[int]] = {}
    for record in records:
        seeds.setdefault(record.optimizer, set()).add(record.seed)
    return {name: len(seeds[name]) for name in in_order(list(seeds))}


def read_overhead(path: Path) -> list[dict[str, object]]:
    """Return the lines of `python -m benchmarks.overhead --json`.

    Raises:
        ValueError: If a line is not valid.
    """
    lines: list[dict[str, object]] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = json.loads(text)
        if not isinstance(line, dict) or "optimizer" not in line:
            raise ValueError(
                f"expected a line of benchmarks.overhead --json, got line {number} of {path}: {text[:80]!r}"
            )
        lines.append(line)
    return lines
