"""The report in a real browser, opened from disk: it draws, sorts, filters, follows, and asks nobody for anything."""

import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.reporting.searches import HOSTILE, make_study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PATIENCE = 120_000
"""Milliseconds: a busy machine takes long."""
HOUR = 3600
"""Seconds: longer than any test, so that a page loads itself again only when its clock jumps."""

for needed in ("jinja2", "plotly", "pandas", "sklearn"):
    pytest.importorskip(needed)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright; where BOHB_REQUIRE_BROWSER=1 it must be there."""
    if os.environ.get("BOHB_REQUIRE_BROWSER") != "1":
        pytest.importorskip("playwright", reason="needs Playwright: pip install playwright")
        if CHROMIUM is None:
            pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with make_study(folder / "study.db", 150) as study:
        bohb.report(study, folder / "report.html")
    return folder / "report.html"


def opened(browser: Any, path: Path, *, width: int = 1000, scheme: str = "light", script: str = "") -> Any:
    """A page that is ready; `page.noise` has its requests, errors and dialogs."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.noise = []
    page.add_init_script(script)
    page.clock.install()  # its time passes by itself, and a test may let it jump
    page.on("request", lambda request: page.noise.append(request.url))
    page.on("pageerror", lambda error: page.noise.append(f"error {error}"))
    page.on("dialog", lambda dialog: (page.noise.append("dialog"), dialog.dismiss()))
    page.on("console", lambda line: line.type == "error" and page.noise.append(f"console {line.text}"))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    return page


@pytest.fixture
def page(browser: Any, written: Path) -> Iterator[Any]:
    page = opened(browser, written)
    yield page
    assert page.noise == [written.as_uri()]
    page.context.close()


def column(page: Any, name: str) -> list[str]:
    """What the table shows below a header."""
    heads = page.locator("#table thead th").all_inner_texts()
    return [str(text) for text in page.locator(f"#table tbody td:nth-child({heads.index(name) + 1})").all_inner_texts()]


def numbers(texts: list[str]) -> list[float]:
    return [float(text) for text in texts if text]


def test_every_picture_is_drawn_and_nothing_leaves_the_page(page: Any) -> None:
    names = page.eval_on_selector_all("[data-picture]", "all => all.map(one => one.dataset.picture)")
    assert len(names) >= 8
    for name in names:
        picture = page.locator(f"[data-picture={name}]")
        assert picture.get_attribute("data-drawn") == "yes"
        box = picture.locator(".main-svg, canvas").first.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 100


def test_a_click_on_a_header_sorts(page: Any) -> None:
    head = page.locator("#table th", has_text=re.compile("^loss"))
    for direction in ("ascending", "descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        shown = column(page, "loss")
        assert numbers(shown) == sorted(numbers(shown), reverse=direction == "descending")
        assert len(shown) == 100
    page.get_by_role("button", name="After").click()
    last = column(page, "loss")
    assert len(last) == 50
    assert last[-15:] == [""] * 15  # the failures, in either direction
    assert numbers(last)[0] >= numbers(shown)[-1]


def test_filters_choose(page: Any) -> None:
    page.locator("#status").select_option("error")
    assert page.locator("#count").inner_text().startswith("15 of 150 trials")
    assert set(column(page, "status")) == {"error"}
    page.locator("#find").fill("no memory")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('7 of')")
    assert all("no memory" in text for text in column(page, "reason"))
    page.locator("#status").select_option("")
    page.locator("#find").fill("")
    page.locator("#budget").select_option("9")
    assert set(column(page, "budget")) == {"9"}
    page.locator("#find").fill("nothing has this")
    page.wait_for_function("document.getElementById('count').textContent === '0 of 150 trials'")


def test_a_keyboard_is_enough(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#find").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "loss":
            break
    page.keyboard.press("Enter")
    assert page.locator("#table th", has_text="loss").first.get_attribute("aria-sort") == "ascending"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.locator("summary").nth(1).focus()
    page.keyboard.press("Space")
    assert page.locator("details").nth(1).get_attribute("open") is not None


def test_what_the_user_wrote_is_text(page: Any) -> None:
    assert page.locator("#table td", has_text=HOSTILE).count() > 0
    assert page.locator("#answer th", has_text=f"act <b>{HOSTILE}").count() == 1
    assert page.locator("main b").count() == 0


@pytest.mark.parametrize("losses", [[math.nan], [0.0], [5e-324, 1e-323], [1.7e308, -1.7e308], [0.5, 1e12, 1e300]])
def test_odd_losses_are_drawn_without_an_error(browser: Any, tmp_path: Path, losses: list[float]) -> None:
    """Failures alone, losses that are all the same, and sizes of which plotly itself makes errors."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="fast")
    for number in range(20):
        optimizer.tell(optimizer.ask(), losses[number % len(losses)])
    bohb.report(optimizer, tmp_path / "report.html")
    page = opened(browser, tmp_path / "report.html")
    assert page.locator("[data-drawn=yes]").count() == page.locator("[data-picture]").count() > 0
    assert page.noise == [(tmp_path / "report.html").as_uri()]
    page.context.close()


BREAK_ONE = """
let real, calls = 0;
Object.defineProperty(window, "Plotly", {
  get: () => real,
  set: (library) => {
    const draw = library.newPlot;
    library.newPlot = (...given) => (calls++ === 0 ? Promise.reject(new Error("no such axis")) : draw(...given));
    real = library;
  },
});
"""


def test_a_picture_that_a_browser_cannot_draw_leaves_the_others(browser: Any, written: Path) -> None:
    page = opened(browser, written, script=BREAK_ONE)
    first, *others = page.locator("[data-picture]").all()
    assert "cannot draw the picture: Error: no such axis" in first.inner_text()
    assert all(one.get_attribute("data-drawn") == "yes" for one in others)
    assert page.locator("#problem").is_hidden()
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_it_too(browser: Any, written: Path, scheme: str) -> None:
    """No part is wider than the page, and text stands out from its background."""
    page = opened(browser, written, width=400, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("[data-drawn=yes]").count() == page.locator("[data-picture]").count()
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    text, back = (luminance(colour) for colour in colours)
    assert (max(text, back) + 0.05) / (min(text, back) + 0.05) > 7
    assert (back < text) == (scheme == "dark")
    assert page.noise == [written.as_uri()]
    page.context.close()


def luminance(colour: str) -> float:
    """The relative luminance of a colour as WCAG defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def told_losses(optimizer: bohb.Optimizer, num: int) -> None:
    for _ in range(num):
        trial = optimizer.ask()
        optimizer.tell(trial, trial.config["x"])


def test_an_open_page_follows_the_search(browser: Any, tmp_path: Path) -> None:
    """It loads itself again and stays as its reader left it, until it is told not to."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0, preset="fast")
    told_losses(optimizer, 5)
    path = tmp_path / "report.html"
    bohb.report(optimizer, path, refresh=HOUR)
    page = opened(browser, path)
    page.locator("#table th", has_text="x").last.get_by_role("button").click()
    told_losses(optimizer, 3)
    optimizer.tell(optimizer.ask(), MemoryError())  # the table has one column more, before others
    bohb.report(optimizer, path, refresh=HOUR)
    page.clock.fast_forward(1000 * HOUR)
    page.wait_for_function("document.getElementById('count').textContent.startsWith('9 of 9')")
    page.wait_for_selector("body[data-ready=yes]")
    assert page.locator("#table th[aria-sort=ascending]").all_inner_texts() == ["x"]
    bohb.report(optimizer, path)
    page.clock.fast_forward(1000 * HOUR)
    page.wait_for_function("document.body.dataset.ready && !document.getElementById('follow')")
    assert set(page.noise) == {path.as_uri()}
    page.context.close()
