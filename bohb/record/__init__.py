"""The record of a search: its configurations, pending trials and results, each stored once.

The optimizer writes the `Record`. Schedules and models read views of it (`bohb.schedules.Brackets`,
`bohb.models.Observations`), which update themselves when read.
"""

from bohb.record.configurations import Configurations
from bohb.record.id_log import IdLog
from bohb.record.pending import PendingTrials
from bohb.record.record import LevelRecord, Record

__all__ = ["Configurations", "IdLog", "LevelRecord", "PendingTrials", "Record"]
