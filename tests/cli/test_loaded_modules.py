"""What a command loads: the law behind how fast it starts.

ConfigSpace takes eight times as long to import as numpy, statsmodels fourteen times, scipy three to four times.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import ConfigSpace as CS  # noqa: N817
import pytest

import bohb
from tests.cli.shell import environment

HEAVY = {"numpy", "scipy", "ConfigSpace", "statsmodels", "yaml", "optuna", "rich", "psycopg", "cloudpickle"}
NEEDS_NO_MODEL = [
    ["status"],
    ["best"],
    ["trials"],
    ["trials", "--json"],
    ["report"],
    ["plan"],
    ["health"],
    ["explain", "3"],
    ["heartbeat", "31"],
    ["release", "31"],
    ["enqueue", "--config", '{"kind": "b", "rate": 0.25, "units": 3}'],
    ["observe", "--config", '{"kind": "b", "rate": 0.25, "units": 3}', "--budget", "9", "--loss", "0.5"],
]
NEEDS_NOTHING = [["tell", "31", "--loss", "0.5"], ["tell", "0", "--error", "oops"], ["fail", "31"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the default preset, far enough that its model decides, with a pending trial and a prior of scipy's."""
    space = CS.ConfigurationSpace(
        space={"kind": ["a", "b"], "rate": CS.NormalFloatHyperparameter("rate", 0.3, 0.2, 0.0, 1.0), "units": (1, 64)}
    )
    space.add(CS.Float("decay", (1e-4, 1.0), log=True))
    space.add(CS.EqualsCondition(space["decay"], space["kind"], "a"))
    space.add(CS.ForbiddenEqualsClause(space["units"], 64))
    path = tmp_path_factory.mktemp("made") / "study.db"
    with bohb.Study.open(path, space, [1, 3, 9], seed=0) as study:
        for _ in range(31):
            trial = study.ask()
            study.tell(trial, abs(trial.config["rate"] - 0.5) + 1 / trial.budget)
        study.ask()
    return path


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "study.db"))


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after some code."""
    script = f"{code}\nimport json, sys\nprint()\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=600, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def after(study: Path, name: str, *words: str) -> set[str]:
    """The modules that are loaded after a command, which must do its work or answer no."""
    arguments = [name, str(study), *words]
    return loaded(f"from bohb.cli.main import main\nassert main({arguments!r}) in (0, 1)")


def models(modules: set[str]) -> set[str]:
    """The models and surrogates among modules: not the views of the results that they work on."""
    views = {"bohb.models.observations", "bohb.models.protocol", "bohb.models.rank_agreement"}
    return {name for name in modules if name.startswith(("bohb.models.", "bohb.surrogates"))} - views


@pytest.mark.parametrize("words", NEEDS_NO_MODEL, ids=" ".join)
def test_a_look_needs_no_space_of_configspace_and_no_model(study: Path, words: list[str]) -> None:
    modules = after(study, *words)
    assert modules & HEAVY == {"numpy"}
    assert not models(modules)


@pytest.mark.parametrize("words", NEEDS_NOTHING, ids=" ".join)
def test_telling_needs_no_third_party(study: Path, words: list[str]) -> None:
    if words[1] == "0":
        with bohb.Study.open(study) as opened:
            words = [words[0], str(opened.ask().id), *words[2:]]
    modules = after(study, *words)
    assert not modules & HEAVY
    assert "bohb.optimizer.optimizer" not in modules


def test_an_ask_needs_the_model_and_its_scipy_only(study: Path) -> None:
    """It is also the control: what the other commands must not load is seen if it is there."""
    modules = after(study, "ask")
    assert {"bohb.models.expected_improvement", "scipy.linalg", "scipy.special"} <= modules
    assert modules & HEAVY == {"numpy", "scipy"}
    assert "scipy.stats" not in modules


@pytest.mark.parametrize("look", ["pending", "results", "incumbent", "space", "ladder", "events", "snapshot()"])
def test_a_look_from_python_needs_no_more(study: Path, look: str) -> None:
    modules = loaded(f"import bohb\nbohb.Study.open({str(study)!r}).{look}")
    assert modules & HEAVY == {"numpy"}
    assert not models(modules)


def test_a_state_opens_without_configspace(study: Path, tmp_path: Path) -> None:
    with bohb.Study.open(study) as opened:
        (tmp_path / "state.json").write_text(json.dumps(opened.to_state()))
    path = str(tmp_path / "state.json")
    modules = loaded(f"import bohb, json\nbohb.Optimizer.from_state(json.load(open({path!r}))).pending")
    assert modules & HEAVY == {"numpy"}
    assert not models(modules)
