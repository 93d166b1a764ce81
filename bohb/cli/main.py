"""Run one command: parse the arguments, call its function, and end with an exit code."""

import importlib
import io
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TextIO

from bohb.cli import exits
from bohb.cli.output import give_up_stdout, print_remark, print_to_stderr
from bohb.cli.parser import parse
from bohb.errors import BohbError, BohbWarning
from bohb.runner.workers import streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What follows the name of the program; by default the process's own.

    Returns:
        The exit code; see `bohb.cli.exits`.
    """
    streams.reserve()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever a terminal or a locale lacks
    with warnings.catch_warnings():
        warnings.simplefilter("always", BohbWarning)
        warnings.showwarning = _show_warning
        return _exit_code(sys.argv[1:] if arguments is None else arguments)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the command decides where
    line: str | None = None,
) -> None:
    """Print one of our own warnings as a remark, and any other as Python does."""
    if issubclass(category, BohbWarning):
        print_remark(str(message))
    else:
        print_to_stderr(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


def _exit_code(arguments: Sequence[str]) -> int:
    """Run the command; return the exit code, whatever happens."""
    try:
        return _run(arguments)
    except BohbError as error:
        print_remark(str(error))
        return exits.code_of(error)
    except BrokenPipeError:  # `bohb trials STUDY | head`: the reader has read enough
        give_up_stdout()
        return exits.OUTPUT
    except OSError as error:
        give_up_stdout()
        print_remark(f"expected to read and write what the command names, but: {error}")
        return exits.OUTPUT
    except KeyboardInterrupt:
        give_up_stdout()  # its reader may never read
        return exits.INTERRUPTED
    except Exception:  # Python would end with 1, which has another meaning here
        print_remark(f"an unexpected error:\n{traceback.format_exc()}")
        return exits.BUG


def _run(arguments: Sequence[str]) -> int:
    try:
        options = parse(arguments)
    except SystemExit:  # after --help, or an error in the arguments
        _flush()
        raise
    code = _command(options.command)(options)
    _flush()
    return code


def _flush() -> None:
    """Write what was printed; a command that prints nothing does not mind that stdout is closed."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _command(path: str) -> Callable[[Namespace], int]:
    """Return the function `module:name` of this package, loaded now."""
    module, _, name = path.partition(":")
    command: Callable[[Namespace], int] = getattr(importlib.import_module(f"bohb.cli.{module}"), name)
    return command
