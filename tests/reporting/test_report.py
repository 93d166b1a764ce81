"""The report as a file: one, whole, escaped, and never over something else."""

import ast
import base64
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from bohb.errors import SettingError
from bohb.plots.theme import javascript
from tests.reporting.searches import HOSTILE, SPACE, make_study, told

for needed in ("jinja2", "plotly", "pandas", "sklearn"):
    pytest.importorskip(needed)


TIMES = "\N{MULTIPLICATION SIGN}"


class Page(HTMLParser):
    """A page as a browser reads it: its tags, the texts outside of scripts, and its scripts by their ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: dict[str | None, str] = {}
        self._script: str | None = None
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_script, self._script = tag == "script", dict(attrs).get("id")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[self._script] = data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What a reader sees."""
        return " ".join(" ".join(self.texts).split())

    def data(self) -> Any:
        """What the page computes with."""
        return json.loads(unpacked(self.scripts["data"]))


def unpacked(text: str) -> str:
    return gzip.decompress(base64.b64decode(text)).decode()


def values_of(code: str) -> dict[str, Any]:
    """What a text in Python sets."""
    lines: list[Any] = ast.parse(code).body
    return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bohb.Study:
    return make_study(tmp_path_factory.mktemp("made") / "<i>&study.db")


@pytest.fixture(scope="module")
def page(study: bohb.Study, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("written") / "report.html"
    bohb.report(study, path)
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_asks_for_nothing(page: Page) -> None:
    """No address but of itself, and a policy that forbids any."""
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert addresses
    assert all(str(address).startswith(("#", "data:,")) for address in addresses)
    [policy] = [str(own["content"]) for tag, own in page.tags if "http-equiv" in own]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_every_text_of_the_user_is_escaped(page: Page, study: bohb.Study) -> None:
    assert [own.get("id") for tag, own in page.tags if tag == "script"] == ["library", "data", None]
    assert "i" not in {tag for tag, _ in page.tags}
    assert HOSTILE in page.text
    assert study.target in page.text
    assert "alert(1)" not in page.scripts[None]
    figures = page.data()["figures"]
    for axis in figures["parallel"]["data"][0]["dimensions"]:
        axis.pop("ticktext", None)  # plotly shows these as they are
    assert not re.findall(r"<(?!br>|extra>|/extra>)", json.dumps(figures))


def test_the_answer_is_the_incumbent(page: Page, study: bohb.Study) -> None:
    best = study.incumbent
    assert best is not None
    assert f"loss {best.loss:.4g} at budget {best.trial.budget}, by trial {best.trial.id}" in page.text
    assert str(best.checkpoint) in page.text
    found = values_of(next(text for text in page.texts if text.startswith("config = ")))
    assert (found["config"], found["budget"]) == (best.config, best.budget)


def test_the_table_has_every_result(page: Page, study: bohb.Study) -> None:
    table = page.data()["table"]
    place = {name: number for number, name in enumerate(table["columns"])}
    assert [row[place["trial"]] for row in table["rows"]] == [result.trial.id for result in study.results]
    for row, result in zip(table["rows"], study.results, strict=True):
        assert row[place["loss"]] == (None if result.is_failure else result.loss)
        assert row[place["reason"]] == result.reason
        assert row[place["checkpoint"]] == result.checkpoint
        assert all(row[place[name]] == result.config.get(name) for name in SPACE)


def written(search: bohb.Optimizer, path: Path) -> Page:
    bohb.report(search, path)
    return Page(path.read_text(encoding="utf-8"))


def test_the_table_has_what_was_told_and_no_empty_column(tmp_path: Path) -> None:
    """Further metrics, costs, and a parameter with the name of another column."""
    opt = bohb.Optimizer({"status": (0.0, 1.0), "x": (1, 9)}, [1], seed=0, objectives={"accuracy": "maximize"})
    for number in range(3):
        opt.tell(opt.ask(), {"accuracy": number / 4, "latency": 3.0 + number}, cost=0.5)
    table = written(opt, tmp_path / "r.html").data()["table"]
    expected = ["trial", "accuracy", "budget", "status", "origin", "cost", "configuration", "latency"]
    assert table["columns"] == [*expected, "config.status", "x"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert [(row["accuracy"], row["latency"], row["cost"]) for row in rows] == [
        (number / 4, 3.0 + number, 0.5) for number in range(3)
    ]
    assert {row["status"] for row in rows} == {"ok"}
    assert [row["config.status"] for row in rows] == [result.config["status"] for result in opt.results]


def test_a_search_that_saved_nothing_does_not_say_what_it_saved(tmp_path: Path) -> None:
    """Repeats cost more than one training of each configuration; nor is a difference of roundings a saving."""
    opt = bohb.Optimizer({"x": (1, 2)}, [0.1, 0.3], seed=0, repeats=True)
    for _ in range(30):
        opt.tell(opt.ask(), 0.5)
    page = written(opt, tmp_path / "r.html")
    assert "all in full" in page.text
    assert "saved by" not in page.text


def test_a_long_configuration_is_python_with_a_line_for_each_value(tmp_path: Path) -> None:
    prompt = "you are  a helpful assistant, " * 20
    opt = bohb.Optimizer({"prompt": [prompt, prompt * 2], "x": (0.0, 1.0)}, [1], seed=0)
    opt.tell(opt.ask(), 0.5)
    page = written(opt, tmp_path / "r.html")
    assert "It is the only result at budget 1." in page.text
    code = next(text for text in page.texts if text.startswith("config = "))
    assert len(code.splitlines()) == 5
    assert opt.incumbent is not None
    assert values_of(code)["config"] == opt.incumbent.config


def test_the_answer_of_a_population_has_the_whole_schedule(tmp_path: Path) -> None:
    search = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 2], seed=0, preset="population")
    for _ in range(16):
        trial = search.ask()
        is_changed = trial.origin is bohb.Origin.EXPLOITED
        search.tell(trial, trial.config["x"] - is_changed, checkpoint=f"c{trial.id}")
    assert search.incumbent is not None
    page = written(search, tmp_path / "r.html")
    code = next(text for text in page.texts if text.startswith("config = "))
    assert values_of(code)["schedule"] == list(search.lineage(search.incumbent.trial))
    assert "changed on the way" in page.text


def test_failures_are_grouped_with_one_traceback_each(page: Page) -> None:
    assert [tag for tag, _ in page.tags].count("details") == 2
    assert f"3 {TIMES} ValueError" in page.text
    assert f"3 {TIMES} MemoryError: no memory" in page.text
    assert page.text.count("Traceback of") == 2


def test_every_picture_is_there(page: Page) -> None:
    names = [str(own["data-picture"]) for _, own in page.tags if "data-picture" in own]
    assert {"progress", "rungs", "importance", "response-0", "response-pair", "parallel", "timeline"} <= set(names)
    assert set(page.data()["figures"]) == set(names)
    assert unpacked(page.scripts["library"]) == javascript()


def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    """An optimizer knows no times, and three results are too few for a forest."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0)
    bohb.report(optimizer, tmp_path / "empty.html")
    empty = Page((tmp_path / "empty.html").read_text(encoding="utf-8"))
    assert "No trial has succeeded yet." in empty.text
    assert "There is no result to draw yet." in empty.text
    for _ in range(3):
        optimizer.tell(optimizer.ask(), 0.5)
    bohb.report(optimizer, tmp_path / "few.html", title="My search")
    few = Page((tmp_path / "few.html").read_text(encoding="utf-8"))
    assert few.text.startswith("My search")
    assert few.text.count("Not drawn: expected") == 2
    assert "No trial has failed." in few.text


def test_a_report_replaces_a_report_and_nothing_else(study: bohb.Study, tmp_path: Path) -> None:
    small = bohb.Optimizer({"x": (0.0, 1.0)}, [1], seed=0)
    path = tmp_path / "page.html"
    for _ in range(2):
        bohb.report(small, path)
    assert path.read_text(encoding="utf-8").endswith("</html>")
    path.write_text("my own page")
    with pytest.raises(SettingError, match="exists"):
        bohb.report(small, path)
    assert path.read_text() == "my own page"
    bohb.report(small, path, force=True)
    with pytest.raises(SettingError, match="database"):
        bohb.report(small, study.target, force=True)
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_writes_the_same_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bohb.Study.open(tmp_path / "s.db", {"x": (0.0, 1.0)}, [1], seed=0) as study:
        study.tell(study.ask(), 0.25)
        bohb.report(study, tmp_path / "one.html")
    name, path = str(tmp_path / "s.db"), str(tmp_path / "two.html")
    assert main(["report", name, "--html", path]) == exits.OK
    assert capsys.readouterr().out == ""
    one, two = (Page((tmp_path / file).read_text(encoding="utf-8")) for file in ("one.html", "two.html"))
    assert one.data() == two.data()
    assert main(["report", name, "--watch", "1"]) == exits.USAGE
    assert main(["report", name, "--html", path, "--watch", "0"]) == exits.USAGE
    Path(path).write_text("mine")
    assert main(["report", name, "--html", path]) == exits.USAGE
    assert main(["report", name, "--html", path, "--force"]) == exits.OK


def test_a_thousand_trials_take_less_than_five_megabytes(tmp_path: Path) -> None:
    optimizer = bohb.Optimizer(SPACE, [1, 3, 9], seed=0, preset="asha")
    told(optimizer, 1000)
    bohb.report(optimizer, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
