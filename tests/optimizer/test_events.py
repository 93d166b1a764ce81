"""States and events that are not valid are refused, and change nothing."""

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import bohb
from bohb.facts import Facts
from bohb.optimizer.events import Asked, Enqueued, Extended, Forgotten, Joined, Observed, Told, to_json
from bohb.trials import Status
from tests.strategies import loss_of, make


def _advanced() -> bohb.Optimizer:
    optimizer = make()
    for _ in range(20):
        trial = optimizer.ask()
        optimizer.tell(trial, loss_of(trial), checkpoint=f"ckpt/{trial.id}")
    return optimizer


def _damaged(change: Callable[[dict[str, Any]], Any]) -> Mapping[str, Any]:
    state = json.loads(json.dumps(_advanced().to_state()))
    change(state)
    return state


def _first(state: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(event for event in state["events"] if event["kind"] == kind)


def _again(state: dict[str, Any], kind: str, **changes: Any) -> dict[str, Any]:
    """The first trial once more, as asked or observed."""
    asked = _first(state, "asked")
    if kind == "asked":
        return {**asked, **changes}
    return {"kind": kind, "config": asked["config"], "budget": asked["budget"], "status": "ok", **changes}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(format=99),
        lambda s: s.pop("events"),
        lambda s: s.update(preset="best"),
        lambda s: s.update(space={"name": 3}),
        lambda s: s["events"].pop(0),
        lambda s: s["events"].append({"kind": "guessed"}),
        lambda s: s["events"].append(s["events"][1] | {"id": 10**6}),
        lambda s: s["events"].append({"kind": "forgotten", "id": 0}),
        lambda s: s["events"][0].update(config={}),
        lambda s: s["events"][0].update(budget=2),
        lambda s: s["ladder"].update(budgets=[]),
        lambda s: s["events"].append(_again(s, "observed", loss=0.001)),
        lambda s: s["events"].append(_again(s, "asked", id=20)),
        lambda s: s["events"].extend([{"kind": "forgotten", "id": 20}]),
        lambda s: _first(s, "told").update(loss=10**400),
        lambda s: _first(s, "told").update(loss=None),
        lambda s: _first(s, "told").update(status="error"),
        lambda s: _first(s, "told").update(status="late"),
        lambda s: _first(s, "told").update(info=[1]),
        lambda s: _first(s, "told").update(checkpoint=[1]),
        lambda s: _first(s, "told").update(id=False),
        lambda s: s["events"][0].update(id=0.0),
        lambda s: s["events"][0].update(config_id=0.0),
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    """The error is always a `StateError`."""
    with pytest.raises(bohb.StateError):
        bohb.Optimizer.from_state(_damaged(change))
    with pytest.raises(bohb.StateError):
        bohb.Optimizer.from_state([])  # type: ignore[arg-type]


def foreign_events(trial: bohb.Trial) -> list[Any]:
    """Return events that cannot follow the first ask of an optimizer."""
    new = replace(trial, id=1, config={**trial.config, "depth": 6 - trial.config["depth"] % 5}, config_id=1)
    return [
        *(Asked(replace(new, **change), Facts()) for change in [{"id": 2}, {"config_id": 5}, {"config_id": -1}]),
        *(
            Asked(replace(new, **change), Facts())
            for change in [{"bracket": 7}, {"bracket": -1}, {"rung": 9}, {"rung": -1}]
        ),
        *(Asked(replace(new, **change), Facts()) for change in [{"rung": 1}, {"budget": 27}, {"budget": 5}]),
        Asked(replace(new, config={"depth": 99}), Facts()),
        *(Asked(new, Facts(reissue_of=number)) for number in (0, 3)),
        *(Joined(*ids) for ids in [(3, 0, 0), (0, 5, 0), (0, 0, 9), (-1, 0, 0)]),
        *(Told(number, 1.0, Status.OK, None, {}) for number in (1, -1)),
        Forgotten(4),
        Enqueued(new.config, 5),
        Enqueued({"depth": 99}, None),
        Observed(new.config, 5, 1.0, Status.OK),
        *(Extended(bohb.ladder(budgets)) for budgets in ([1, 3], [1, 3, 9, 27], [1, 3, 10, 27, 81], [27, 81])),
        Extended(bohb.geometric(1, 81, eta=3), released=(1,)),
    ]


def test_a_refused_event_changes_nothing() -> None:
    """The control is a valid event, which changes something."""
    trial = make().ask()
    for event in foreign_events(trial):
        optimizer = make()
        optimizer.ask()
        before = pickle.dumps(optimizer)
        with pytest.raises(bohb.StateError):
            optimizer.apply(event)
        assert pickle.dumps(optimizer) == before, event
    optimizer.apply(Told(0, 1.0, Status.OK, None, {}))
    assert pickle.dumps(optimizer) != before


def test_a_reissue_repeats_the_forgotten_trial() -> None:
    """Another configuration or budget under its name is refused; the control is what `ask` itself records."""
    optimizer = make()
    first, second = optimizer.ask(), optimizer.ask()
    optimizer.forget(first)
    again = replace(second, id=2)
    with pytest.raises(bohb.StateError, match="can follow"):
        optimizer.apply(Asked(again, Facts(reissue_of=first.id)))
    assert optimizer.ask().config == first.config


def test_what_is_optional_is_absent_when_it_is_empty() -> None:
    """Studies of earlier versions have neither, and read as before."""
    optimizer = make(space="float")
    optimizer.observe({"x": 0.5, "y": 0.0, "z": 1.0}, 1, 0.5)
    optimizer.extend(bohb.geometric(1, 81, eta=3))
    told = Observed({"x": 0.1, "y": 0.0, "z": 1.0}, 1, 0.5, Status.OK, {"note": 1}, {"accuracy": 0.5})
    trial = optimizer.ask()
    optimizer.apply(told)
    optimizer.apply(Extended(bohb.geometric(1, 243, eta=3), released=(trial.id,)))
    kept = [to_json(event, optimizer.space) for event in optimizer.events]
    names = [sorted(facts) for _, facts in kept]
    assert names[0] == ["budget", "config", "loss", "status"]
    assert names[1] == ["budgets", "costs", "eta"]
    assert names[3] == ["budget", "config", "info", "loss", "metrics", "status"]
    assert names[4] == ["budgets", "costs", "eta", "released"]
    again = bohb.Optimizer.from_state(json.loads(json.dumps(optimizer.to_state())))
    assert again.events == optimizer.events
    assert again.results[-1].metrics == {"accuracy": 0.5}
