"""A line on stderr for each new incumbent, and one at the end."""

import sys

from bohb.runner.records import Record, RunEnded, TrialEnded


class Progress:
    """Shows how a run goes."""

    def __call__(self, record: Record) -> None:
        """Writes a line, if there is something new to say."""
        match record:
            case TrialEnded(result, incumbent) if result is incumbent or result == incumbent:
                budget = result.trial.budget
                print(f"trial {result.trial.id}: loss {result.loss:.6g} at budget {budget}", file=sys.stderr)
            case RunEnded(report):
                print(f"{report.num_trials} trials, stopped by {report.stopped_by}", file=sys.stderr)
