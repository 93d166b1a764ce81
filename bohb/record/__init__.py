"""What is known of a search so far: each fact once, and views that follow from it.

`Record` holds what is pending and what was told, by budget. The optimizer writes it; schedules and models read views
of it (`bohb.schedules.Brackets`, `bohb.models.Observations`) that bring themselves up to date when they are looked at.
"""

from bohb.record.configurations import Configurations
from bohb.record.id_log import IdLog
from bohb.record.pending import PendingTrials
from bohb.record.record import LevelRecord, Record

__all__ = ["Configurations", "IdLog", "LevelRecord", "PendingTrials", "Record"]
