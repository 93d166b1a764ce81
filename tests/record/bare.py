"""Trials and results of which only the configuration, the level and the loss matter."""

import math

import bohb
from bohb.record import Record
from bohb.schedules.bracket_log import BracketLog


def bare_trial(config_id, trial_id=0):
    return bohb.Trial(trial_id, {}, 1, config_id, None, None, None, None, bohb.Origin.RANDOM)


def bare_result(config_id, loss):
    status = bohb.Status.OK if math.isfinite(loss) else bohb.Status.INFINITE
    return bohb.Result(bare_trial(config_id), loss, status, None, {})


class BracketWorld:
    """A record and the brackets of a schedule, driven as the optimizer drives them."""

    def __init__(self, schedule, ladder, capacity=None):
        self.record = Record(ladder.costs)
        self.log = BracketLog(schedule, ladder, self.record, capacity)
        self.brackets = self.log.view
        self.num_asked = 0

    def start(self, bracket, rung, config_id):
        """A configuration enters a rung; it is evaluated unless it is known there, or pending."""
        level = self.log.enter(bracket, rung, config_id)
        if not self.record.is_taken(level, config_id):
            self.ask(level, config_id)
        return level

    def ask(self, level, config_id):
        """A configuration is pending."""
        in_bracket = self.log.has_entered(level, config_id)
        self.record.pending.ask(level, bare_trial(config_id, self.num_asked), in_bracket=in_bracket)
        self.num_asked += 1

    def tell(self, level, config_id, loss):
        """A loss comes, asked for or not."""
        self.record.tell(level, bare_result(config_id, loss))
        self.log.tell(level, config_id)
