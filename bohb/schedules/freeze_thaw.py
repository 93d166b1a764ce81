"""Freeze-thaw: after every result the model may choose any configuration, new or paused, to train next.

Swersky, Snoek and Adams 2014, "Freeze-thaw Bayesian optimization" (arXiv 1406.3896). Each configuration pauses after
every trial, and the most promising one resumes. With checkpoints, a configuration that climbs all rungs costs no more
than a full training, and every rung is a chance to stop it. So informative small budgets screen many configurations,
and useless small budgets cost nothing extra.

Three rules limit the choice, so that a wrong model cannot starve a rung:

* First pass: until one configuration enters the full budget, the rungs fill as in successive halving. With many
  workers, rungs promote earlier, so that some early configurations climb to the full budget without a pause. In turn
  the first entry requires more results at the budget below, because the best of only a few full results says little.
* Backlog: a rung that holds too many results for each promotion must promote. The limit falls with the number of
  pending trials: workers that screen configurations at the same time all use the same knowledge of the full budget.
* Direct starts: a share of all that is spent goes to configurations that start at the full budget. The share grows
  with the evidence that direct starts end lower than promoted configurations, which happens where small budgets
  mislead. Direct starts begin with the first full result, because earlier ones would rest on small budgets alone. At
  most max(share x pending, 8) of them run at once; otherwise the first full result would trigger one on most free
  workers, all proposed from the same few results.

Trials that seem to be lost do not count as pending.

With a model that does not choose, `next` is an asynchronous halving that promotes by loss.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from statistics import NormalDist

from bohb._rank_sum import advantage
from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.schedules.bracket_sizes import BracketPlan, endless_bracket
from bohb.schedules.brackets import Bracket, Brackets, Rung
from bohb.schedules.protocol import MoveOffer, Promote, Start

MIN_BACKLOG = 1.5
"""The smallest limit on the results that a rung holds for each promotion, with any number of workers."""
FEW_WORKERS = 16
"""Up to this many workers the first pass is that of a single worker. Beyond, rungs promote earlier in proportion."""
FEW_DIRECT = 8
"""At least this many direct starts may be pending at once."""
MANY_RESULTS = 256
"""Above this many full results, a thinned sample of them is compared."""


@dataclass(frozen=True)
class FreezeThaw:
    """One endless bracket, in which any paused configuration may resume at any time.

    Attributes:
        first_share: In the first pass, rungs fill as in successive halving with this share of its sizes, in (0, 1].
            With n >= 16 pending trials, a rung needs (n + 1) / 16 times fewer results for each promotion, but at
            least `MIN_BACKLOG`. The first entry then requires more than n / 2 results at the budget below.
        first_started: The lowest rung needs this many results before its first promotion in the first pass.
        max_behind: The backlog limit, in units of eta, at least 1, which is the ratio of successive halving. A rung
            with this many results for each promotion must promote. With n pending trials the limit is divided by
            (n + 1)^(1/4), which is 1.7 with 8 workers and 2.4 with 32. It is at least `MIN_BACKLOG` results.
        least_direct: The smallest share of all that is spent that goes to direct starts, in [0, 1).
        most_direct: The largest such share, in [0, 1). The actual share depends on how direct starts compare with
            promoted configurations. It also limits how many pending trials are direct starts, but `FEW_DIRECT` are
            always allowed. With many workers, it therefore takes time to make up for the first pass.
        width: At most this many configurations of a rung, the best by loss, may resume.
    """

    first_share: float = 1.0
    first_started: int = 9
    max_behind: float = 1.2
    least_direct: float = 0.25
    most_direct: float = 0.75
    width: int = 64

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingError: If a setting is out of its range.
        """
        is_sound = 0 < self.first_share <= 1 <= self.max_behind and self.width >= 1
        if not is_sound or not 0 <= self.least_direct <= self.most_direct < 1:
            raise SettingError(
                "expected first_share in (0, 1], max_behind and width of at least 1, and least_direct not above "
                f"most_direct, both in [0, 1), got {self}"
            )

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket, over the whole ladder."""
        return [endless_bracket(ladder, range(len(ladder)))]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the best promotion that is due, else a start."""
        return self.offer(brackets).default

    def start(self, brackets: Brackets) -> Start:  # noqa: ARG002 - new configurations start below
        """Return a start in the lowest rung."""
        return Start(0)

    def offer(self, brackets: Brackets) -> MoveOffer:
        """Return the moves that the model may choose from. Without a start, one of the promotions is due."""
        if not len(brackets):
            return MoveOffer((), Start(0))
        bracket, top = brackets[0], len(brackets.ladder) - 1
        promotions = [self._promotions(bracket, number) for number in range(top)]  # by the rung below
        any_promotion = tuple(chain.from_iterable(promotions))
        if any_promotion and not brackets.may_start(0):  # a finite space is exhausted at the smallest budget
            return MoveOffer(any_promotion, None)
        num_pending = brackets.num_at_work
        if not bracket.rungs[top].entered:
            return self._first_pass(bracket, promotions, num_pending)
        if top and self._is_direct_start_due(bracket, brackets):
            return MoveOffer((), Start(0, top))
        for number in reversed(range(top)):
            eta = brackets.ladder.reduction(number, number + 1)
            if promotions[number] and self._must_promote(bracket.rungs[number], eta, num_pending):
                return MoveOffer(promotions[number], None)
        return MoveOffer(any_promotion, Start(0))

    def _first_pass(self, bracket: Bracket, promotions: Sequence[tuple[Promote, ...]], num_pending: int) -> MoveOffer:
        """Return the promotions of the highest rung that is ready, else a start, until the full budget is entered."""
        sizes = [math.ceil(self.first_share * size) for size in bracket.plan.sizes]
        speed = max(Fraction(num_pending + 1, FEW_WORKERS), Fraction(1))
        needed = [self.first_started] + [0] * (len(promotions) - 1)
        if speed > 1:
            needed[-1] = max(needed[-1], num_pending // 2 + 1)
        for number in reversed(range(len(promotions))):
            num_finished, num_above = len(bracket.rungs[number].finished), len(bracket.rungs[number + 1].entered)
            limit = _backlog_limit(Fraction(sizes[number], sizes[number + 1]), speed)
            if promotions[number] and num_finished >= max(needed[number], (num_above + 1) * limit):
                return MoveOffer(promotions[number], None)
        return MoveOffer((), Start(0))

    def _must_promote(self, rung: Rung, eta: int | Fraction, num_pending: int) -> bool:
        """Whether the rung holds too many results for each promotion."""
        limit = _backlog_limit(self.max_behind * eta, math.pow(num_pending + 1, 0.25))
        return len(rung.finished) >= limit * (rung.num_promoted + 1)

    def _promotions(self, bracket: Bracket, number: int) -> tuple[Promote, ...]:
        """Return the promotions out of a rung, lowest loss first. Configurations at the full budget stay there."""
        at_top = bracket.rungs[-1].entered
        waiting = bracket.rungs[number].waiting[: self.width]
        return tuple(Promote(bracket.index, number + 1, id_) for _, id_ in waiting if id_ not in at_top)

    def _is_direct_start_due(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether one more direct start is within their share of all that is spent, and of the pending trials."""
        below, top = bracket.rungs[-2:]
        if not top.finished:
            return False
        share = self._direct_share(bracket)
        num_direct = len(top.entered) - below.num_promoted
        if num_direct + 1 > share * (num_direct + sum(_costs_of_rungs(bracket, brackets.ladder, num_direct)) + 1):
            return False
        return brackets.num_started_at_work(top.level) < max(share * brackets.num_at_work, FEW_DIRECT)

    def _direct_share(self, bracket: Bracket) -> float:
        """Return the share of direct starts. It grows with the evidence that they end lower than promotions."""
        promoted = bracket.rungs[-2].entered
        finished = bracket.rungs[-1].finished
        finished = finished[:: math.ceil(len(finished) / MANY_RESULTS)]
        evidence = advantage([loss for loss, _ in finished], [id_ not in promoted for _, id_ in finished])
        return self.least_direct + (self.most_direct - self.least_direct) * NormalDist().cdf(evidence)


def _backlog_limit(single: float | Fraction, speed: float | Fraction) -> float | Fraction:
    """Return how many results a rung may hold for each promotion.

    It is the limit of a `single` worker divided by `speed`, but at least `MIN_BACKLOG`.
    """
    return max(single / speed, min(single, MIN_BACKLOG))


def _costs_of_rungs(bracket: Bracket, ladder: Ladder, num_direct: int) -> Iterator[float]:
    """Yield the cost of each rung with checkpoints, in full trainings, without direct starts.

    A result from outside the brackets that joined a rung counts as if it had been asked.
    """
    paid = 0.0
    for rung, cost in zip(bracket.rungs, ladder.costs, strict=True):
        num = len(rung.entered) - (num_direct if rung is bracket.rungs[-1] else 0)
        yield num * (cost - paid) / ladder.costs[-1]
        paid = cost
