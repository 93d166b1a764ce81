"""The report: its files exist, show the results, and are self-contained."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.report.page import PAGE, TEXT, make_report, read_overhead
from benchmarks.report.plots import _apart
from benchmarks.report.styles import in_order, style_of
from benchmarks.report.tables import duel_table, family_table, mean_rank_table, regret_table
from benchmarks.statistics import panel_of
from tests.benchmarks.worlds import record, records

EVIL = "<script>alert('x & \"y\"')</script>"


class Links(HTMLParser):
    """Collects the references of a page, and checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attributes if name in ("src", "href", "action", "data", "srcset")]
        self.ids |= {value or "" for name, value in attributes if name == "id"}
        if tag not in ("meta", "img", "br"):
            self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made = records(settings=("1", "32-stragglers"))
    made.append(record(EVIL, "dehb", 0, [], error=f"Traceback\n{EVIL}"))
    made += [record(EVIL, name, 0, [0.5, 0.4]) for name in ("random", "bohb-default")]
    overhead = [
        {"optimizer": name, "results": n, "ask": n / 100, "tell": 0.1}
        for name in ("bohb", "numpy floor")
        for n in (10, 1000)
    ]
    make_report(made, folder, overhead=overhead, commands=["python -m benchmarks run", EVIL])
    return folder


def test_every_figure_is_an_image(folder: Path) -> None:
    kinds = ("regret", "ranks", "rank-bands", "rank-by-cost", "differences")
    wanted = {f"{kind}-{setting}.png" for kind in kinds for setting in ("1", "32-stragglers")} | {"overhead.png"}
    assert {path.name for path in folder.iterdir()} == wanted | {PAGE, TEXT}
    for name in wanted:
        data = (folder / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 10_000


def test_the_page_is_self_contained(folder: Path) -> None:
    page = (folder / PAGE).read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert not links.tags
    assert sum(link.startswith("data:image/png;base64,") for link in links.links) == 11
    assert {link[1:] for link in links.links if link.startswith("#")} <= links.ids
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links.links)
    without_pictures = re.sub(r"base64,[^\"]*", "", page)
    assert not re.search(r"https?://|url\(|@import|<script", without_pictures)


def test_the_page_shows_escaped_results(folder: Path) -> None:
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert EVIL not in page
    assert page.count("&lt;script&gt;") >= 3
    for text in (
        "1 worker, 30 full trainings",
        "stragglers (sigma 1)",
        "What broke",
        "package 1.0",
        "python -m benchmarks run",
    ):
        assert text in page


def test_the_text_has_every_table(folder: Path) -> None:
    text = (folder / TEXT).read_text(encoding="utf-8")
    for title in (
        "Mean rank",
        "against the others",
        "is not the best",
        "Median final regret by family",
        "Median final regret, setting",
        "What broke",
        "own time",
    ):
        assert title in text


def test_tables_put_the_best_first_and_mark_it() -> None:
    made = [
        record("p", name, seed, [value] * 12) for name, value in (("a", 0.3), ("b", 0.1), ("c", 0.2)) for seed in (0, 1)
    ]
    panel = panel_of(made)
    ranks, regrets, duels = mean_rank_table(panel), regret_table(panel), duel_table(panel, "c")
    assert [row[0] for row in ranks.rows] == ["b", "c", "a"]
    assert ranks.head == ("optimizer", "1/12", "1/6", "1/3", "2/3", "end", "final regret")
    assert ranks.best == {(0, column) for column in range(1, 7)}
    assert ranks.rows[0] == ("b", *["1.00"] * 5, "0.100")
    assert regrets.rows == (("p", "family", "0.300", "0.100", "0.200"),)
    assert regrets.best == {(0, 3)}
    assert [row[:4] for row in duels.rows] == [("a", "1", "0", "0"), ("b", "0", "0", "1")]
    assert "0.100*" in regrets.text()


def test_family_regret_is_the_median_of_its_searches() -> None:
    """It is not the median of the problems' medians, 0.2 and 0.9 in one family and 0.9 in the other."""
    final = {("p", 0): 0.1, ("p", 1): 0.2, ("p", 2): 0.3, ("q", 0): 0.9, ("r", 0): 0.9}
    made = [
        record(problem, "a", seed, [1.0, value], family="alone" if problem == "r" else "both")
        for (problem, seed), value in final.items()
    ]
    panel = panel_of(made)
    assert family_table(panel).rows == (("both", "2", "0.250"), ("alone", "1", "0.900"))
    assert mean_rank_table(panel).rows[0][-1] == "0.300"


def test_a_single_optimizer_is_reported(tmp_path: Path) -> None:
    made = [record("p", "bohb-default", seed, [0.3]) for seed in (0, 1)]
    assert "Median final regret" in make_report(made, tmp_path)


def test_invalid_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one finished run"):
        make_report([], tmp_path)
    with pytest.raises(ValueError, match="expected one of random, dehb in setting 1, got 'bohb-default'"):
        make_report(records(optimizers=("random", "dehb")), tmp_path)
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"a": 1}))
    with pytest.raises(ValueError, match="line 1"):
        read_overhead(lines)


def test_every_optimizer_has_its_own_style() -> None:
    names = in_order(
        ["zzz", "random", "hpbandster", "bohb-default", "optuna-tpe", "dehb", "smac-mf", "neps", "bohb-paper"]
    )
    assert names[0] == "bohb-default"
    assert names[-1] == "zzz"
    assert len({(style_of(name).color, style_of(name).line) for name in names}) == len(names)
    assert len({style_of(name).marker for name in names}) == len(names), "in grey, markers tell them apart"


def test_labels_stay_apart_and_in_order() -> None:
    places = _apart([1.0, 1.05, 1.1, 5.0, 5.0], 0.5)
    assert all(b - a >= 0.5 - 1e-9 for a, b in pairwise(places))
    assert places[:3] == pytest.approx([0.55, 1.05, 1.55])
    assert places[3:] == pytest.approx([4.75, 5.25])
