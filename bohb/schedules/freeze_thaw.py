"""Freeze-thaw: after every result it is open again which configuration goes on, and the model may decide.

Swersky, Snoek and Adams 2014, "Freeze-thaw Bayesian optimization" (arXiv 1406.3896): training is frozen after each
step, and whichever configuration promises most is thawed, be it new or half trained. Where checkpoints are resumed a
configuration that climbs the ladder rung by rung costs no more than a full training, and each rung is a chance to leave
it there. So small budgets that say much screen many configurations, and small budgets that say nothing cost nothing.

What the model may choose among is bounded by three rules, so that no model, however wrong, can starve a rung:

* Until the first configuration enters the full budget the rungs fill as in successive halving. Many workers hurry, so
  that some of what they were given first reaches the full budget without a pause; and they enter it in numbers, since
  the best of a few results there says little.
* A rung that holds too many for each that left it has to promote one of them, the sooner the more is pending: what many
  workers screen at a time is screened with the same knowledge of the full budget, and soon finds nothing more.
* A share of everything spent goes to configurations that start at the full budget, whatever the small budgets say. It
  grows where those end lower than configurations that climbed, which is what happens where small budgets mislead. It
  begins with the first result at the full budget: what many workers started there before would have only small budgets
  to go by. Nor does one start there while its share of what is pending, or eight, did: else most of many workers would
  with the first result, to make up for the first pass, all proposed from the same few results.

What is pending, and nobody seems to train any more, counts nowhere here.

Without a model that chooses, `next` is an asynchronous halving that promotes by loss.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, compress
from statistics import NormalDist

from bohb.budgets import Ladder
from bohb.errors import SettingError
from bohb.schedules.asha import endless_bracket
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Bracket, Brackets, Rung
from bohb.schedules.protocol import MoveOffer, Promote, Start

LEAST_BEHIND = 1.5
"""With any number of workers a rung may keep so many results for each that left it."""
FEW_WORKERS = 16
"""So many fill the rungs as one alone does; more of them promote more, in proportion."""
FEW_DIRECT = 8
"""So many that started at the full budget may be pending, however small their share of what is pending."""
MANY_RESULTS = 256
"""Of more results at the full budget every second, third and so on, in order of the loss, is compared."""


@dataclass(frozen=True)
class FreezeThaw:
    """One bracket without end, in which anything may go on at any time.

    Attributes:
        first_share: Until somebody enters the full budget the rungs fill as in a successive halving with this share of
            its sizes, in (0, 1]. With n evaluations pending, n >= 16, (n + 1) / 16 times as many go on, but never
            more than one of `LEAST_BEHIND`; and nobody enters the full budget before more than n / 2 have finished the
            one below.
        first_started: The lowest rung promotes nobody before it has so many results.
        max_behind: A rung with this times eta results for each that left it has to promote; at least 1, which would be
            the ratio of successive halving. With n evaluations pending it is (n + 1)^(1/4) times fewer: 1.7 times with
            8 workers, 2.4 times with 32; but never fewer than `LEAST_BEHIND`.
        least_direct: The share of everything spent, in [0, 1), that goes to starts at the full budget, however badly
            they compare with configurations that climbed there.
        most_direct: The same however well they compare; between the two it is what the comparison says. None starts
            there while that share of what is pending did, or `FEW_DIRECT` where that is more, so with many workers
            what the first pass spent is made up only in time.
        width: So many of a rung, the best by loss, may go on.
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
            SettingError: If one is out of its range.
        """
        is_sound = 0 < self.first_share <= 1 <= self.max_behind and self.width >= 1
        if not is_sound or not 0 <= self.least_direct <= self.most_direct < 1:
            raise SettingError(
                "expected first_share in (0, 1], max_behind and width of at least 1, and least_direct not above "
                f"most_direct, both in [0, 1), got {self}"
            )

    def cycle(self, ladder: Ladder) -> Sequence[BracketPlan]:
        """Return the one bracket, over the whole ladder."""
        return [endless_bracket(ladder)]

    def next(self, brackets: Brackets) -> Start | Promote:
        """Return the best of those that have to go on, else a start."""
        return self.offer(brackets).default

    def start(self, brackets: Brackets) -> Start:  # noqa: ARG002 - the schedule's usual place
        """Return the lowest rung."""
        return Start(0)

    def offer(self, brackets: Brackets) -> MoveOffer:
        """Return the moves of which the model may choose one; without a start, one of the promotions it must be."""
        if not len(brackets):
            return MoveOffer((), Start(0))
        bracket, top = brackets[0], len(brackets.ladder) - 1
        able = [self._promotions(bracket, number) for number in range(top)]
        everybody = tuple(chain.from_iterable(able))
        if everybody and not brackets.may_start(0):  # a finite space, in which nothing new can start below
            return MoveOffer(everybody, None)
        num_pending = brackets.num_at_work
        if not bracket.rungs[top].entered:
            return self._first_pass(bracket, able, num_pending)
        if top and self._owes_a_direct_start(bracket, brackets):
            return MoveOffer((), Start(0, top))
        for number in reversed(range(top)):
            eta = brackets.ladder.reduction(number, number + 1)
            if able[number] and self._must_promote(bracket.rungs[number], eta, num_pending):
                return MoveOffer(able[number], None)
        return MoveOffer(everybody, Start(0))

    def _first_pass(self, bracket: Bracket, able: Sequence[tuple[Promote, ...]], num_pending: int) -> MoveOffer:
        """Return who goes on while nobody has entered the full budget: the highest rung that is ready promotes."""
        sizes = [math.ceil(self.first_share * size) for size in bracket.plan.sizes]
        speed = max(Fraction(num_pending + 1, FEW_WORKERS), Fraction(1))
        needed = [self.first_started] + [0] * (len(able) - 1)
        if speed > 1:
            needed[-1] = max(needed[-1], num_pending // 2 + 1)
        for number in reversed(range(len(able))):
            num_finished, num_above = len(bracket.rungs[number].finished), len(bracket.rungs[number + 1].entered)
            behind = _behind(Fraction(sizes[number], sizes[number + 1]), speed)
            if able[number] and num_finished >= max(needed[number], (num_above + 1) * behind):
                return MoveOffer(able[number], None)
        return MoveOffer((), Start(0))

    def _must_promote(self, rung: Rung, eta: int | Fraction, num_pending: int) -> bool:
        """Whether too many stayed behind for those that left."""
        behind = _behind(self.max_behind * eta, math.pow(num_pending + 1, 0.25))
        return len(rung.finished) >= behind * (_num_promoted(rung) + 1)

    def _promotions(self, bracket: Bracket, number: int) -> tuple[Promote, ...]:
        """Return the promotions out of a rung, the best by loss first; who is at the top already stays there."""
        at_top = bracket.rungs[-1].entered
        waiting = bracket.rungs[number].waiting[: self.width]
        return tuple(Promote(bracket.index, number + 1, id_) for _, id_ in waiting if id_ not in at_top)

    def _owes_a_direct_start(self, bracket: Bracket, brackets: Brackets) -> bool:
        """Whether one more start at the full budget keeps within their share of everything spent and of the pending."""
        below, top = bracket.rungs[-2:]
        if not top.finished:
            return False
        share = self._direct_share(bracket)
        num_direct = len(top.entered) - _num_promoted(below)
        if num_direct + 1 > share * (num_direct + sum(_spent(bracket, brackets.ladder, num_direct)) + 1):
            return False
        num_direct_pending = sum(id_ not in below.entered for id_ in brackets.at_work(top.level))
        return num_direct_pending < max(share * brackets.num_at_work, FEW_DIRECT)

    def _direct_share(self, bracket: Bracket) -> float:
        """Return the share of direct starts: the more, the surer it is that they end lower than those that climbed."""
        climbed = bracket.rungs[-2].entered
        finished = bracket.rungs[-1].finished
        finished = finished[:: math.ceil(len(finished) / MANY_RESULTS)]
        advantage = _advantage([loss for loss, _ in finished], [id_ not in climbed for _, id_ in finished])
        return self.least_direct + (self.most_direct - self.least_direct) * NormalDist().cdf(advantage)


def _advantage(losses: Sequence[float], is_first: Sequence[bool]) -> float:
    """Return by how many standard errors the first of two groups ranks before the second; the losses are ascending.

    The statistic of Mann and Whitney 1947, in units of its standard deviation where the groups do not differ; equal
    losses share their middle rank.
    """
    num_first = sum(is_first)
    num_pairs = num_first * (len(is_first) - num_first)
    if not num_pairs:
        return 0.0
    firsts = compress(losses, is_first)
    rank_sum = sum([bisect_left(losses, loss) + bisect_right(losses, loss) + 1 for loss in firsts]) / 2
    num_lost = rank_sum - num_first * (num_first + 1) / 2
    return (num_pairs / 2 - num_lost) / math.sqrt(num_pairs * (len(is_first) + 1) / 12)


def _behind(alone: float | Fraction, speed: float | Fraction) -> float | Fraction:
    """Return how many results a rung keeps for each that left: `speed` times fewer, but at least `LEAST_BEHIND`."""
    return max(alone / speed, min(alone, LEAST_BEHIND))


def _num_promoted(rung: Rung) -> int:
    """Return how many left the rung: those that succeeded and do not wait."""
    return bisect_left(rung.finished, (math.inf,)) - len(rung.waiting)


def _spent(bracket: Bracket, ladder: Ladder, num_direct: int) -> Iterator[float]:
    """Yield what was spent in each rung, in full trainings with checkpoints resumed, direct starts left out.

    What was told outside and takes part here counts as if it had been asked.
    """
    paid = 0.0
    for rung, cost in zip(bracket.rungs, ladder.costs, strict=True):
        num = len(rung.entered) - (num_direct if rung is bracket.rungs[-1] else 0)
        yield num * (cost - paid) / ladder.costs[-1]
        paid = cost
