"""The searches that are tried: bohb's, and Optuna's beside them. Each asks, tells and lists what it kept."""

import contextlib
import json
import warnings
from pathlib import Path
from typing import Any, Protocol

import bohb
from bohb.cli.verify import differences
from bohb.errors import StudyBusy, StudyUnavailable


class Search(Protocol):
    """A search in a store."""

    @property
    def passing(self) -> tuple[type[Exception], ...]:
        """The errors after which a call is repeated."""
        ...

    def open(self) -> None:
        """Create it, or open what is there."""
        ...

    def ask(self) -> Any:
        """Return a trial."""
        ...

    def tell(self, trial: Any, loss: float) -> None:
        """Tell a trial; repeating it is meant to be safe."""
        ...

    def losses(self) -> list[float]:
        """Return the losses of all results."""
        ...


class Ours:
    """A study of bohb."""

    passing = (StudyBusy, StudyUnavailable)

    def __init__(self, target: str) -> None:
        self._target = target

    def open(self) -> None:
        """See `Search`."""
        self._study = bohb.Study.open(
            self._target, {"x": (-1.0, 1.0)}, bohb.ladder((1, 3, 9)), seed=0, preset="random", lease=3600.0
        )

    def ask(self) -> bohb.Trial:
        """See `Search`."""
        return self._study.ask()

    def tell(self, trial: bohb.Trial, loss: float) -> None:
        """See `Search`."""
        self._study.tell(trial, loss)

    def losses(self) -> list[float]:
        """See `Search`; every ask is computed again, too."""
        snapshot = self._study.snapshot()
        assert not list(differences(snapshot))
        return [result.loss for result in snapshot.results]


class Optunas:
    """A study of Optuna.

    Args:
        url: The URL of a database for SQLAlchemy, or the path of a journal.
    """

    passing = (Exception,)

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> None:
        """See `Search`."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            storage=self._storage(), study_name="s", load_if_exists=True, sampler=optuna.samplers.RandomSampler(seed=0)
        )

    def _storage(self) -> Any:
        from optuna.storages import JournalStorage, RDBStorage, journal

        if "://" in self._url:
            return RDBStorage(self._url)
        with warnings.catch_warnings():
            # The lock of a process that was killed is broken after 30 s by default. One second is long enough here.
            warnings.simplefilter("ignore")
            lock = journal.JournalFileSymlinkLock(self._url, grace_period=1)
        return JournalStorage(journal.JournalFileBackend(self._url, lock))

    def ask(self) -> Any:
        """See `Search`."""
        trial = self._study.ask()
        trial.suggest_float("x", -1.0, 1.0)
        return trial

    def tell(self, trial: Any, loss: float) -> None:
        """See `Search`; a trial that is finished already is left alone."""
        self._study.tell(trial, loss, skip_if_finished=True)

    def losses(self) -> list[float]:
        """See `Search`."""
        return [trial.value for trial in self._study.get_trials(deepcopy=False) if trial.value is not None]


class Careless:
    """The control: a file that is written anew at each tell, so that results are lost, doubled and torn."""

    passing = (OSError,)

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def open(self) -> None:
        """See `Search`."""
        text = self._path.read_text() if self._path.exists() else ""
        self._losses = json.loads(text) if text else []

    def ask(self) -> None:
        """See `Search`."""

    def tell(self, trial: None, loss: float) -> None:
        """See `Search`."""
        self._losses.append(loss)
        self._path.write_text(json.dumps(self._losses))

    def losses(self) -> list[float]:
        """See `Search`."""
        return self._losses


def missing() -> str | None:
    """Return why Optuna cannot be tried here, or None."""
    with contextlib.suppress(ImportError):
        import optuna  # noqa: F401

        return None
    return "Optuna is not installed (pip install optuna)"
