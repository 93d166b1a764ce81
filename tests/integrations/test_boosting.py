"""Laws of the callbacks of XGBoost, LightGBM and CatBoost: in place or from a checkpoint, the search is the same."""

import copy
import importlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bohb
from tests.integrations.boosting import AUC, LARGEST, SPACE, TRAIN, hosts, rounds_of
from tests.integrations.examples import saved_by, trained_by
from tests.runner.engines import requires

pytestmark = [
    *requires("trainers", "xgboost", "lightgbm", "catboost"),
    pytest.mark.filterwarnings("default"),  # what the libraries deprecate is theirs
]


def make_search(**settings: Any) -> bohb.Optimizer:
    return bohb.Optimizer(SPACE, bohb.geometric(1, LARGEST, eta=3), seed=0, **settings)


def searched(host: str, *, num_results: int = 20, **options: Any) -> tuple[bohb.Optimizer, list[Any]]:
    """Return a search in a loop of its own, and the progress of each training."""
    optimizer, trainings = make_search(), []
    while len(optimizer.results) < num_results:
        trainings.append(TRAIN[host](optimizer, optimizer.ask(), **options).progress)
    return optimizer, trainings


class Alone:
    """A search that stops a training at its budget, and keeps what was told."""

    def __init__(self) -> None:
        self.told: Any = None

    def report(self, trial: bohb.Trial, budget: Any, outcome: Any) -> None:
        pass

    def proceed(self, trial: bohb.Trial, outcome: Any, *, checkpoint: Any = None) -> None:
        self.told = outcome


@hosts()
def test_every_loss_is_that_of_a_training_from_scratch(host: str, tmp_path: Path) -> None:
    optimizer, trainings = searched(host, directory=tmp_path)
    assert any(each.in_place for each in trainings)
    assert any(each.start for each in trainings)
    for result in optimizer.results:
        if result.trial.id >= 0:
            alone, trial = Alone(), make_search().ask()
            anew = replace(trial, config=result.config, budget=result.budget)
            TRAIN[host](alone, anew)
            assert result.loss == pytest.approx(alone.told["loss"], rel=1e-3)


@hosts()
def test_what_was_trained_and_what_was_saved_is_what_the_trials_ask_for(host: str, tmp_path: Path) -> None:
    optimizer, trainings = searched(host, directory=tmp_path)
    asked = sum(result.budget for result in optimizer.results if result.trial.id >= 0)
    assert asked == sum(each.trained + each.start + each.in_place for each in trainings)


@hosts()
def test_a_checkpoint_has_as_many_rounds_as_the_budget(host: str, tmp_path: Path) -> None:
    optimizer, _ = searched(host, directory=tmp_path)
    told = [result for result in optimizer.results if result.trial.id >= 0]
    assert all(result.checkpoint is not None for result in told)
    assert all(rounds_of(host, result.checkpoint) == result.budget for result in told)


@hosts()
def test_the_rounds_below_a_budget_are_its_curve(host: str) -> None:
    optimizer, _ = searched(host, num_results=12)
    for result in optimizer.results:
        if result.trial.id >= 0 and result.trial.previous is None:
            assert [budget for budget, _ in result.curve] == list(range(1, result.budget))


@hosts()
def test_run_asks_and_finds_the_same(host: str, tmp_path: Path) -> None:
    host_file = importlib.import_module(f"bohb.integrations.{host}")
    optimizer, _ = searched(host, directory=tmp_path / "loop")
    again, train = make_search(), TRAIN[host]
    objective = host_file.pausable(lambda search, trial: train(search, trial))
    num_trials = len([each for each in optimizer.results if each.trial.id >= 0])
    report = bohb.run(objective, again, max_trials=num_trials, directory=tmp_path / "run", progress=False)
    assert report.num_failures == 0
    assert all(rounds_of(host, result.checkpoint) == result.budget for result in again.results if result.checkpoint)
    in_loop, in_run = ([(each.trial.config_id, each.budget) for each in one.results] for one in (optimizer, again))
    assert in_run == in_loop[: len(in_run)]


@hosts()
def test_a_study_is_told_too(host: str, tmp_path: Path) -> None:
    with bohb.Study.open(tmp_path / "study.db", SPACE, bohb.geometric(1, LARGEST, eta=3), seed=0) as study:
        callback = TRAIN[host](study, study.ask(), directory=tmp_path)
        assert study.results[-1].trial == callback.trial


@hosts()
def test_a_training_that_stops_itself_is_told_with_what_it_used(host: str) -> None:
    optimizer = bohb.Optimizer(SPACE, [200], seed=0)
    optimizer.enqueue({"learning_rate": 1.0, "depth": 3})
    callback = TRAIN[host](optimizer, optimizer.ask(), rounds=200, stop=3)
    (result,) = (each for each in optimizer.results if each.trial.id == callback.trial.id)
    assert result.status is bohb.Status.OK
    assert 3 < result.used < 200


@hosts()
def test_a_metric_to_maximise_is_known_by_the_host(host: str) -> None:
    optimizer = make_search()
    TRAIN[host](optimizer, optimizer.ask(), evaluated=AUC[host])
    assert -1 <= optimizer.results[-1].loss < -0.4


@hosts()
def test_an_objective_is_told_as_it_is(host: str) -> None:
    optimizer = make_search(objectives={"auc": "maximize"})
    TRAIN[host](optimizer, optimizer.ask(), evaluated=AUC[host])
    assert 0.4 < optimizer.results[-1].metrics["auc"] <= 1


@hosts()
def test_the_direction_can_be_given(host: str) -> None:
    optimizer = make_search()
    TRAIN[host](optimizer, optimizer.ask(), maximize=True)
    assert optimizer.results[-1].loss < 0


@hosts()
def test_a_metric_that_is_not_there_is_named_with_those_that_are(host: str) -> None:
    optimizer = make_search()
    option = "metric_name" if host == "xgboost" else "metric"
    with pytest.raises(ValueError, match=r"(?i)one.*logloss"):
        TRAIN[host](optimizer, optimizer.ask(), **{option: "rmsle"})
    assert not optimizer.results


@hosts()
def test_a_callback_serves_one_training_and_no_copy_of_it_any(host: str) -> None:
    """The search would not hear of the training, or hear twice of one trial."""
    optimizer = make_search()
    callback = TRAIN[host](optimizer, optimizer.ask())
    num_results = len(optimizer.results)
    with pytest.raises(bohb.SettingError, match="a new callback for each training"):
        TRAIN[host](optimizer, callback.trial, callback=callback)
    for copied in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        with pytest.raises(bohb.SettingError, match="with a copy of it"):
            TRAIN[host](optimizer, callback.trial, callback=copied)
    assert len(optimizer.results) == num_results


def test_a_model_that_holds_the_callback_can_be_saved_in_a_run(tmp_path: Path) -> None:
    import joblib
    from xgboost import XGBClassifier

    from bohb.integrations.xgboost import BOHBCallback, pausable
    from tests.integrations.boosting import data

    x, y, x_valid, y_valid = data()

    def train(search: Any, trial: bohb.Trial) -> None:
        callback: Any = BOHBCallback(search, trial)
        model = XGBClassifier(n_estimators=LARGEST, n_jobs=1, callbacks=[callback])
        model.fit(x, y, eval_set=[(x_valid, y_valid)], verbose=False)
        joblib.dump(model, tmp_path / "model.joblib")

    bohb.run(pausable(train), make_search(), max_trials=1, progress=False)
    assert len(joblib.load(tmp_path / "model.joblib").predict(x_valid)) == len(x_valid)


def test_a_model_that_was_trained_beyond_the_budget_is_refused() -> None:
    """One of another training, such as a base model: the trial would be told after 1 round more."""
    import xgboost as xgb

    from tests.integrations.boosting import data

    x, y, *_ = data()
    base, search = xgb.train({}, xgb.DMatrix(x, y), 20), make_search()
    with pytest.raises(bohb.SettingError, match=r"below the budget 1 of trial 0, got one that begins at 20"):
        TRAIN["xgboost"](search, search.ask(), base=base)
    assert not search.results


def test_too_few_rounds_are_refused_by_lightgbm_and_told_with_a_warning_by_xgboost() -> None:
    search = bohb.Optimizer(SPACE, [9], seed=0)
    with pytest.raises(ValueError, match="num_boost_round"):
        TRAIN["lightgbm"](search, search.ask(), rounds=5)
    with pytest.warns(UserWarning, match="num_boost_round"):
        TRAIN["xgboost"](search, search.ask(), rounds=5)
    assert search.results[-1].used == 5


def test_cross_validation_is_refused() -> None:
    import lightgbm as lgb
    import xgboost as xgb

    from bohb.integrations import lightgbm, xgboost
    from tests.integrations.boosting import data

    x, y, *_ = data()
    search = make_search()
    with pytest.raises(TypeError, match=r"xgboost\.cv"):
        xgb.cv({}, xgb.DMatrix(x, y), 2, callbacks=[xgboost.BOHBCallback(search, search.ask())])
    with pytest.raises(TypeError, match=r"lightgbm\.cv"):
        lgb.cv({"verbosity": -1}, lgb.Dataset(x, y), 2, callbacks=[lightgbm.BOHBCallback(search, search.ask())])


def test_catboost_needs_a_learning_rate() -> None:
    from catboost import CatBoostRegressor

    from bohb.integrations.catboost import BOHBCallback

    search = make_search()
    with pytest.raises(ValueError, match="learning rate"):
        BOHBCallback(search, search.ask()).fit(CatBoostRegressor(), [[1.0]], [1.0])


@pytest.mark.parametrize("name", ["init_model", "use_best_model"])
def test_what_the_callback_of_catboost_sets_is_refused(name: str) -> None:
    from catboost import CatBoostRegressor

    from bohb.integrations.catboost import BOHBCallback

    search = make_search()
    with pytest.raises(ValueError, match=f"without {name}, which the callback sets"):
        BOHBCallback(search, search.ask()).fit(CatBoostRegressor(learning_rate=0.1), [[1.0]], [1.0], **{name: None})


@pytest.mark.parametrize("setting", [{"save_snapshot": True}, {"snapshot_file": "kept"}])
def test_snapshots_of_catboost_are_refused(setting: Any) -> None:
    """The fit of the next budget would go on from the snapshot of the one before, and train too little."""
    search = make_search()
    with pytest.raises(ValueError, match=f"without {next(iter(setting))}, from which"):
        TRAIN["catboost"](search, search.ask(), model=setting)


def test_an_interrupt_while_the_callback_of_catboost_runs_is_one() -> None:
    """CatBoost turns what a callback raises into an error of its own, which a loop would tell as a failure."""

    class Interrupted(Alone):
        def report(self, trial: bohb.Trial, budget: Any, outcome: Any) -> None:
            raise KeyboardInterrupt

    trial = replace(make_search().ask(), budget=3)
    with pytest.raises(KeyboardInterrupt):
        TRAIN["catboost"](Interrupted(), trial)


@pytest.mark.parametrize("period", [1, 4])
def test_a_round_in_which_catboost_evaluates_nothing_has_no_point_in_the_curve(period: int) -> None:
    """`metric_period` lets it evaluate in the first round and each fourth after it, and in the last."""
    search = bohb.Optimizer(SPACE, [LARGEST], seed=0)
    TRAIN["catboost"](search, search.ask(), model={"metric_period": period})
    (result,) = search.results
    assert [budget for budget, _ in result.curve] == list(range(1, LARGEST, period))
    assert len({loss for _, loss in result.curve}) == len(result.curve)


class Accuracy:
    """A metric of one's own, as CatBoost defines it."""

    def is_max_optimal(self) -> bool:
        return True

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        return sum((value > 0) == bool(true) for value, true in zip(approxes[0], target, strict=True)), len(target)

    def get_final_error(self, error: float, weight: float) -> float:
        return error / weight


@pytest.mark.parametrize(
    ("model", "is_negative"), [({"eval_metric": None}, False), ({"eval_metric": Accuracy()}, True)]
)
@pytest.mark.filterwarnings("ignore:Failed to import numba")
def test_catboost_reports_what_it_watches_itself(model: Any, is_negative: bool) -> None:
    """The loss if there is no `eval_metric`, whatever else is computed; and a metric of the user's own."""
    search = make_search()
    custom = {} if is_negative else {"custom_metric": ["AUC", "F1"]}
    TRAIN["catboost"](search, search.ask(), model={**model, **custom})
    assert (search.results[-1].loss < 0) == is_negative


@hosts()
def test_the_example_of_the_page_saves_in_place_and_by_checkpoints(host: str, tmp_path: Path) -> None:
    assert min(saved_by(f"{host}_digits", tmp_path, OMP_NUM_THREADS="1")) > 0


def test_the_example_with_workers_trains_less_than_from_scratch(tmp_path: Path) -> None:
    trained, from_scratch = trained_by("xgboost_workers", tmp_path, OMP_NUM_THREADS="1")
    assert trained < from_scratch


def test_the_interface_of_scikit_learn_works() -> None:
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    from bohb.integrations import lightgbm, xgboost
    from tests.integrations.boosting import data

    x, y, x_valid, y_valid = data()
    search = bohb.Optimizer(SPACE, [3], seed=0)
    own: Any = xgboost.BOHBCallback(search, search.ask())
    XGBClassifier(n_estimators=9, callbacks=[own], n_jobs=1).fit(x, y, eval_set=[(x_valid, y_valid)], verbose=False)
    other = lightgbm.BOHBCallback(search, search.ask())
    model = LGBMClassifier(n_estimators=9, n_jobs=1, verbosity=-1)
    model.fit(x, y, eval_set=[(x_valid, y_valid)], callbacks=[other])
    assert [result.trial for result in search.results] == [own.trial, other.trial]
    assert [own.progress.at, other.progress.at, model.booster_.current_iteration()] == [3, 3, 3]
