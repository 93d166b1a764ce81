"""Schedules decide how long to train: which configuration is promoted, and where a new one starts.

Each file holds one schedule. Any object with `cycle`, `next` and `start` is one; see `Schedule` to write your own.
"""

from bohb.schedules.asha import AsynchronousHalving
from bohb.schedules.bracket_sizes import BracketPlan
from bohb.schedules.brackets import Bracket, Brackets, Rung
from bohb.schedules.freeze_thaw import FreezeThaw
from bohb.schedules.full_budget import FullBudget
from bohb.schedules.hpbandster import HpBandSterHyperband
from bohb.schedules.hyperband import Hyperband
from bohb.schedules.population import Population
from bohb.schedules.protocol import Exploit, MoveOffer, OfferingSchedule, Promote, Schedule, Start

__all__ = [
    "AsynchronousHalving",
    "Bracket",
    "BracketPlan",
    "Brackets",
    "Exploit",
    "FreezeThaw",
    "FullBudget",
    "HpBandSterHyperband",
    "Hyperband",
    "MoveOffer",
    "OfferingSchedule",
    "Population",
    "Promote",
    "Rung",
    "Schedule",
    "Start",
]
