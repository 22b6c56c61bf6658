"""The command `cmatch`: replay, verify, bench."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cmatch._core import __version__
from cmatch.cli.words import Parser

# One row a command. Its module has DESCRIPTION, add_arguments and run, and is imported when it is named.
COMMANDS: tuple[tuple[str, str], ...] = (
    ("replay", "match the order flow of a file and report what came out"),
    ("verify", "prove that a file always gives the same events and the same state"),
    ("bench", "measure the engine on this machine beside a plain Python book"),
)

_DESCRIPTION = "Match order flow with the cmatch engine: real one from files, or made up to measure."
_EPILOG = "Exit code: 0 all is right, 1 a check failed, 2 wrong use or a file that cannot be read."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    Args:
        arguments: those of the process where None.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = Parser(prog="cmatch", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"cmatch {__version__}")
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, words in COMMANDS:
        command = chosen.add_parser(name, help=words, epilog=_EPILOG)
        if name in given:  # the others are only listed: NumPy need not be imported for that
            module = import_module(f"cmatch.cli.{name}")
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            command.description = module.DESCRIPTION
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(given)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ncmatch: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Our reader went away (`cmatch replay FILE | head`): leave nothing to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
