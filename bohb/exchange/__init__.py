"""Results from and for other programs: one format a file."""
