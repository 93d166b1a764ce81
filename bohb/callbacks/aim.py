"""Record a search in Aim: a run for each configuration, all in one experiment.

A run has the configuration, `loss` or the objective with the budget as step, further metrics, and the status. What was
reported on the way is part of it.

`DIRECTORY/bohb-NAME.txt` lists which trials are written, so that a resumed search writes none twice.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bohb.callbacks.tracking import WritesOnce, metric_values, plain_values, reported, safe_name, step
from bohb.errors import SettingError
from bohb.trials import Result, failure_text

LISTING_AGE = 0.6  # seconds after which Aim lists its runs anew: it keeps a listing for 0.5 s


class AimCallback(WritesOnce):
    """Write a search to a repository of Aim, for `aim up`.

    Args:
        directory: The folder that has, or gets, Aim's repository `.aim`.
        name: The name of this search; it is the experiment of its runs.

    Raises:
        SettingError: If Aim is not installed, or the name is empty.
    """

    def __init__(self, directory: str | Path, *, name: str) -> None:
        try:
            import aim
        except ImportError as error:
            advice = "pip install 'bohb[aim]'"
            raise SettingError(f"expected Aim, which is not installed; install it with {advice}") from error
        if not name:
            raise SettingError("expected a name for the search, got ''; a search is resumed by its name")
        super().__init__(directory, f"bohb-{safe_name(name)}.txt")
        self._name = name
        self._aim: Any = aim
        self._repo: Any = aim.Repo.from_path(str(self._directory), init=True)
        time.sleep(LISTING_AGE)  # a search of this process may have written runs a moment ago
        self._runs = {run.name: run.hash for run in self._known() if run.experiment == name}

    def _known(self) -> Iterator[Any]:
        """Yield the runs of the repository; Aim's own iterator sees only those that `aim up` has indexed."""
        for key in self._repo.list_all_runs():
            yield self._aim.Run(key, repo=self._repo, read_only=True)

    def _listed(self, name: str) -> str | None:
        """Return the hash of a run as soon as Aim, which reopens only the runs of its listing, lists it."""
        key = self._runs.get(name)
        until = time.monotonic() + 2 * LISTING_AGE
        while key is not None and not self._repo.run_exists(key) and time.monotonic() < until:
            time.sleep(LISTING_AGE / 10)
        return key

    def _write(self, result: Result) -> None:
        """Write a result to the run of its configuration."""
        trial = result.trial
        name = f"config-{trial.config_id}"
        run = self._aim.Run(
            run_hash=self._listed(name),
            repo=self._repo,
            experiment=self._name,
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )
        self._runs[name] = run.hash
        run.name = name
        run["hparams"] = plain_values(trial.config)
        run["status"] = str(result.status)
        if result.is_failure:
            run["error"] = failure_text(result)
        else:
            for at, value in reported(result, self._goal):
                run.track(value, name=safe_name(self._goal.name), step=at)
            for metric, value in metric_values(result, self._goal).items():
                run.track(value, name=metric, step=step(trial))
        run.close()
