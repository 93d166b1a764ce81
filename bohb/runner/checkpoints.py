"""Delete the checkpoints in the directory of a run that no later trial can need, and nothing else.

`config-<config_id>` holds the checkpoints of one configuration, `output` what the trials print. A path comes from the
user's objective or from a study file. So it is deleted only if it lies inside the directory once every symbolic link on
the way is resolved. A link is itself removed, and never followed.
"""

import glob
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

from bohb.runner.interface import AskTell
from bohb.trials import Trial

log = logging.getLogger("bohb.runner")

SECONDS_BETWEEN_DELETIONS = 1.0
"""The least time between two searches for checkpoints: each one reads every result."""


class CheckpointCleaner:
    """Delete what `search.releasable()` names; called after a tell, when the result is durable.

    Args:
        search: The optimizer or study.
        directory: Where deletion is allowed.
    """

    def __init__(self, search: AskTell, directory: Path) -> None:
        self._search = search
        self._root = directory.resolve()
        self._seen: set[str] = set()
        self._next_at = 0.0

    def __call__(self) -> None:
        """Delete, unless that was done a moment ago."""
        if time.monotonic() >= self._next_at:
            self.release()
            self._next_at = time.monotonic() + SECONDS_BETWEEN_DELETIONS

    def release(self) -> None:
        """Delete every checkpoint that no later trial can need."""
        names = [name for name in self._search.releasable() if name not in self._seen]
        if not names:
            return
        needed = self._needed(set(self._search.releasable()))
        for name in names:
            path = self._inside(name)
            if path is None:
                self._seen.add(name)
            elif not any(path == other or path in other.parents for other in needed):
                self._seen.add(name)
                _delete(path)

    def _needed(self, releasable: set[str]) -> list[Path]:
        told = {result.checkpoint for result in self._search.results}
        told |= {trial.checkpoint for trial in self._search.pending}
        kept = (_located(name) for name in told if name is not None and name not in releasable)
        return [path for path in kept if path is not None]

    def _inside(self, name: str) -> Path | None:
        """Return the path of a checkpoint, or None if it does not lie inside the directory."""
        path = _located(name)
        return path if path is not None and self._root in path.parents else None


def without_lost(trial: Trial, directory: Path | None) -> Trial:
    """Return a trial that starts from scratch if its checkpoint lay in the directory of the run and is gone.

    A checkpoint at the largest budget is deleted with the others. When the ladder becomes longer afterwards, its
    configuration may be promoted all the same.
    """
    path = None if directory is None or trial.checkpoint is None else _located(trial.checkpoint)
    if path is None or directory is None or directory.resolve() not in path.parents or _is_there(path):
        return trial
    log.warning("the checkpoint %s was deleted; trial %d starts from scratch", path, trial.id)
    return replace(trial, previous=None, checkpoint=None)


def _is_there(path: Path) -> bool:
    """Whether there is a checkpoint of this name; some programs write several files, with the path as their prefix."""
    return os.path.lexists(path) or (path.parent.is_dir() and any(path.parent.glob(f"{glob.escape(path.name)}.*")))


def _located(name: str) -> Path | None:
    """Return the absolute path with every link but the last part resolved; None if it is not a path."""
    if "\0" in name:
        return None
    path = Path(name).absolute()
    try:
        return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
    except (OSError, RuntimeError):  # a loop of links
        return None


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # removes links, does not follow them
        else:
            path.unlink(missing_ok=True)
    except OSError as error:  # a checkpoint that stays costs space only; the run goes on
        log.warning("the checkpoint %s could not be deleted and stays: %s", path, error)
