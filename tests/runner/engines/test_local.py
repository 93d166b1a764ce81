"""The scripts of the documentation for engines that every installation has."""

import pytest

from tests.runner.engines.examples import run_example

SAID = "6 (0 failed, 0 lost with their worker)"


@pytest.mark.slow
def test_the_script_for_this_machine_runs() -> None:
    assert SAID in run_example("laptop")


@pytest.mark.slow
def test_the_script_for_loky_runs() -> None:
    pytest.importorskip("loky")
    assert SAID in run_example("loky")
