"""Record a search in TensorBoard: the hyperparameters of each configuration and its loss by budget.

* `directory`: `incumbent` and `loss/budget_<b>`, with the trial as step.
* `directory/config-<config_id>`: the hyperparameters, and `loss` with the budget as step.
* `directory/trials.txt`: which trials are written, so that a resumed search writes none twice.

tensorboardX's `SummaryWriter` writes in a thread and does not say when an event is in its file. This callback uses the
writer below it, which writes at once.
"""

import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bohb.callbacks.tracking import budget_name, plain_values, step
from bohb.errors import SettingError
from bohb.runner.records import Record, RunEnded, RunStarted, TrialEnded
from bohb.trials import Result


class TensorBoardCallback:
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
        self._files: Any = event_file_writer
        self._summaries: Any = summary
        self._directory = Path(directory).absolute()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._search: Any = None
        self._list = self._directory / "trials.txt"
        self._written = set(self._list.read_text().split()) if self._list.exists() else set()

    def __call__(self, record: Record) -> None:
        """Write a record."""
        match record:
            case RunStarted():
                for result in record.results:
                    self._write(result)
            case TrialEnded():
                self._write(record.result)
                if record.incumbent is not None:
                    self._add("incumbent", record.incumbent.loss, record.result.trial.id)
            case RunEnded() if self._search is not None:
                self._search.close()
                self._search = None

    def _write(self, result: Result) -> None:
        """Write a result, unless it was written before; a failure has no loss to write."""
        trial = result.trial
        if str(trial.id) in self._written:
            return
        if not result.is_failure:
            self._add(f"loss/budget_{budget_name(trial)}", result.loss, trial.id)
            self._write_config(result)
        self._written.add(str(trial.id))
        with self._list.open("a") as file:
            file.write(f"{trial.id}\n")

    def _write_config(self, result: Result) -> None:
        """Write the run of a configuration, with a file for each of its trials."""
        trial = result.trial
        parts = self._summaries.hparams(plain_values(trial.config), {"loss": result.loss})
        file = self._open(self._directory / f"config-{trial.config_id}")
        _put(file, [*parts, self._summaries.scalar("loss", result.loss)], step(trial))
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
