"""optuna-dashboard, started on an export and looked at with a browser."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import closing
from importlib.util import find_spec
from itertools import pairwise

import pytest

import bohb
from bohb.exchange import write_optuna

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name in ("optuna", "optuna_dashboard", "playwright") if find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING) or CHROMIUM is None, reason=f"needs {', '.join(MISSING) or 'Chromium'}"),
    pytest.mark.filterwarnings("default"),  # its deprecations are not ours
]
PATIENCE = 120
"""How many seconds a busy machine may take to start something."""


@pytest.fixture
def address(tmp_path, study):
    """The address of a dashboard of an export."""
    with bohb.Study.open(study) as opened:
        write_optuna(opened, tmp_path / "optuna.db")
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    program = "from optuna_dashboard._cli import main; main()"
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/optuna.db", "--port", str(port)]
    dashboard = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/dashboard/")
        yield f"http://127.0.0.1:{port}/dashboard"
    finally:
        dashboard.terminate()
        dashboard.wait()


def wait_for(url):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310 - our own address
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"expected {url} to answer within {PATIENCE} s")


def test_the_dashboard_shows_intermediate_values_and_pruned_trials(address, study):
    from playwright.sync_api import sync_playwright

    with bohb.Study.open(study) as opened:
        results, top = opened.results, opened.ladder[-1]
    last = {result.trial.config_id: result for result in results if not result.is_failure}
    configs = {result.trial.config_id for result in results}
    expected = {
        "Complete": sum(result.budget == top for result in last.values()),
        "Pruned": sum(result.budget != top for result in last.values()),
        "Fail": len(configs - set(last)),
    }
    assert all(expected.values())
    errors = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 2400})
        page.set_default_timeout(1000 * PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/studies/1")
        page.wait_for_selector("text=Intermediate values")
        page.wait_for_selector(".scatterlayer .trace")
        # Of what is pruned, the dashboard draws the curve, too.
        assert page.locator("text=Best Trial").count() == 1
        page.goto(f"{address}/studies/1/trials?numbers=0")
        page.wait_for_selector(f"text={len(configs)} Trials")
        page.wait_for_selector("text=Intermediate Values")
        text = page.inner_text("body")
        browser.close()
    words = text.split("\n")
    states = [state for title, state in pairwise(words) if re.fullmatch(r"Trial \d+", title)]
    assert Counter(states) == expected
    assert errors == []
