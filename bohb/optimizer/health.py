"""How a search is doing: `health` reads the record and decides nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bohb.budgets import Ladder
from bohb.models.rank_agreement import is_clearly_below, rank_agreement
from bohb.optimizer.history import History
from bohb.trials import Origin

LOW_CORRELATION = 0.2
LOW_ACCEPTANCE = 0.2
HIGH_FAILURE = 0.2
NUM_LATEST = 20


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
        if self.failure_rate > HIGH_FAILURE:
            found.append(f"{self.failure_rate:.0%} of the results are failures: see their info, narrow the space")
        if self.num_lost:
            trials = "trial seems" if self.num_lost == 1 else "trials seem"
            found.append(f"{self.num_lost} pending {trials} to be lost: tell as a failure, or forget")
        return tuple(found)

    def __str__(self) -> str:
        """Return the messages, or "nothing to report"."""
        return "\n".join(self.messages) or "nothing to report"


def health(history: History, ladder: Ladder) -> Health:
    """Return the health of the search."""
    starts = [
        (trial.origin, facts)
        for trial, facts in zip(history.trials, history.facts, strict=True)
        if trial.origin in (Origin.RANDOM, Origin.MODEL) and facts.reissue_of is None
    ]
    correlations = {upper: rank_agreement(history.observations, upper) for upper in range(1, len(ladder))}
    compared = {upper: (tau, num) for upper, (tau, num) in correlations.items() if num > 1}
    num_refused = sum(facts.rejected or 0 for _, facts in starts)
    num_draws = num_refused + len(starts)
    num_failures = sum(here.num_failures for here in history.observations.levels)
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
    )


def _pair(ladder: Ladder, upper: int) -> tuple[Any, Any]:
    """Return two neighbouring budgets in a hashable form."""
    lower, higher = ladder[upper - 1], ladder[upper]
    return tuple(budget if isinstance(budget, int | float) else str(budget) for budget in (lower, higher))  # type: ignore[return-value]
