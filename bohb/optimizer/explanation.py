"""Why a trial was asked: `explain` reads the recorded facts and decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bohb.budgets import Ladder
from bohb.facts import Facts
from bohb.trials import Origin, Trial


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a trial was asked.

    Attributes:
        origin: Where its configuration came from.
        facts: What was noted when it was asked, under the names of `Facts`. For a model's proposal this includes the
            score and the number of forbidden and repeated candidates. The score of Gaussian processes is the mean log
            expected improvement; the number of results is given beside it. The score of a density ratio is
            log l - log g; the budget it learned from and the sizes of the good and bad sets are given beside it.
        text: The same as a sentence.
    """

    origin: Origin
    facts: Mapping[str, Any]
    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text


def explain(trial: Trial, facts: Facts, ladder: Ladder) -> Explanation:
    """Return why a trial was asked."""
    match trial.origin:
        case Origin.RANDOM:
            text = f"random ({facts.reason or 'drawn from the space'})"
        case Origin.MODEL:
            text = f"proposed by the model{_of_model(facts, ladder)}"
        case Origin.PROMOTED:
            text = f"promoted: rank {(facts.rank or 0) + 1} of {facts.finished} in the rung below"
            if (facts.chosen_from or 1) > 1:
                text += f", chosen by the model of {facts.chosen_from} that waited"
        case Origin.ENQUEUED:
            text = "enqueued by the user"
        case Origin.OBSERVED:
            text = "observed elsewhere"
    if facts.reissue_of is not None:
        text += f"; asked again for trial {facts.reissue_of}, which was forgotten"
    return Explanation(trial.origin, facts.to_json(), text)


def _of_model(facts: Facts, ladder: Ladder) -> str:
    """Return what the model noted of its proposal. A user's own model may leave facts out."""
    text = "" if facts.level is None else f" from the results at {ladder[facts.level]!r}"
    text += "" if facts.surrogate is None else f", {facts.surrogate} over {facts.points} results"
    text += "" if facts.good is None else f", {facts.good} good and {facts.bad} bad"
    return text if facts.score is None else f"{text}, score {facts.score:.3g}"
