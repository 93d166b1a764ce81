"""The command line: a study for shells, schedulers and every language that can start a process.

`main` is the door, `parser` says which commands there are, and each family of commands has a file, which is loaded only
when it is needed: `bohb tell` starts without ConfigSpace, scipy and statsmodels. What a command prints and with which
code it ends is in `output` and `exits`.
"""

from bohb.cli.main import main

__all__ = ["main"]
