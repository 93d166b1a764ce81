"""Laws of the pipe to a peer: messages arrive, and every failure on the other side raises `PeerBroke`."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)

import bohb
from benchmarks.optimizers import OPTIMIZERS, make
from benchmarks.optimizers.environments import REQUIREMENTS, EnvironmentFailed, ensure, is_ready
from benchmarks.optimizers.peer import Peer, PeerBroke
from benchmarks.peers.task import encode, ordinals_as_integers, read_space
from tests.benchmarks.fake_child import DIES, HANGS, RAISES, SOUND, STRAYS

COMMAND = [sys.executable, str(Path(__file__).with_name("fake_child.py"))]


def make_space() -> ConfigurationSpace:
    space = ConfigurationSpace(seed=0)
    layers = Categorical("layers", [1, 2, 3])
    size = OrdinalHyperparameter("size", ["small", "middle", "large"])
    dropout = Float("dropout", (0.0, 0.5))
    space.add([Float("rate", (1e-5, 1.0), log=True), Integer("width", (1, 512), log=True), layers, size, dropout])
    space.add([Categorical("nesterov", [True, False]), Constant("version", 3)])
    space.add([EqualsCondition(dropout, size, "large")])
    return space


Opener = Callable[..., Peer]


@pytest.fixture
def open_peer() -> Iterator[Opener]:
    opened: list[Peer] = []

    def opener(seed: int, workers: int = 1) -> Peer:
        opened.append(Peer(COMMAND, make_space(), bohb.geometric(1, 81, eta=3), seed, workers, 30, patience=60))
        return opened[-1]

    yield opener
    for each in opened:
        each.close()


def test_what_a_library_recommends_arrives(open_peer: Opener) -> None:
    """It is None before there is any; and asking for it takes none of the library's time."""
    peer = open_peer(SOUND)
    assert peer.recommend() is None
    peer.ask()
    seconds = peer.seconds
    assert peer.recommend() == dict(make_space().get_default_configuration())
    assert peer.seconds == seconds


def test_a_configuration_arrives_with_its_values(open_peer: Opener) -> None:
    peer, space = open_peer(SOUND), make_space()
    sizes = set()
    for _ in range(40):
        job = peer.ask()
        assert job is not None
        config = Configuration(space, values=dict(job.config))  # legal, and inactive parameters are not there
        assert dict(config) == job.config
        assert type(job.config["nesterov"]) is type(space["nesterov"].choices[0])
        assert (job.budget, type(job.budget), job.config["version"]) == (1, int, 3)
        sizes.add(job.config["size"])
        peer.tell(job, 0.5)
    assert sizes == {"small", "middle", "large"}


def test_failures_losses_and_waiting_pass_the_pipe(open_peer: Opener) -> None:
    peer = open_peer(SOUND, workers=2)
    first, second = peer.ask(), peer.ask()
    assert first is not None
    assert second is not None
    assert peer.ask() is None
    peer.tell(first, math.nan)
    third = peer.ask()
    assert third is not None
    assert third.budget == 3
    peer.lose(second)
    fourth = peer.ask()
    assert fourth is not None
    assert fourth.budget == 27


def test_seconds_and_versions_of_the_library_arrive(open_peer: Opener) -> None:
    peer = open_peer(SOUND)
    assert peer.version == {"numpy": np.__version__}
    assert peer.seconds == 0
    peer.ask()
    assert 0 < peer.seconds < 60


@pytest.mark.parametrize(
    ("seed", "reasons"),
    [
        (RAISES, ["Traceback", "RuntimeError: the library is broken"]),
        (DIES, ["status 7", "last words"]),
        (HANGS, ["no answer for 1 s"]),
        (STRAYS, ["proposes rate = 2.0"]),
    ],
)
def test_a_broken_peer_stays_broken(open_peer: Opener, seed: int, reasons: list[str]) -> None:
    peer = open_peer(seed, workers=9)
    jobs = [peer.ask(), peer.ask()]
    peer.patience = 1 if seed == HANGS else 60
    for call in (peer.ask, peer.ask, lambda: peer.tell(jobs[0], 0.5), lambda: peer.lose(jobs[1])):
        with pytest.raises(PeerBroke) as broke:
            call()
        assert all(reason in str(broke.value) for reason in reasons)


def test_a_refused_task_breaks_the_peer_at_once() -> None:
    with pytest.raises(PeerBroke, match="KeyError: 'nobody'"):
        Peer(
            [sys.executable, "-m", "benchmarks.peers", "nobody"],
            make_space(), bohb.geometric(1, 9, eta=3), 0, 1, 1,
        )  # fmt: skip


def test_a_closed_peer_refuses_calls(open_peer: Opener) -> None:
    peer = open_peer(SOUND)
    peer.close()
    with pytest.raises(PeerBroke, match="closed"):
        peer.ask()


def test_ordinals_become_integers_in_constraints() -> None:
    space = make_space()
    indexed = read_space(ordinals_as_integers(space.to_serialized_dict()), 0)
    for config in indexed.sample_configuration(50):
        assert config["size"] in (0, 1, 2)
        assert ("dropout" in config) == (config["size"] == 2)


def test_inactive_parameters_are_left_out() -> None:
    values = {"rate": 0.1, "width": 3, "layers": 2, "size": "small", "dropout": 0.1, "nesterov": False, "version": 3}
    assert "dropout" not in encode(make_space(), values)
    assert encode(make_space(), values | {"size": "large"})["dropout"] == 0.1


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name.startswith("bohb-") or name == "random"])
def test_presets_are_created_by_name(name: str) -> None:
    optimizer = make(name, make_space(), bohb.geometric(1, 9, eta=3), 0, 1, 3)
    job = optimizer.ask()
    assert job is not None
    optimizer.tell(job, 0.5)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one of .*hpbandster.*, got 'nobody'"):
        make("nobody", make_space(), bohb.geometric(1, 9, eta=3), 0, 1, 3)
    with pytest.raises(ValueError, match="got 'nobody'"):
        ensure("nobody")


@pytest.mark.slow
def test_a_failed_environment_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(REQUIREMENTS, "optuna", ("./there-is-no-such-package",))  # type: ignore[arg-type]
    with pytest.raises(EnvironmentFailed, match="there-is-no-such-package"):
        ensure("optuna")
    assert not is_ready("optuna")
