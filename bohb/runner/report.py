"""What a run did, as a record that people can read."""

from collections.abc import Sequence
from dataclasses import dataclass

from bohb.trials import Result


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did.

    Attributes:
        incumbent: The best result at the largest budget that has one, or None.
        trajectory: The results that were the incumbent, in order.
        num_trials: How many trials this run told.
        num_failures: How many of them failed.
        spent: What the started trials cost in units of the ladder, a promotion paying only beyond what it resumes.
        seconds: How long the run took.
        stopped_by: Why it ended: the name of the limit, `"space exhausted"` or `"interrupted"`.
    """

    incumbent: Result | None
    trajectory: Sequence[Result]
    num_trials: int
    num_failures: int
    spent: float
    seconds: float
    stopped_by: str

    def __str__(self) -> str:
        """Returns the report as two lines of text."""
        head = (
            f"{self.num_trials} trials ({self.num_failures} failed), {self.spent:g} spent in {self.seconds:.1f} s; "
            f"stopped by {self.stopped_by}"
        )
        if self.incumbent is None:
            return f"{head}\nno incumbent: no trial succeeded"
        trial = self.incumbent.trial
        return f"{head}\nincumbent: loss {self.incumbent.loss:.6g} at budget {trial.budget}, {dict(trial.config)}"
