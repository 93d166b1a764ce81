"""Record a search in TensorBoard: the hyperparameters of each configuration and its loss by budget.

* `directory`: `incumbent` and `loss/budget_<b>`, with the trial as step.
* `directory/config-<config_id>`: the hyperparameters, and `loss` with the budget as step.
* If the search has objectives, the name of the objective stands in the place of `loss`, beside the other metrics.
* `directory/trials.txt`: which trials are written, so that a resumed search writes none twice.

tensorboardX's `SummaryWriter` writes in a thread and does not say when an event is in its file. This callback uses the
writer below it, which writes at once.
"""

import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bohb.callbacks.tracking import WritesOnce, budget_name, plain_values, reported, safe_name, step, told_values
from bohb.errors import SettingError
from bohb.runner.records import Record, RunEnded, TrialEnded
from bohb.trials import Result


class TensorBoardCallback(WritesOnce):
    """Write a search as event files, for `tensorboard --logdir`.

    Args:
        directory: The directory for the event files, one for each search. A search that was killed is resumed there.

    Raises:
        SettingError: If tensorboardX is not installed.
    """

    def __init__(self, directory: str | Path) -> None:
        try:
            from tensorboardX import event_file_writer, summary
        except ImportError as error:
            advice = "pip install 'bohb[tensorboard]'"
            raise SettingError(f"expected tensorboardX, which is not installed; install it with {advice}") from error
        super().__init__(directory, "trials.txt")
        self._files: Any = event_file_writer
        self._summaries: Any = summary
        self._search: Any = None

    def __call__(self, record: Record) -> None:
        """Write a record."""
        super().__call__(record)
        match record:
            case TrialEnded() if record.incumbent is not None:
                self._add("incumbent", self._goal.value(record.incumbent.loss), record.result.trial.id)
            case RunEnded() if self._search is not None:
                self._search.close()
                self._search = None

    def _write(self, result: Result) -> None:
        """Write a result; a failure has no loss to write."""
        if not result.is_failure:
            name, value = safe_name(self._goal.name), self._goal.value(result.loss)
            self._add(f"{name}/budget_{budget_name(result.trial)}", value, result.trial.id)
            self._write_config(result)

    def _write_config(self, result: Result) -> None:
        """Write the run of a configuration, with a file for each of its trials."""
        trial = result.trial
        name, value = safe_name(self._goal.name), self._goal.value(result.loss)
        scalars = [self._summaries.scalar(each, number) for each, number in told_values(result, self._goal).items()]
        parts = self._summaries.hparams(plain_values(trial.config), {name: value})
        file = self._open(self._directory / f"config-{trial.config_id}")
        for at, before in reported(result, self._goal):
            _put(file, [self._summaries.scalar(name, before)], at)
        _put(file, [*parts, *scalars], step(trial))
        file.close()

    def _add(self, name: str, value: float, trial_id: int) -> None:
        if self._search is None:
            self._search = self._open(self._directory)
        _put(self._search, [self._summaries.scalar(name, value)], trial_id)

    def _open(self, folder: Path) -> Any:
        folder.mkdir(exist_ok=True)
        # A unique suffix keeps a file of the same second from being overwritten.
        return self._files.EventsWriter(str(folder / "events"), f".{uuid.uuid4().hex[:12]}")


def _put(file: Any, summaries: Iterable[Any], at: int) -> None:
    """Write summaries at a step; they are in the file when this returns."""
    from tensorboardX.proto.event_pb2 import Event

    for summary in summaries:
        file.write_event(Event(wall_time=time.time(), step=at, summary=summary))
    file.flush()
