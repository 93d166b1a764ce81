"""Run one command: parse the arguments, call its function, and end with an exit code."""

import importlib
import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TextIO

from bohb.cli import exits
from bohb.cli.output import print_remark
from bohb.cli.parser import parse
from bohb.errors import BohbError, BohbWarning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the name of the program; by default the process's own.

    Returns:
        The exit code; see `bohb.cli.exits`.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always", BohbWarning)
        warnings.showwarning = _show_warning
        return _run(options)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print one of our own warnings as a remark, and any other as Python does."""
    is_own = issubclass(category, BohbWarning)
    text = str(message) if is_own else warnings.formatwarning(message, category, filename, lineno, line)
    (print_remark if is_own else (file or sys.stderr).write)(text)


def _run(options: Namespace) -> int:
    """Run the command; return the exit code."""
    try:
        code = _command(options.command)(options)
        sys.stdout.flush()
    except BohbError as error:
        print_remark(str(error))
        return exits.code_of(error)
    except BrokenPipeError:  # `bohb trials STUDY | head`: the reader has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OUTPUT
    except OSError as error:
        print_remark(f"expected to read and write what the command names, but: {error}")
        return exits.OUTPUT
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception:  # Python would end with 1, which has another meaning here
        print_remark(f"an unexpected error, which is a bug:\n{traceback.format_exc()}")
        return exits.BUG
    return code


def _command(path: str) -> Callable[[Namespace], int]:
    """Return the function `module:name` of this package, loaded now."""
    module, _, name = path.partition(":")
    command: Callable[[Namespace], int] = getattr(importlib.import_module(f"bohb.cli.{module}"), name)
    return command
