"""What the documentation shows runs and prints what it says: every Python block of every page, and the docstrings.

The blocks of a page run in order, in one namespace and in an empty directory. A block fenced as ``output`` holds what
the Python block before it prints. Below a line ``% numbers vary`` (in the README an HTML comment) only its words are
compared: a loss depends on the versions of numpy and scikit-learn.
"""

import contextlib
import importlib
import io
import logging
import pkgutil
import re
import runpy
import sys
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser
from sybil.parsers.rest import DocTestParser

import bohb.errors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(path for path in ROOT.glob("docs/**/*.md") if "_build" not in path.parts)]
MODULES = sorted(path for path in ROOT.glob("bohb/**/*.py") if ">>>" in path.read_text(encoding="utf-8"))

FENCE = re.compile(r"^ *(`{3,}|~{3,})(.+)$", re.MULTILINE)
RUN_OR_COMPARED = {"python", "output"}
NOT_RUN = {"sh", "text", "toml", "json", "{toctree}", "{glossary}", "{eval-rst}", "{literalinclude}", "{note}"}
CODE = re.compile(r"^```(?!\{glossary\}).+?^```$|^```\{glossary\}$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
VARIES = {"% numbers vary", "<!-- numbers vary -->"}
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


def run(example: Example) -> None:
    """Runs a Python block and keeps what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        PythonEvaluator()(example)
    example.namespace["_printed"] = printed.getvalue()


def compare(example: Example) -> None:
    """Compares an output block with what the block before it printed."""
    shown, printed = str(example.parsed), example.namespace.pop("_printed")
    line_before = example.document.text[: example.region.start].rstrip().rpartition("\n")[2]
    if line_before in VARIES:
        shown, printed = NUMBER.sub("#", shown), NUMBER.sub("#", printed)
    assert shown.split() == printed.split(), f"line {example.line} shows\n{shown}\nprinted was\n{printed}"


MARKDOWN = Sybil([CodeBlockParser("python", run), CodeBlockParser("output", compare)])
DOCSTRINGS = Sybil([DocTestParser()])


def evaluate(sybil: Sybil, path: Path) -> int:
    """Evaluates all examples of a file in order; returns their number."""
    examples = list(sybil.parse(path).examples())
    for example in examples:
        example.evaluate()
    return len(examples)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one namespace, in the order of the page. What a page logs less is logged again in the tests after it."""
    monkeypatch.chdir(tmp_path)
    log = logging.getLogger("bohb")
    before = log.level
    try:
        evaluate(MARKDOWN, page)
    finally:
        log.setLevel(before)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_block_escapes(page: Path) -> None:
    """Every fence is of a kind that is run or compared, or of one that is known not to be Python."""
    kinds = {match[2].split()[0] for match in FENCE.finditer(page.read_text(encoding="utf-8"))}
    assert kinds <= RUN_OR_COMPARED | NOT_RUN


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_the_examples_of_a_docstring_run(module: Path) -> None:
    assert evaluate(DOCSTRINGS, module) > 0


def test_the_questions_page_has_a_remedy_for_every_error() -> None:
    """One row of its table for each error class, with a meaning and a remedy."""
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    rows = {match[1]: match[2] for match in re.finditer(r"^\| \[`(\w+)`\].*? \| (.*) \|$", page, re.MULTILINE)}
    errors = {name for name, item in vars(bohb.errors).items() if isinstance(item, type)}
    assert errors >= {"BohbError", "TellConflict", "StudyBusy"}
    assert rows.keys() == errors
    assert all(len(row.split(" | ")) == 2 for row in rows.values())


PACKAGES = [
    "bohb",
    *(f"bohb.{name}" for name in ("optimizer", "schedules", "models", "surrogates", "runner", "callbacks", "exchange")),
    *("bohb.importance", "bohb.plots", "bohb.integrations.optuna", "bohb.integrations.sklearn"),
]


def test_every_public_name_has_an_entry_in_the_reference() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/api/*.md"))
    shown = re.findall(r"^\.\. (?:auto\w+|py:data):: ([\w.]+)", text, re.MULTILINE)
    # Ray is not installed here.
    entries = [pkgutil.resolve_name(name) for name in shown if not name.startswith("bohb.integrations.ray_")]
    public = {
        f"{package}.{name}": getattr(importlib.import_module(package), name)
        for package in PACKAGES
        for name in getattr(importlib.import_module(package), "__all__", [])
    }
    assert len(public) > 60
    missing = [name for name, item in public.items() if not any(item is entry for entry in entries)]
    assert set(missing) <= {"bohb.runner"}, "give each a directive in docs/api/"


def test_every_file_that_the_architecture_page_names_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bohb|tests)/[\w/]*(?:\.py)?)`", page))
    assert len(named) > 50
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_the_example_runs_as_its_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less to spend than the page names; it must end with one report for each search, and a picture."""
    monkeypatch.setattr(sys, "argv", ["digits.py", "--trainings", "0.5", "--repeats", "2", "--plot", "found.svg"])
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(ROOT / "docs" / "examples" / "digits.py"), run_name="__main__")
    starts = [line.partition(":")[0] for line in printed.getvalue().splitlines() if line[0] != " "]
    assert starts == [*2 * ["default", "random"], "median validation loss over 2 seeds"]
    picture = (tmp_path / "found.svg").read_text(encoding="utf-8")
    assert "median of 2 seeds" in picture
    assert "epochs trained" in picture


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("```python\n1 / 0\n```\n", "division"),
        ("```python\nprint(1)\n```\n\n```output\n2\n```\n", "line 5"),
        ("```python\nprint(1, 'a')\n```\n\n% numbers vary\n```output\n2 b\n```\n", "line 6"),
    ],
)
def test_a_block_that_is_wrong_is_found(text: str, what: str, tmp_path: Path) -> None:
    """The control: an error, another output, and other words."""
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises((ZeroDivisionError, AssertionError), match=what):
        evaluate(MARKDOWN, page)


def test_where_numbers_vary_the_words_are_compared(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint('loss', 0.25)\n```\n\n% numbers vary\n```output\nloss 1e-3\n```\n", encoding="utf-8"
    )
    assert evaluate(MARKDOWN, page) == 2


def sentences(markdown: str) -> list[str]:
    """Return the sentences of a page's paragraphs, lists, picture texts and glossary; no code, tables or headings."""
    prose = LINK.sub(r"\1", CODE.sub("\n", markdown))
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:\* |\d+\. |[|]))", prose)
    texts = [re.sub(r"^(\* |\d+\. )", "", " ".join(block.split())) for block in blocks]
    kept = [text for text in texts if not text.startswith(("#", "|", "```"))]
    return [sentence for text in kept for sentence in re.split(r"(?<=[.!?])\*{0,2} ", text) if sentence]


def lengths(markdown: str) -> list[int]:
    """Return how many words each sentence has."""
    return [len(sentence.split()) for sentence in sentences(markdown)]


def test_the_sentences_of_the_concepts_are_short() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    counts = lengths(page)
    assert len(counts) > 100
    assert sum(counts) / len(counts) < 18
    assert [sentence for sentence in sentences(page) if len(sentence.split()) > 35] == []


def test_a_long_sentence_is_found() -> None:
    """The control: a sentence counts whole over line breaks and links, and code and tables do not count."""
    long = " ".join(["word"] * 20) + "\n" + " ".join(["[a link](to.md)"] * 10) + "."
    page = f"# A heading\n\nShort one. {long}\n\n* An item.\n\n| a | table |\n\n```python\nprint(1)\n```\n"
    assert lengths(page) == [2, 20 + 20, 2]


def test_every_picture_of_the_page_is_drawn_by_its_code() -> None:
    """The page shows each of them, its code makes each of them, and nothing else lies beside them."""
    page = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    shown = re.findall(r"\(_static/pictures/(\w+)\.png\)", page)
    program = runpy.run_path(str(ROOT / "docs" / "pictures.py"))
    assert sorted(shown) == sorted(program["NAMES"])
    assert sorted(path.stem for path in (ROOT / "docs" / "_static" / "pictures").iterdir()) == sorted(shown)
    code = "\n".join(program["BLOCK"].findall(page))
    assert all(f"{name} = bohb.plots." in code for name in shown)
