"""Record a search in MLflow: a parent run for the search, with a nested run for each configuration.

Writing a result twice changes nothing: runs are found again by their tags, and the time of a metric follows from its
trial. So a search that was killed can be resumed. No run appears twice, and results that were told but not yet written
are written then.
"""

from collections.abc import Iterator
from typing import Any

from bohb.callbacks.tracking import metric_values, plain_values, reported, safe_name, step
from bohb.errors import SettingError
from bohb.objectives import LOSS, goal_of
from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded
from bohb.runner.report import Report
from bohb.trials import Result, failure_text

SEARCH_TAG = "bohb.search"
CONFIG_TAG = "bohb.config_id"
TRIAL_TAG = "bohb.trial."
PARENT_TAG = "mlflow.parentRunId"
MAX_TAG = 5000


class MLflowCallback:
    """Write a search to MLflow: parameters, the loss by budget, checkpoints, failures, and the incumbent.

    Each configuration is one nested run. Its metric `loss` has the budget as step, with what was reported on the way,
    and there is one metric `loss.budget_<b>` for each budget, to sort by. If the search has objectives, they are named
    after the objective, and the other metrics are there as well. The parent's metric `incumbent` has the trial as step.

    The `name` identifies a search. If the last parent run of that name holds only trials of this search, the search is
    resumed there; otherwise a new parent run begins. Only one process at a time may write to a search.

    Args:
        tracking_uri: Where MLflow keeps its runs, such as `"sqlite:///mlflow.db"` or the address of a server.
        name: The name of this search.
        experiment: The experiment in MLflow; it is created if it does not exist.

    Raises:
        SettingError: If MLflow is not installed, or the name is empty.
    """

    def __init__(self, tracking_uri: str, *, name: str, experiment: str = "bohb") -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            advice = "pip install 'bohb[mlflow]'"
            raise SettingError(f"expected MLflow, which is not installed; install it with {advice}") from error
        if not name:
            raise SettingError("expected a name for the search, got ''; a search is resumed by its name")
        self._client: Any = MlflowClient(tracking_uri=tracking_uri)
        self._name = name
        found = self._client.get_experiment_by_name(experiment)
        self._experiment: str = self._client.create_experiment(experiment) if found is None else found.experiment_id
        self._parent: Any = None
        self._runs: dict[int, str] = {}
        self._written: set[int] = set()
        self._goal = LOSS

    def __call__(self, record: Record) -> None:
        """Write a record."""
        match record:
            case RunStarted():
                self._goal = goal_of(record)
                self._begin(record)
            case TrialEnded():
                self._write(record.result)
                self._write_incumbent(record)
            case RunEnded(report):
                self._end(report)

    def _begin(self, record: RunStarted) -> None:
        told = {result.trial.id for result in record.results}
        self._find_parent(told)
        limits = {f"bohb.{name}": str(value) for name, value in record.limits.items()}
        for key, value in {**limits, "bohb.workers": str(record.workers)}.items():
            self._client.set_tag(self._parent.info.run_id, key, value)
        for result in record.results:
            self._write(result)

    def _find_parent(self, told: set[int]) -> None:
        """Resume the last parent run of this name if it belongs to this search, or create one."""
        # The name is compared here: MLflow's filters cannot quote every text.
        parents = self._search(f"tags.`{SEARCH_TAG}` LIKE '%'")
        last = next((parent for parent in parents if parent.data.tags[SEARCH_TAG] == self._name), None)
        if last is not None:
            self._read_children(last.info.run_id)
            if self._written <= told:
                self._parent = last
                self._client.update_run(last.info.run_id, status="RUNNING")
                return
        self._runs, self._written = {}, set()
        self._parent = self._client.create_run(self._experiment, run_name=self._name, tags={SEARCH_TAG: self._name})

    def _read_children(self, parent_id: str) -> None:
        self._runs, self._written = {}, set()
        for run in self._search(f"tags.`{PARENT_TAG}` = '{parent_id}'"):
            tags = run.data.tags
            self._runs[int(tags[CONFIG_TAG])] = run.info.run_id
            self._written |= {int(tag.removeprefix(TRIAL_TAG)) for tag in tags if tag.startswith(TRIAL_TAG)}

    def _search(self, condition: str) -> Iterator[Any]:
        """Yield the runs that meet a condition, the newest first."""
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], condition, order_by=["attributes.start_time DESC"], page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _write(self, result: Result) -> None:
        """Write a result to the run of its configuration, unless it was written before."""
        from mlflow.entities import Metric, Param, RunTag

        trial = result.trial
        if trial.id in self._written:
            return
        run_id = self._run_of(trial.config_id)
        has_failed = result.is_failure
        at, name = self._time(trial.id), safe_name(self._goal.name)
        values = {} if has_failed else metric_values(result, self._goal)
        written = [Metric(each, value, at, step(trial)) for each, value in values.items()]
        written += [] if has_failed else [Metric(name, value, at, when) for when, value in reported(result, self._goal)]
        tags = {TRIAL_TAG + str(trial.id): str(result.status), "bohb.bracket": str(trial.bracket)}
        if result.checkpoint is not None:
            tags["checkpoint"] = result.checkpoint
        if has_failed:
            tags["bohb.error"] = failure_text(result)
        self._client.log_batch(
            run_id,
            metrics=written,
            params=[Param(name, str(value)) for name, value in plain_values(trial.config).items()],
            tags=[RunTag(name, value[:MAX_TAG]) for name, value in tags.items()],
        )
        self._client.set_terminated(run_id, status="FAILED" if has_failed else "FINISHED")
        self._written.add(trial.id)

    def _run_of(self, config_id: int) -> str:
        if config_id not in self._runs:
            tags = {PARENT_TAG: self._parent.info.run_id, CONFIG_TAG: str(config_id)}
            run = self._client.create_run(self._experiment, run_name=f"config-{config_id}", tags=tags)
            self._runs[config_id] = run.info.run_id
        return self._runs[config_id]

    def _write_incumbent(self, record: TrialEnded) -> None:
        trial = record.result.trial
        if record.incumbent is not None:
            time, value = self._time(trial.id), self._goal.value(record.incumbent.loss)
            self._client.log_metric(self._parent.info.run_id, "incumbent", value, time, trial.id)

    def _end(self, report: Report) -> None:
        run_id = self._parent.info.run_id
        self._client.set_tag(run_id, "bohb.stopped_by", report.stopped_by)
        if report.incumbent is not None:
            trial = report.incumbent.trial
            self._client.set_tag(run_id, "bohb.incumbent", self._runs.get(trial.config_id, ""))
        stopped = report.stopped_by in ("interrupted", "terminated")
        self._client.set_terminated(run_id, status="KILLED" if stopped else "FINISHED")

    def _time(self, trial_id: int) -> int:
        """Return a time for a trial's metrics, in milliseconds; the same one every time."""
        start: int = self._parent.info.start_time
        return start + trial_id
