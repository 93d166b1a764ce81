"""The errors that `bohb` raises on purpose; each message says what was expected, what came, and what to do.

    BohbError
    ├── SpaceError        a search space that cannot be searched            (also a ValueError)
    ├── ConfigError       a configuration that does not lie in the space    (also a ValueError)
    ├── BudgetError       a ladder or a budget that makes no sense          (also a ValueError)
    ├── SettingError      a seed, preset, schedule or model that is none    (also a ValueError)
    ├── OutcomeError      a loss, checkpoint or info that cannot be kept    (also a TypeError)
    ├── UnknownTrial      a trial that this optimizer never asked for       (also a LookupError)
    ├── TellConflict      a second, different answer for the same trial     (also a ValueError)
    ├── StateError        a saved state that cannot be restored             (also a ValueError)
    ├── WorkerLost        a worker died before its trial had a result       (also a RuntimeError)
    ├── ExecutorBroken    an executor can run nothing more                  (also a RuntimeError)
    ├── SpaceExhausted    a finite space has nothing left to evaluate
    └── StudyError        something about a study that is kept in a store
        ├── StudyMismatch     the target is another study, or no study at all   (also a ValueError)
        ├── StudyCorrupt      the study is damaged, and nothing of it is used   (also a ValueError)
        ├── StudyVersion      a newer version of bohb wrote the study           (also a ValueError)
        ├── StudyBusy         another process held the study for too long       (also a TimeoutError)
        └── StudyUnavailable  the store is missing, full or out of reach        (also an OSError)

Whatever is raised, the object that raised it is as it was before the call.
"""


class BohbError(Exception):
    """Base class of every error that `bohb` raises on purpose."""


class SpaceError(BohbError, ValueError):
    """The search space cannot be searched: it is empty, or its constraints leave nothing."""


class ConfigError(BohbError, ValueError):
    """A configuration does not lie in the search space, or sets a parameter that is not active."""


class BudgetError(BohbError, ValueError):
    """A ladder of budgets is malformed, or a budget is not on the ladder."""


class SettingError(BohbError, ValueError):
    """A seed, a preset, a schedule or a model is not what it has to be."""


class OutcomeError(BohbError, TypeError):
    """An outcome is neither a number nor an exception, or what came with it cannot be stored."""


class UnknownTrial(BohbError, LookupError):
    """The trial was never asked from this optimizer."""


class TellConflict(BohbError, ValueError):
    """The same trial, or the same configuration and budget, was told before with another outcome."""


class StateError(BohbError, ValueError):
    """A saved state is damaged, of an unknown format, or belongs to something else."""


class WorkerLost(BohbError, RuntimeError):
    """A worker died, or was ended, before its trial had a result; the configuration is not to blame for that."""


class ExecutorBroken(BohbError, RuntimeError):
    """An executor can run nothing more, and only whoever made it can make a new one."""


class SpaceExhausted(BohbError):
    """Every configuration of a finite space is evaluated or pending at every budget."""


class StudyError(BohbError):
    """Base class of what can be wrong with a study that is kept in a file or a database."""


class StudyMismatch(StudyError, ValueError):
    """The target holds another study than the arguments describe, or something that is no study."""


class StudyCorrupt(StudyError, ValueError):
    """The study is damaged: a checksum, its structure or an event is wrong. Nothing of it is used."""


class StudyVersion(StudyError, ValueError):
    """The study was written by a newer version of bohb, in a format that this one does not know."""


class StudyBusy(StudyError, TimeoutError):
    """Another process held the study's lock for longer than anybody should; trying again is safe."""


class StudyUnavailable(StudyError, OSError):
    """The store cannot be read or written now: missing, full, not permitted, not connected. Trying again is safe."""
