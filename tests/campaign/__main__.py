"""The commands; see the package."""

import argparse
import signal
import sys

from tests.campaign import crowd, simulate, syscalls

COMMANDS = {"simulate": simulate, "syscalls": syscalls, "crowd": crowd}


def main() -> int:
    """Run a command and return its exit code: 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Try faults on studies.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        summary = str(module.__doc__).partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=summary))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are stopped, and folders removed
    code: int = COMMANDS[options.command].main(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
