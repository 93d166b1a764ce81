"""Trials and results with nothing but a configuration, a level and a loss."""

import math

import bohb
from bohb.record import Record
from bohb.schedules.bracket_log import BracketLog


def bare_trial(config_id, trial_id=0, origin=bohb.Origin.RANDOM):
    return bohb.Trial(trial_id, {}, 1, config_id, None, None, None, None, origin)


def bare_result(config_id, loss):
    status = bohb.Status.OK if math.isfinite(loss) else bohb.Status.INFINITE
    return bohb.Result(bare_trial(config_id), loss, status, None, {})


class BracketRecorder:
    """A record and the brackets of a schedule, used as the optimizer uses them."""

    def __init__(self, schedule, ladder, capacity=None):
        self.record = Record(ladder.costs)
        self.log = BracketLog(schedule, ladder, self.record, capacity)
        self.brackets = self.log.view
        self.num_asked = 0

    def start(self, bracket, rung, config_id, replaces=None):
        """Enter a configuration into a rung. Ask it unless it is evaluated or pending there."""
        is_promoted = rung > 0 and config_id in self.brackets[bracket].rungs[rung - 1].entered
        level = self.log.enter(bracket, rung, config_id, replaces)
        if not self.record.is_taken(level, config_id):
            self.ask(level, config_id, bohb.Origin.PROMOTED if is_promoted else bohb.Origin.RANDOM)
        return level

    def ask(self, level, config_id, origin=bohb.Origin.RANDOM):
        """Record a pending configuration."""
        in_bracket = self.log.has_entered(level, config_id)
        self.record.ask(level, bare_trial(config_id, self.num_asked, origin), in_bracket=in_bracket)
        self.num_asked += 1

    def tell(self, level, config_id, loss):
        """Record a loss, asked for or not."""
        self.record.tell(level, bare_result(config_id, loss))
        self.log.tell(level, config_id)
