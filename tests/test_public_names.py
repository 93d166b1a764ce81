"""The names that users import stay where they are. Add a name here when you add one; never take one away."""

import importlib

import pytest

NAMES = {
    "bohb": """
        BohbError BudgetError ConfigError ExecutorBroken Failure Ladder Optimizer Origin OutcomeError Result
        SettingError SpaceError SpaceExhausted StateError Status StopRun Study StudyBusy StudyCorrupt StudyError
        StudyMismatch StudyUnavailable StudyVersion TellConflict Trial UnknownTrial WorkerLost geometric ladder plots
        report run runner
    """,
    "bohb.runner": """
        Callback FolderTrial HorovodExecutor Objective ProcessExecutor RayExecutor Record Report RunEnded RunStarted
        SerialExecutor SparkExecutor SubmititExecutor TorchrunExecutor TrialEnded TrialLost TrialStarted cost run
    """,
    "bohb.callbacks": "AimCallback MLflowCallback Progress TensorBoardCallback WandbCallback",
    "bohb.schedules": """
        AsynchronousHalving Bracket BracketPlan Brackets Exploit FreezeThaw FullBudget HpBandSterHyperband Hyperband
        MoveOffer OfferingSchedule Population Promote Rung Schedule Start
    """,
    "bohb.models": """
        Beliefs Estimator ExpectedImprovementModel ExploringModel Facts HpBandSterModel ImprovementBandit Model
        Observations PaperModel PerturbationModel PooledDensityModel PromotingModel Proposal RandomModel RankingModel
    """,
    "bohb.integrations.optuna": "BOHBPruner BOHBSampler",
    "bohb.integrations.sklearn": "BOHBSearchCV",
    "bohb.surrogates": "Examples GaussianProcessSurrogate Posterior Surrogate",
}


@pytest.mark.parametrize("module", sorted(NAMES))
def test_every_public_name_is_there(module: str) -> None:
    names = NAMES[module].split()
    loaded = importlib.import_module(module)
    assert set(names) <= set(loaded.__all__)
    assert all(hasattr(loaded, name) for name in names)


def test_the_front_door_has_no_name_that_is_not_listed() -> None:
    """So that a new name is a decision."""
    assert set(importlib.import_module("bohb").__all__) == set(NAMES["bohb"].split())
