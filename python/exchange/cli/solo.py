"""`exchange solo`."""

from __future__ import annotations

import argparse

from exchange.cli.auditing import audited
from exchange.cli.common import settings_of
from exchange.cli.connecting import add_client, connect
from exchange.errors import ExchangeError

DESCRIPTION = """Let answers leave without a standby: from now on they wait for this machine's disk alone, and
new orders are taken again. It is journaled. A standby that is cut off does not know of it: do not promote it
afterwards. With --off answers wait for the standby again, which has to be in sync."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_client(parser)
    parser.add_argument("--off", action="store_true", help="wait for the standby again")


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0."""
    settings, how = settings_of(options), "off" if options.off else "on"
    with audited(settings, "replication.solo", how, user=options.user), connect(options) as client:
        answer = client.admin.set_solo(not options.off)
        if answer.reject is not None:
            raise ExchangeError(f"refused: {answer.reject}: {answer.reject.meaning}")
    print("answers wait for the standby" if options.off else "answers wait for this machine's disk alone")
    return 0
