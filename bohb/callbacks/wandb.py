"""Record a search in Weights & Biases: a run for each configuration, all in one group.

A run has the configuration, `loss` or the objective with the budget as step, further metrics, and the status. What was
reported on the way is part of it. The page of a sweep shows such a group: parallel coordinates, curves, a table.

`DIRECTORY/bohb-NAME.txt` lists which trials are written, so that a resumed search writes none twice.
"""

from pathlib import Path
from typing import Any

from bohb.callbacks.tracking import WritesOnce, metric_values, plain_values, reported, safe_name, step
from bohb.errors import SettingError
from bohb.trials import Result, failure_text


class WandbCallback(WritesOnce):
    """Write a search to Weights & Biases.

    A configuration that is promoted goes on in its run. Offline, each of its trials is a folder of its own with the
    same id, and `wandb sync` makes one run of them.

    Args:
        project: The project.
        name: The name of this search; it is the group of its runs, and the beginning of their ids.
        directory: Where W&B keeps its files.
        mode: `"online"` or `"offline"`; None leaves it to W&B's own settings, such as `WANDB_MODE`.

    Raises:
        SettingError: If wandb is not installed, or the name is empty.
    """

    def __init__(self, project: str, *, name: str, directory: str | Path = ".", mode: str | None = None) -> None:
        try:
            import wandb
        except ImportError as error:
            advice = "pip install 'bohb[wandb]'"
            raise SettingError(f"expected wandb, which is not installed; install it with {advice}") from error
        if not name:
            raise SettingError("expected a name for the search, got ''; a search is resumed by its name")
        super().__init__(directory, f"bohb-{safe_name(name)}.txt")
        self._wandb: Any = wandb
        self._project, self._name, self._mode = project, name, mode

    def _write(self, result: Result) -> None:
        """Write a result to the run of its configuration."""
        trial = result.trial
        run = self._wandb.init(
            project=self._project,
            group=self._name,
            id=f"{safe_name(self._name)}-{trial.config_id}",
            name=f"config-{trial.config_id}",
            config={**plain_values(trial.config), "bohb": {"bracket": trial.bracket, "origin": str(trial.origin)}},
            dir=str(self._directory),
            mode=self._mode,
            resume="allow",
            reinit="create_new",
            settings=self._wandb.Settings(silent=True, console="off"),
        )
        if not result.is_failure:
            for at, value in reported(result, self._goal):
                run.log({safe_name(self._goal.name): value}, step=at)
            run.log({**metric_values(result, self._goal), "trial": trial.id}, step=step(trial))
        run.summary["status"] = str(result.status)
        if result.is_failure:
            run.summary["error"] = failure_text(result)
        run.finish(exit_code=int(result.is_failure))
