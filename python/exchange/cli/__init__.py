"""The command line `exchange`: one command a module."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cmatch.cli.words import Parser
from exchange.errors import ConfigError, ExchangeError, SecurityError
from exchange.runtime.exits import ExitCode
from exchange.storage.directory import DirectoryInUse

# Command and what it does. `exchange.cli.NAME` has DESCRIPTION, add_arguments and run; imported when named.
COMMANDS: tuple[tuple[str, str], ...] = (
    ("up", "run an exchange on a data directory"),
    ("standby", "run an exchange that follows another one, and can take its place"),
    ("promote", "have a standby take the lead"),
    ("solo", "let answers leave without a standby"),
    ("demo", "run a market on a new exchange, and audit it at the end"),
    ("status", "how the exchange is: health, rates, latency"),
    ("ps", "the processes: state, uptime, processor, memory, restarts, lag"),
    ("services", "the services: instances, endpoints, health, version"),
    ("admin", "assets, instruments, accounts, money, limits, switches"),
    ("order", "enter, change, cancel and list orders"),
    ("balances", "the balances of an account"),
    ("book", "the book of an instrument"),
    ("snapshot", "take a snapshot now"),
    ("history", "every order and every execution that there ever was"),
    ("market", "candles, tickers, trades and mark prices"),
    ("settlement", "what trades cost, and whether they are settled: list, show, status"),
    ("log", "topics and events of the event log"),
    ("dlq", "dead letters: list, show, replay, discard"),
    ("replay", "fold a journal from its start and say what came of it"),
    ("verify", "replay a journal and compare every hash that was recorded"),
    ("audit", "hold all against the journal; --log: check the log of administrative actions"),
    ("bench", "load an exchange and draw its latencies"),
    ("doctor", "what this machine lacks for low latency, and how to get it"),
    ("keys", "keys: create, list, show, rotate, revoke, export"),
    ("apikeys", "keys of programs for the gateway: create, list, show, rotate, revoke"),
    ("users", "people who sign in at the gateway: create, list, show, password, roles, disable"),
    ("identity", "keys that sign tokens: signing, rotate-signing"),
    ("run", "run one process of an exchange"),
)

_DESCRIPTION = "An exchange on this machine: run it, trade on it, prove what it did."
_EPILOG = (
    "Exit code: 0 all is right; 1 a check failed or something went wrong; 2 wrong use; 65 the journal is"
    " damaged; 73 the data directory is in use; 74 a sync of the journal failed; 76 another core leads; 78 a"
    " setting, a key or what the command was told is wrong; 130 interrupted."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    Args:
        arguments: those of the process where None.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy would start threads that nothing here uses
    parser = Parser(prog="exchange", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is, and exit")
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    command_given = next((word for word in given if not word.startswith("-")), None)
    for name, words in COMMANDS:
        command = chosen.add_parser(name, help=words, epilog=_EPILOG)
        if name == command_given:  # the others are only listed: nothing of them need be imported
            module = import_module(f"exchange.cli.{name}")
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            command.description = module.DESCRIPTION
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(given)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ExchangeError as error:
        print(f"exchange: {error}", file=sys.stderr)
        return exit_code_of(error)
    except KeyboardInterrupt:
        print("\nexchange: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Our reader went away (`exchange status | head`): leave nothing to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


class _Version(argparse.Action):
    """What knows it takes a while to load, and each process of an exchange comes by here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"exchange {version('cmatch')}")
        parser.exit()


def exit_code_of(error: ExchangeError) -> int:
    """The exit code that stands for an accident."""
    if isinstance(error, ConfigError | SecurityError):
        return ExitCode.CONFIG
    return ExitCode.LOCKED if isinstance(error, DirectoryInUse) else ExitCode.FAILED
