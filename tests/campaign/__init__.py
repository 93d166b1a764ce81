"""Campaigns of faults against studies: `python -m tests.campaign simulate|syscalls|crowd`.

* `simulate`: many workers and a store in one process, interleaved statement by statement as a seed says.
* `syscalls`: real processes on real stores; one system call after the other fails or is the last one.
* `crowd`: many processes on one study, and a killer.

Each command prints its seeds and counts, and exits with 1 if a promise was broken.
"""
