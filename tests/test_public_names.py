"""The names that users import stay where they are. Add a name here when you add one; never take one away."""

import importlib

import pytest

NAMES = {
    "bohb": """
        BohbError BudgetError ConfigError ExecutorBroken Failure Ladder Optimizer Origin OutcomeError Result
        SettingError SpaceError SpaceExhausted StateError Status Study StudyBusy StudyCorrupt StudyError StudyMismatch
        StudyUnavailable StudyVersion TellConflict Trial UnknownTrial WorkerLost geometric ladder run runner
    """,
    "bohb.runner": """
        Callback FolderTrial HorovodExecutor Objective ProcessExecutor RayExecutor Record Report RunEnded RunStarted
        SerialExecutor TorchrunExecutor TrialEnded TrialLost TrialStarted cost run
    """,
    "bohb.callbacks": "MLflowCallback Progress TensorBoardCallback",
    "bohb.schedules": """
        AsynchronousHalving Bracket BracketPlan Brackets FreezeThaw FullBudget HpBandSterHyperband Hyperband MoveOffer
        OfferingSchedule Promote Rung Schedule Start
    """,
    "bohb.models": """
        ExpectedImprovementModel Facts HpBandSterModel Model Observations PaperModel PooledDensityModel PromotingModel
        Proposal RandomModel RankingModel
    """,
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
