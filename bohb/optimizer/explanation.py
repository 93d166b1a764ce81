"""Why a trial was asked: `explain` reads the recorded facts and decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bohb._html import lines, pairs
from bohb._text import significant
from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.objectives import LOSS, Goal
from bohb.trials import Origin, Result, Status, Trial


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a trial was asked.

    Attributes:
        origin: Where its configuration came from.
        facts: What was noted when it was asked, under the names of `Facts`. For a model's proposal this includes the
            score and the number of forbidden and repeated candidates. The score of Gaussian processes is the mean log
            expected improvement; the number of results is given beside it. The score of a density ratio is
            log l - log g; the budget it learned from and the sizes of the good and bad sets are given beside it.
            The score of a repetition is the log knowledge gradient.
        text: The same as a sentence.
    """

    origin: Origin
    facts: Mapping[str, Any]
    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        """Return the text and the facts for notebooks."""
        return lines("why this trial was asked", [self.text]) + pairs("facts", self.facts.items())


def explain(
    trial: Trial,
    facts: Facts,
    ladder: Ladder,
    *,
    result: Result | None = None,
    goal: Goal = LOSS,
    is_retry: bool = False,
) -> Explanation:
    """Return why a trial was asked, and how it ended if it has.

    Args:
        trial: The trial.
        facts: What was noted when it was asked.
        ladder: The ladder.
        result: Its result.
        goal: What the search optimises.
        is_retry: Whether it repeats a failure that was taken back, and not a trial that was forgotten.
    """
    match trial.origin:
        case Origin.RANDOM:
            text = f"The configuration was drawn at random from the space{_in_brackets(facts.reason)}."
        case Origin.MODEL:
            text = f"The model proposed the configuration{_of_model(facts, ladder)}."
        case Origin.PROMOTED:
            text = f"The configuration was promoted: it has rank {(facts.rank or 0) + 1} of {facts.finished} in the "
            text += f"rung below{_of_choice(facts)}."
        case Origin.REPEATED:
            times = "once" if trial.repeat == 1 else f"{trial.repeat} times"
            text = f"The configuration was trained in full {times} before, and is trained again because that says more "
            text += "about which one is best than another one would"
            text += "." if facts.score is None else f"; its score is {significant(float(facts.score))}."
        case Origin.EXPLOITED:
            text = f"The configuration replaces configuration {facts.replaces}, which has rank {(facts.rank or 0) + 1} "
            text += f"of {facts.finished} in the rung below{_of_source(trial)}"
            text += f"{_of_model(facts, ladder)}{_in_brackets(facts.reason)}."
        case Origin.ENQUEUED:
            text = "The user enqueued the configuration."
        case Origin.OBSERVED:
            text = "The search did not ask this trial: its result was observed elsewhere."
        case Origin.REPORTED:
            text = "A trial at a larger budget reported this result on its way."
    if facts.reissue_of is not None:
        reason = "whose failure was taken back" if is_retry else "which was forgotten"
        text += f" It was asked again for trial {facts.reissue_of}, {reason}."
    return Explanation(trial.origin, facts.to_json(), text + _of_outcome(result, goal))


def _of_choice(facts: Facts) -> str:
    """Return from how many the model chose, if there was a choice."""
    return f", and the model chose it from {facts.chosen_from} that waited" if (facts.chosen_from or 1) > 1 else ""


def _of_source(trial: Trial) -> str:
    """Return from where a trial goes on that takes over another's checkpoint."""
    if trial.previous is None:
        return ""
    if trial.checkpoint is None:
        return f", varies that of trial {trial.previous}, and starts anew because no checkpoint was told with that one"
    return f", goes on from where trial {trial.previous} ended, and varies that one"


def _in_brackets(text: str | None) -> str:
    return f" ({text})" if text else ""


def _of_model(facts: Facts, ladder: Ladder) -> str:
    """Return what the model noted of its proposal. A user's own model may leave facts out."""
    text = "" if facts.level is None else f" from the results at {ladder[facts.level]!r}"
    text += "" if facts.surrogate is None else f", with a {facts.surrogate} over {facts.points} results"
    text += "" if facts.good is None else f", with {facts.good} good and {facts.bad} bad ones"
    return text if facts.score is None else f"{text}; its score is {significant(float(facts.score))}"


def _of_outcome(result: Result | None, goal: Goal) -> str:
    """Return how the trial ended."""
    if result is None:
        return ""
    if result.is_failure:
        return f" It failed: {result.reason}."
    late = ", too late to count" if result.status is Status.LATE else ""
    return f" It ended with {goal.text(result.loss)}{late}."
