"""The command line: a study for shells, schedulers and every language that can start a process.

`main` runs one command, `parser` defines the commands and their options, and each family of commands has a file. The
file is loaded when it is needed: `bohb tell` starts without numpy, a look at a study without a model, and `bohb ask`
without ConfigSpace. `output` prints, and `exits` lists the exit codes.
"""

from bohb.cli.main import main

__all__ = ["main"]
