"""How a search is doing: `health` reads the record and decides nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bohb._html import lines
from bohb._rank_sum import advantage
from bohb.budgets import Ladder
from bohb.models.rank_agreement import is_clearly_below, rank_agreement
from bohb.objectives import LOSS, Goal
from bohb.optimizer.faults import cause_of
from bohb.optimizer.history import History
from bohb.trials import Origin

LOW_CORRELATION = 0.2
LOW_ACCEPTANCE = 0.2
MANY_EQUAL = 20
"""So many equal losses, at a budget or in all, are no coincidence."""
FEW_STARTS = 10
CLEARLY = 3.5
"""How many standard errors the model's choices have to rank behind random ones."""
HIGH_FAILURE = 0.2
NUM_LATEST = 20
CHOSEN = (Origin.RANDOM, Origin.MODEL)
"""The origins of configurations that nobody gave."""


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a search.

    Attributes:
        is_model_active: Whether the model proposed one of the latest new configurations.
        origins: The number of trials by origin.
        rank_correlation: Kendall's tau, in [-1, 1], between the losses at two neighbouring budgets, by the pair of
            budgets. Pairs with fewer than two configurations that succeeded at both are left out.
        num_compared: The number of configurations behind each rank correlation.
        acceptance_rate: The share of drawn configurations that are not forbidden, in [0, 1].
        num_duplicates: The number of candidates that were rejected as repeats.
        failure_rate: The share of results that are failures, in [0, 1].
        random_reasons: Why some of the latest new configurations were random, the most frequent reason first.
        num_lost: The number of pending trials presumed lost: since they were asked, the others have finished far more
            work than they usually finish during one trial.
        failure_cause: Whose fault the failures seem to be: `"program"`, `"machine"`, `"space"` or `"unknown"`; None if
            there are few of them. A machine is recognised by `info["worker"]`, which runs on a study record.
        failure_text: What these failures have in common, and what to do about it.
        constant: The budgets at which all of at least 20 losses are equal, with their number, and the loss or metric as
            text. If there is none and all losses of the search are equal, the budget is None.
        worse_than_chance: The largest budget at which the model's choices clearly rank behind random ones; or None.
    """

    is_model_active: bool
    origins: Mapping[str, int]
    rank_correlation: Mapping[tuple[Any, Any], float]
    num_compared: Mapping[tuple[Any, Any], int]
    acceptance_rate: float
    num_duplicates: int
    failure_rate: float
    random_reasons: tuple[str, ...]
    num_lost: int
    failure_cause: str | None = None
    failure_text: str = ""
    constant: tuple[tuple[Any, int, str], ...] = ()
    worse_than_chance: Any = None

    @property
    def messages(self) -> tuple[str, ...]:
        """What needs attention, and what to do about it."""
        found = []
        if not self.is_model_active and self.random_reasons:
            found.append(f"the model is not active: {', '.join(self.random_reasons)}")
        for (lower, upper), tau in self.rank_correlation.items():
            if is_clearly_below(LOW_CORRELATION, tau, self.num_compared[lower, upper]):
                found.append(f"rank correlation {lower} -> {upper} is {tau:.2f}: raise the smallest budget")
        if self.acceptance_rate < LOW_ACCEPTANCE:
            found.append(f"only {self.acceptance_rate:.1%} of the draws are allowed: tighten the space itself")
        if self.failure_rate > HIGH_FAILURE or self.failure_cause == "machine":
            text = self.failure_text or "see their info, narrow the space"
            found.append(f"{self.failure_rate:.0%} of the results are failures: {text}")
        for budget, num, text in self.constant:
            where = "" if budget is None else f" at budget {budget}"
            found.append(f"all {num} results{where} have {text}: see how it is computed")
        if self.worse_than_chance is not None:
            found.append(
                f"at budget {self.worse_than_chance} the model's choices are worse than random ones: see that the loss "
                "depends on the parameters, or use the preset hyperband"
            )
        if self.num_lost:
            trials = "trial seems" if self.num_lost == 1 else "trials seem"
            found.append(f"{self.num_lost} pending {trials} to be lost: tell as a failure, or forget")
        return tuple(found)

    def __str__(self) -> str:
        """Return the messages, or "nothing to report", and then the figures."""
        return "\n".join([*(self.messages or ("nothing to report",)), *self.figures])

    def _repr_html_(self) -> str:
        """Return the messages and the figures for notebooks."""
        return lines("needs attention", self.messages or ("nothing",)) + lines("figures", self.figures)

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures behind the messages, one sentence each. A search without trials has none."""
        num_trials = sum(self.origins.values())
        if not num_trials:
            return ()
        origins = ", ".join(f"{num} {origin}" for origin, num in sorted(self.origins.items(), key=lambda it: -it[1]))
        model = "proposes" if self.is_model_active else "does not propose"
        return (
            f"{num_trials} trials were asked ({origins}); of late the model {model} new configurations",
            *(
                f"losses at {lower} and {upper} agree with a rank correlation of {tau:.2f}, "
                f"over {self.num_compared[lower, upper]} configurations"
                for (lower, upper), tau in self.rank_correlation.items()
            ),
            f"{self.failure_rate:.1%} of the results are failures",
            f"{self.acceptance_rate:.1%} of the draws are allowed; {self.num_duplicates} draws were repeats",
            f"{self.num_lost} pending trials seem to be lost",
        )


def health(history: History, ladder: Ladder, goal: Goal = LOSS) -> Health:
    """Return the health of the search."""
    starts = [
        (trial.origin, facts)
        for trial, facts in zip(history.trials, history.facts, strict=True)
        if trial.origin in CHOSEN and facts.reissue_of is None
    ]
    correlations = {upper: rank_agreement(history.observations, upper) for upper in range(1, len(ladder))}
    compared = {upper: (tau, num) for upper, (tau, num) in correlations.items() if num > 1}
    num_refused = sum(facts.rejected or 0 for _, facts in starts)
    num_draws = num_refused + len(starts)
    num_failures = sum(here.num_failures for here in history.observations.levels)
    cause = cause_of(history.record.results) if num_failures else None
    latest = starts[-NUM_LATEST:]
    reasons = Counter(facts.reason for _, facts in latest if facts.reason is not None)
    return Health(
        is_model_active=any(origin is Origin.MODEL for origin, _ in latest),
        origins=dict(Counter(str(trial.origin) for trial in history.trials)),
        rank_correlation={_pair(ladder, upper): tau for upper, (tau, _) in compared.items()},
        num_compared={_pair(ladder, upper): num for upper, (_, num) in compared.items()},
        acceptance_rate=1 - num_refused / num_draws if num_draws else 1.0,
        num_duplicates=sum(facts.duplicates or 0 for _, facts in starts),
        failure_rate=num_failures / len(history.record.results) if history.record.results else 0.0,
        random_reasons=tuple(reason for reason, _ in reasons.most_common()),
        num_lost=history.record.pending.num_lost,
        failure_cause=None if cause is None else cause.kind,
        failure_text="" if cause is None else cause.text,
        constant=tuple(_constant(history, ladder, goal)),
        worse_than_chance=_worse_than_chance(history, ladder),
    )


def _constant(history: History, ladder: Ladder, goal: Goal) -> Iterator[tuple[Any, int, str]]:
    """Yield the budgets at which all losses are equal, or None for all of them, with their number and the loss."""
    told = [here.told[: here.num_successes] for here in history.observations.levels]
    many = [level for level, here in enumerate(told) if len(here) >= MANY_EQUAL]
    places = [(ladder[level], told[level]) for level in many] or [(None, [each for here in told for each in here])]
    for budget, here in places:
        losses = {loss for loss, _ in here}
        if len(here) >= MANY_EQUAL and len(losses) == 1:
            yield budget, len(here), goal.text(losses.pop())


def _worse_than_chance(history: History, ladder: Ladder) -> Any:
    """Return the largest budget at which enough choices of the model and random ones ended, if the model's are worse.

    A configuration counts at every budget that it reached.
    """
    starts = {trial.config_id: trial.origin for trial in reversed(history.trials) if trial.origin in CHOSEN}
    for level in reversed(range(len(ladder))):
        told = [(loss, starts[id_]) for loss, id_ in history.observations.levels[level].told if id_ in starts]
        is_random = [origin is Origin.RANDOM for _, origin in told]
        num_random = sum(is_random)
        if min(num_random, len(told) - num_random) >= FEW_STARTS:
            return ladder[level] if advantage([loss for loss, _ in told], is_random) > CLEARLY else None
    return None


def _pair(ladder: Ladder, upper: int) -> tuple[Any, Any]:
    """Return two neighbouring budgets in a hashable form."""
    lower, higher = ladder[upper - 1], ladder[upper]
    return tuple(budget if isinstance(budget, int | float) else str(budget) for budget in (lower, higher))  # type: ignore[return-value]
