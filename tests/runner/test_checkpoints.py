"""The directory of a run: folders of configurations, and which checkpoints are deleted."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bohb
from bohb.runner import FolderTrial, ProcessExecutor, SerialExecutor, checkpoints
from bohb.runner.checkpoints import CheckpointCleaner
from tests.record.bare import bare_trial


def make_optimizer(seed: int = 0) -> bohb.Optimizer:
    return bohb.Optimizer({"x": (0.0, 1.0)}, budgets=bohb.geometric(1, 9, eta=3), seed=seed, preset="asha")


def train(trial: FolderTrial) -> dict[str, object]:
    """Count the trained epochs in a checkpoint."""
    seen = 0 if trial.checkpoint is None else int(Path(trial.checkpoint).read_text())
    path = trial.folder / f"{trial.id}.epochs"
    path.write_text(str(trial.budget))
    return {"loss": trial.config["x"] + 1 / trial.budget, "checkpoint": path, "info": {"paid": trial.budget - seen}}


@pytest.mark.parametrize("make", [SerialExecutor, lambda: ProcessExecutor(2)])
def test_a_promoted_configuration_resumes_in_the_same_folder(tmp_path: Path, make) -> None:
    """The epochs that were trained are what the run says it spent."""
    optimizer = make_optimizer()
    with make() as executor:
        report = bohb.run(train, optimizer, executor=executor, max_trials=40, directory=tmp_path, progress=False)
    assert report.num_failures == 0
    assert sum(result.info["paid"] for result in optimizer.results) == report.spent
    assert any(result.trial.previous is not None for result in optimizer.results)
    for result in optimizer.results:
        assert Path(result.checkpoint).parent == tmp_path / f"config-{result.trial.config_id}"


def test_a_repetition_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """It starts from scratch, and pays for a full training."""
    optimizer = bohb.Optimizer({"x": [0.1, 0.2]}, [1, 9], seed=0, preset="random", repeats=True)
    report = bohb.run(train, optimizer, executor=SerialExecutor(), max_trials=6, directory=tmp_path, progress=False)
    assert report.spent == 6 * 9 == sum(result.info["paid"] for result in optimizer.results)
    names = {Path(result.checkpoint).parent.name for result in optimizer.results if result.checkpoint is not None}
    assert names == {f"config-{i}{again}" for i in range(2) for again in ("", "-repeat-1", "-repeat-2")}


def test_without_a_directory_a_trial_has_no_folder() -> None:
    kinds = set()
    bohb.run(lambda trial: kinds.add(type(trial)) or 0.5, make_optimizer(), max_trials=2, progress=False)
    assert kinds == {bohb.Trial}


def test_exactly_the_releasable_checkpoints_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every tell, releasable checkpoints are gone and all others exist, that of the incumbent included."""
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN_DELETIONS", 0.0)
    optimizer = make_optimizer()

    def check(record):
        if isinstance(record, bohb.runner.TrialEnded):
            releasable = set(optimizer.releasable())
            for result in optimizer.results:
                assert Path(result.checkpoint).exists() == (result.checkpoint not in releasable)

    failures: list[str] = []
    monkeypatch.setattr("bohb.runner.records.log.exception", lambda *args: failures.append(str(args)))
    bohb.run(train, optimizer, max_trials=80, directory=tmp_path, keep="releasable", callbacks=[check], progress=False)
    assert not failures
    assert optimizer.releasable()
    assert Path(optimizer.incumbent.checkpoint).exists()


class Named:
    """A search with checkpoints to delete, and some that are needed."""

    def __init__(self, releasable: list[str], needed: tuple[str, ...] = ()) -> None:
        self.names, self.pending = releasable, ()
        trial = bohb.Trial(0, {}, 1, 0, None, None, None, None, bohb.Origin.RANDOM)
        self.results = [bohb.Result(trial, 0.0, bohb.Status.OK, name, {}) for name in (*releasable, *needed)]

    def releasable(self) -> list[str]:
        return self.names


def make_directories(tmp_path: Path) -> Path:
    """Return a directory with checkpoints, beside files that must stay, with links between them."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    directory = tmp_path / "run"
    (directory / "config-0" / "deep").mkdir(parents=True)
    (directory / "config-0" / "deep" / "file").touch()
    (directory / "config-0" / "link").symlink_to(tmp_path / "precious")
    (directory / "config-0" / "deep" / "link").symlink_to(tmp_path / "precious" / "file")
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_directories(tmp_path)


def test_nothing_outside_the_directory_is_deleted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a path outside, above, through a link, nor to the directory itself."""
    monkeypatch.chdir(root)
    precious = root.parent / "precious"
    names = [
        str(precious),
        str(precious / "file"),
        str(root / ".." / "precious" / "file"),
        "../precious/file",
        str(root / "config-0" / "link" / "file"),
        str(root / "config-0" / "link" / ".." / "precious"),
        str(root),
        str(root / "config-0" / ".."),
        str(root / "."),
        str(root.parent),
        "/",
        "",
        ".",
        "..",
        "bad\0name",
        "s3://bucket/checkpoint",
    ]
    CheckpointCleaner(Named(names), root).release()
    assert (precious / "file").exists()
    assert (root / "config-0" / "deep" / "file").exists()


def test_links_are_removed_not_followed(root: Path) -> None:
    names = [str(root / "config-0" / "link"), str(root / "config-0" / "deep"), str(root / "config-0" / "never-was")]
    CheckpointCleaner(Named(names), root).release()
    assert [path.name for path in (root / "config-0").iterdir()] == []
    assert (root.parent / "precious" / "file").exists()


def test_a_folder_with_a_needed_checkpoint_stays(root: Path) -> None:
    """Also if the two paths are written differently."""
    needed = str(root / "config-0" / ".." / "config-0" / "deep" / "file")
    CheckpointCleaner(Named([str(root / "config-0"), str(root / "config-0" / "deep")], (needed,)), root).release()
    assert (root / "config-0" / "deep" / "file").exists()


def test_the_directory_may_be_a_link(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    CheckpointCleaner(Named([str(alias / "config-0" / "deep")]), alias).release()
    assert not (root / "config-0" / "deep").exists()


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(st.sampled_from(["config-0", "deep", "link", "..", ".", "", "run", "precious", "file"]), max_size=7)
)
def test_no_path_leads_out_of_the_directory(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    top = tmp_path_factory.mktemp("top")
    directory = make_directories(top)
    CheckpointCleaner(Named([str(directory) + "/" + "/".join(parts)]), directory).release()
    assert (top / "precious" / "file").exists()
    assert directory.exists()


def test_a_longer_ladder_resumes_what_is_there_and_starts_anew_what_was_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that deletes its checkpoints has deleted those at its largest budget, but the incumbent's."""
    optimizer = bohb.Optimizer({"x": (0.0, 1.0)}, [9], seed=0, preset="random")
    options = {"directory": tmp_path, "keep": "releasable", "progress": False}
    bohb.run(train, optimizer, max_trials=9, **options)
    best = optimizer.incumbent
    optimizer.extend([9, 27])
    report = bohb.run(train, optimizer, max_trials=4, **options)
    assert report.num_failures == 0
    promoted = [result for result in optimizer.results if result.budget == 27 and result.trial.config_id < 9]
    assert len(promoted) == 3
    paid = {result.trial.config_id: result.info["paid"] for result in promoted}
    assert sorted(paid.values()) == [18, 27, 27]
    assert paid[best.trial.config_id] == 18
    assert report.spent == sum(result.info["paid"] for result in optimizer.results[9:])
    assert caplog.text.count("starts from scratch") == 2


@pytest.mark.parametrize("name", ["ck", "ck.index", "ck.data-0-of-1"])
def test_a_checkpoint_is_there_under_its_name_or_with_an_ending(tmp_path: Path, name: str) -> None:
    trial = replace(bare_trial(0), previous=0, checkpoint=str(tmp_path / "ck"))
    assert checkpoints.without_lost(trial, None) is trial
    assert checkpoints.without_lost(trial, tmp_path / "elsewhere") is trial
    assert checkpoints.without_lost(trial, tmp_path) == replace(trial, previous=None, checkpoint=None)
    (tmp_path / "ck-2").touch()
    assert checkpoints.without_lost(trial, tmp_path).checkpoint is None
    (tmp_path / name).touch()
    assert checkpoints.without_lost(trial, tmp_path) is trial
