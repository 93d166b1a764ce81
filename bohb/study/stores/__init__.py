"""Where a study keeps its record: one file a store, behind one protocol.

The scheme of a target says which store it is: a path has none and means an SQLite file, `postgresql://` means a
PostgreSQL database, and `register` adds schemes.
"""

from bohb.study.stores.registry import register

__all__ = ["register"]
