"""Schedules decide who is promoted and what comes next, as data; one schedule a file.

Write your own: an object with `cycle`, `next` and `start` is a schedule (see `Schedule`).
"""

from bohb.schedules.asynchronous import AsynchronousHalving
from bohb.schedules.brackets import Bracket, Brackets, Contest, OpenSchedule, Promote, Rung, Schedule, Start
from bohb.schedules.freeze_thaw import FreezeThaw
from bohb.schedules.full_budget import FullBudget
from bohb.schedules.hpbandster import HpBandSterHyperband
from bohb.schedules.hyperband import Hyperband
from bohb.schedules.pending import Pending

__all__ = [
    "AsynchronousHalving",
    "Bracket",
    "Brackets",
    "Contest",
    "FreezeThaw",
    "FullBudget",
    "HpBandSterHyperband",
    "Hyperband",
    "OpenSchedule",
    "Pending",
    "Promote",
    "Rung",
    "Schedule",
    "Start",
]
