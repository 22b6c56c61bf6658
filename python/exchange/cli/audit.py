"""`exchange audit`."""

from __future__ import annotations

import argparse
import json

from exchange.bus.topics import TopicTable
from exchange.cli.common import add_settings, settings_of
from exchange.runtime.audit import audit
from exchange.runtime.publisher import open_log

DESCRIPTION = """Replay the journal of a data directory, whether its exchange runs or not, and hold everything
against it: every hash that was recorded live, all invariants, the money (balances = deposits - withdrawals),
the orders (what came in = what was traded, taken off and rests; each report follows from the one before),
the trades, and the event log (what the journal makes, each event once). A line a check, and what is wrong
below it; exit code 1 where something is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(options: argparse.Namespace) -> int:
    """Audits; returns 0 where all is right, 1 where something is wrong."""
    settings = settings_of(options)
    with open_log(settings) as events:
        found = audit(settings.data_directory, events=events, topics=TopicTable(settings.events.environment))
    if options.json:
        print(json.dumps(found.body(), indent=2))
    else:
        print(*found.lines(), sep="\n")
    return int(not found.good)
