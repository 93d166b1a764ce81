"""The errors that `bohb` raises on purpose. Each message says what was expected, what came, and what to do.

    BohbError
    ├── SpaceError        a search space that cannot be searched            (also a ValueError)
    ├── ConfigError       a configuration that does not lie in the space    (also a ValueError)
    ├── BudgetError       a ladder or a budget that is not valid            (also a ValueError)
    ├── SettingError      a setting, such as a seed, that is not valid      (also a ValueError)
    ├── OutcomeError      an outcome without a loss                         (also a TypeError)
    ├── UnknownTrial      a trial that this optimizer never asked           (also a LookupError)
    ├── TellConflict      a second, different outcome of the same trial     (also a ValueError)
    ├── StateError        a saved state that cannot be restored             (also a ValueError)
    ├── WorkerLost        a worker that died before its trial had a result  (also a RuntimeError)
    ├── ExecutorBroken    an executor that cannot run anything any more     (also a RuntimeError)
    ├── SpaceExhausted    a finite space with nothing left to evaluate
    └── StudyError        base class of the errors of a stored study
        ├── StudyMismatch     the target holds another study, or no study       (also a ValueError)
        ├── StudyCorrupt      the study is damaged, and is not used             (also a ValueError)
        ├── StudyVersion      a newer version of bohb wrote the study           (also a ValueError)
        ├── StudyBusy         another process held the study for too long       (also a TimeoutError)
        └── StudyUnavailable  the store is missing, full or out of reach        (also an OSError)

    BohbWarning           what was given is not used as it was given        (a UserWarning)

After an error, the object that raised it is in the same state as before the call.
"""


class BohbError(Exception):
    """Base class of every error that `bohb` raises on purpose."""


class BohbWarning(UserWarning):
    """The call worked, but something that was given is not used, or may not mean what it seems to."""


class SpaceError(BohbError, ValueError):
    """The search space is not valid: it is empty, its constraints leave nothing, or a parameter is not supported."""


class ConfigError(BohbError, ValueError):
    """A configuration is not in the search space: a value is not legal or missing, or its parameter is inactive."""


class BudgetError(BohbError, ValueError):
    """A ladder of budgets is not valid, or a budget is not on the ladder."""


class SettingError(BohbError, ValueError):
    """A setting is not valid: a seed, preset, schedule, model or another argument."""


class OutcomeError(BohbError, TypeError):
    """An outcome is neither a number nor a failure, and has no number as its loss."""


class UnknownTrial(BohbError, LookupError):
    """This optimizer never asked the trial."""


class TellConflict(BohbError, ValueError):
    """The same trial, or the same configuration and budget, already has another outcome."""


class StateError(BohbError, ValueError):
    """A saved state is damaged, has an unknown format, or belongs to other settings."""


class WorkerLost(BohbError, RuntimeError):
    """A worker died, or was ended, before its trial had a result. This says nothing about the configuration."""


class ExecutorBroken(BohbError, RuntimeError):
    """An executor cannot run anything any more; the caller who created it has to create a new one."""


class SpaceExhausted(BohbError):
    """Every configuration of a finite space has been evaluated, or is pending, at every budget."""


class StudyError(BohbError):
    """Base class of the errors of a study that is stored in a file or a database."""


class StudyMismatch(StudyError, ValueError):
    """The target holds another study than the arguments describe, or something that is not a study."""


class StudyCorrupt(StudyError, ValueError):
    """The study is damaged: a checksum, its structure or an event is wrong. None of its content is used."""


class StudyVersion(StudyError, ValueError):
    """A newer version of bohb wrote the study, in a format that this version cannot read."""


class StudyBusy(StudyError, TimeoutError):
    """Another process held the lock of the study for too long. Trying again is safe."""


class StudyUnavailable(StudyError, OSError):
    """The store cannot be read or written now: missing, full, not permitted or not connected. Trying again is safe."""
