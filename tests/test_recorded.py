"""The same seeds give the recorded asks, and studies and states of an older format open."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests import traces

FORMAT_1 = Path(__file__).parent / "golden" / "format-1"
EXPECTED = json.loads((FORMAT_1 / "expected.json").read_text(encoding="utf-8"))


def is_close(found: Any, recorded: Any) -> bool:
    """Whether two JSON values are equal. Floats may differ by the rounding of another processor."""
    if isinstance(recorded, float):
        return bool(found == pytest.approx(recorded, rel=1e-6))
    if isinstance(recorded, list):
        return len(found) == len(recorded) and all(map(is_close, found, recorded))
    if isinstance(recorded, dict):
        return list(found) == list(recorded) and all(is_close(found[name], recorded[name]) for name in recorded)
    return bool(found == recorded)


@pytest.mark.parametrize("name", traces.names())
def test_the_same_seed_gives_the_recorded_asks(name: str) -> None:
    recorded = json.loads((traces.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(traces.trace(name)))
    for number, (ask, was) in enumerate(zip(found, recorded, strict=True)):
        assert is_close(ask, was), f"ask {number} of {name}"


def test_another_seed_gives_other_asks() -> None:
    """The control to the test above."""
    recorded = json.loads((traces.FOLDER / "random-mixed.json").read_text(encoding="utf-8"))
    other = bohb.Optimizer(traces.mixed_space(), bohb.geometric(1, 27, eta=3), seed=8, preset="random")
    assert not is_close(traces.row(other.ask()), recorded[0])


def facts(search: Any) -> dict[str, Any]:
    """Return the facts about a search that were recorded, as JSON."""
    try:
        following = traces.row(bohb.Optimizer.from_state(search.to_state()).ask())
    except bohb.SpaceExhausted:
        following = None
    incumbent = search.incumbent
    return {
        "num_trials": max([trial.id for trial in search.pending] + [r.trial.id for r in search.results]) + 1,
        "incumbent": incumbent.trial.id,
        "incumbent_loss": incumbent.loss,
        "pending": [trial.id for trial in search.pending],
        "results": [
            [r.trial.id, r.loss if r.status == "ok" else None, str(r.status), r.checkpoint, dict(r.info)]
            for r in search.results
        ],
        "releasable": list(search.releasable()),
        "explanations": {str(r.trial.id): bool(str(search.explain(r.trial))) for r in search.results},
        "health": list(search.health().messages),
        "next": following,
    }


def recorded(search: Any, name: str, kind: str) -> dict[str, Any]:
    """Return the recorded facts, apart from what changed since then.

    What a failure resumed from is kept, because the failure may be retried; and explanations have other words.
    """
    kept = {result.trial.checkpoint for result in search.results if result.is_failure}
    known: dict[str, Any] = EXPECTED[name][kind]
    releasable = [path for path in known["releasable"] if path not in kept]
    return known | {"releasable": releasable, "explanations": dict.fromkeys(known["explanations"], True)}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_state_of_format_1_is_restored(name: str) -> None:
    state = json.loads((FORMAT_1 / f"{name}.json").read_text(encoding="utf-8"))
    optimizer = bohb.Optimizer.from_state(state)
    assert is_close(facts(optimizer), recorded(optimizer, name, "state"))


@pytest.mark.parametrize("name", sorted(path.stem for path in FORMAT_1.glob("*.db")))
def test_a_study_of_format_1_opens_and_continues(name: str, tmp_path: Path) -> None:
    shutil.copy(FORMAT_1 / f"{name}.db", tmp_path)
    with bohb.Study.open(tmp_path / f"{name}.db") as study:
        assert is_close(facts(study), recorded(study, name, "study"))
        for trial in study.pending:
            study.tell(trial, 1.0)
        assert not study.pending
