"""Where a study keeps its record: one file a store, behind one protocol."""
