"""Studies of Optuna, made by Optuna, as results of ours."""

import json
import math
import sqlite3
from contextlib import closing

import optuna
import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from bohb.errors import SettingError
from bohb.exchange import import_optuna, write_optuna

SPACE = {"lr": {"float": (1e-3, 1.0), "log": True}, "units": range(8, 65, 8), "act": ["relu", "tanh", None]}
BUDGETS = (1, 3, 9)


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def objective(trial):
    lr, units = trial.suggest_float("lr", 1e-3, 1.0, log=True), trial.suggest_int("units", 8, 64, step=8)
    act = trial.suggest_categorical("act", ["relu", "tanh", None])
    for step in range(1, 9):
        trial.report(lr + units / 64 + (act == "tanh") + 1 / step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return lr + units / 64 + (act == "tanh") + 1 / 9


def storage_of(path):
    if path.suffix == ".log":
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


def make(path, *, name="theirs", sampler=None, num=20, function=objective, **settings):
    """A study of Optuna in a file; returns its trials."""
    storage = storage_of(path)
    pruner = optuna.pruners.SuccessiveHalvingPruner()
    sampler = sampler or optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, pruner=pruner, **settings)
    study.optimize(function, n_trials=num, catch=KeyError)
    trials = study.trials
    if path.suffix != ".log":
        storage.engine.dispose()
    return trials


@pytest.mark.parametrize("file", ["o.log", "o.db"])
def test_reports_count_at_the_budgets_that_they_reach(tmp_path, file):
    trials = make(tmp_path / file)
    opt = bohb.Optimizer(SPACE, BUDGETS, seed=0)
    adopted = import_optuna(opt, str(tmp_path / file))
    expected = {
        (json.dumps(trial.params, sort_keys=True), step): value
        for trial in trials
        for step, value in {
            **trial.intermediate_values,
            **({9: trial.value} if trial.state.name == "COMPLETE" else {}),
        }.items()
        if step in BUDGETS
    }
    found = {(json.dumps(dict(r.config), sort_keys=True), r.budget): r.loss for r in opt.results}
    assert found == pytest.approx(expected)
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    assert adopted.num_read == adopted.num_new + len(adopted.left_out) == len(expected)
    assert import_optuna(opt, tmp_path / file).num_new == 0
    assert opt.incumbent.loss == min(trial.value for trial in trials if trial.state.name == "COMPLETE")


@pytest.mark.parametrize("budgets", [(1, 3, 9), (0.5, 1.5, 9)])
@pytest.mark.parametrize("objectives", [None, {"acc": "maximize"}])
def test_what_we_exported_is_what_we_import(tmp_path, budgets, objectives):
    opt = bohb.Optimizer(SPACE, budgets, seed=0, preset="fast", objectives=objectives)
    for _ in range(30):
        trial = opt.ask()
        opt.tell(trial, trial.config["lr"] + trial.budget)
    write_optuna(opt, tmp_path / "o.log")
    new = bohb.Optimizer(SPACE, budgets, seed=1, objectives=objectives)
    import_optuna(new, tmp_path / "o.log")

    def known(search):
        return {(json.dumps(dict(r.config), sort_keys=True), r.budget, r.loss) for r in search.results}

    assert known(new) == known(opt)


@pytest.mark.parametrize("budgets", [0.5, [0.5, 1.0]])
def test_an_attribute_of_their_own_changes_no_step(tmp_path, budgets):
    """`write_optuna` has one of this name."""
    make(tmp_path / "o.log")
    known = []
    for _ in range(2):
        new = bohb.Optimizer(SPACE, BUDGETS, seed=0)
        import_optuna(new, tmp_path / "o.log")
        known.append([(result.budget, result.loss) for result in new.results])
        theirs = optuna.load_study(study_name="theirs", storage=storage_of(tmp_path / "o.log"))
        theirs.set_user_attr("budgets", budgets)
    assert known[0] == known[1] != []


def test_optuna_says_afterwards_what_it_said_before(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    write_optuna(bohb.Optimizer(SPACE, BUDGETS, seed=0), tmp_path / "o.log")
    import_optuna(bohb.Optimizer(SPACE, BUDGETS, seed=0), tmp_path / "o.log")
    assert optuna.logging.get_verbosity() == optuna.logging.DEBUG


def test_what_does_not_fit_is_named(tmp_path):
    def odd(trial):
        if trial.number == 0:
            raise KeyError
        if trial.number == 1:
            trial.suggest_float("lr", 1e-3, 1.0, log=True)
            raise optuna.TrialPruned
        if trial.number == 2:
            trial.suggest_float("lr", 5.0, 9.0, log=True)
            return 1.0
        trial.suggest_float("lr", 1e-3, 1.0, log=True)
        trial.report(1.0, 0)
        raise optuna.TrialPruned

    make(tmp_path / "o.log", num=4, function=odd)
    opt = bohb.Optimizer({"lr": (1e-3, 1.0, "log")}, BUDGETS, seed=0)
    adopted = import_optuna(opt, tmp_path / "o.log")
    assert (adopted.num_read, adopted.num_new) == (4, 0)
    texts = "\n".join(adopted.left_out)
    for words in (
        "trial 0 is left out: it failed",
        "trial 1 is left out: it was pruned without a report",
        "trial 2 at 9",
    ):
        assert words in texts
    assert "trial 3 is left out: it was pruned at step 0, below 1" in texts


def test_losses_that_are_not_finite_are_failures(tmp_path):
    def diverging(trial):
        trial.suggest_float("lr", 1e-3, 1.0, log=True)
        trial.report(math.nan, 1)
        raise optuna.TrialPruned

    make(tmp_path / "o.log", num=3, function=diverging)
    opt = bohb.Optimizer({"lr": (1e-3, 1.0, "log")}, BUDGETS, seed=0)
    assert import_optuna(opt, tmp_path / "o.log").num_failures == 3
    assert all(result.is_failure for result in opt.results)


def test_directions_have_to_agree(tmp_path):
    make(tmp_path / "up.log", direction="maximize", num=2)
    make(tmp_path / "two.log", directions=["minimize", "minimize"], num=1, function=lambda trial: (1.0, 2.0))
    up = bohb.Optimizer(SPACE, BUDGETS, seed=0, objectives={"accuracy": "maximize"})
    assert import_optuna(up, tmp_path / "up.log").num_new > 0
    for search, file in ((up, "two.log"), (bohb.Optimizer(SPACE, BUDGETS, seed=0), "up.log")):
        with pytest.raises(SettingError, match="expected a study of Optuna to m"):
            import_optuna(search, tmp_path / file)


def test_what_is_no_storage_of_optuna_stays_as_it_is(tmp_path):
    (tmp_path / "text.log").write_text("no journal\n" * 3)
    with bohb.Study.open(tmp_path / "ours.db", SPACE, BUDGETS, seed=0, preset="fast") as study:
        study.tell(study.ask(), 1.0)
        before = sorted(path.name for path in tmp_path.iterdir())
        content = (tmp_path / "ours.db").read_bytes()
        sources = ["text.log", "ours.db", "nothing.db", "sqlite:///nothing.db", "postgresql+none://user:secret@host/x"]
        for source in sources:
            with pytest.raises(SettingError, match="expected a storage of Optuna") as caught:
                import_optuna(study, source if "://" in source else tmp_path / source)
            assert "secret" not in str(caught.value)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert (tmp_path / "ours.db").read_bytes() == content


@pytest.mark.parametrize("url", ["sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:///{}?timeout=10"])
def test_every_url_of_a_file_is_read_and_nothing_is_written(tmp_path, url):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    with pytest.raises(SettingError, match="expected a storage of Optuna"):
        import_optuna(bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0), url.format(path))
    assert path.read_bytes() == before
    optuna.create_study(storage=f"sqlite:///{tmp_path}/theirs.db").optimize(
        lambda trial: trial.suggest_float("x", 0, 1), n_trials=2
    )
    adopted = import_optuna(bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0), url.format(tmp_path / "theirs.db"))
    assert adopted.num_new == 2


def test_the_command_imports_by_name(tmp_path, capsys):
    for name in ("a", "b"):
        make(tmp_path / "o.db", name=name, num=3, sampler=optuna.samplers.RandomSampler(seed=ord(name)))
    target = str(tmp_path / "s.db")
    bohb.Study.open(target, {**SPACE, "wd": (0.0, 1.0)}, BUDGETS, seed=0).close()
    words = ["import", target, "--optuna", f"sqlite:///{tmp_path}/o.db"]
    assert main(words) == exits.USAGE
    assert main([*words, "--study-name", "c"]) == exits.USAGE
    assert main(["import", target, "--from", target, "--study-name", "a"]) == exits.USAGE
    capsys.readouterr()
    for name in ("a", "b"):
        assert main([*words, "--study-name", name, "--fill", "wd=0.5", "--json"]) == exits.OK
        counts = json.loads(capsys.readouterr().out)
        assert counts["new"] == counts["read"] > 0
    with bohb.Study.open(target) as study:
        assert {result.config["wd"] for result in study.results} == {0.5}
