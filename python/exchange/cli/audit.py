"""`exchange audit`."""

from __future__ import annotations

import argparse
import json

from exchange.bus.topics import TopicTable
from exchange.cli import audit_log
from exchange.cli.common import add_settings, settings_of
from exchange.runtime.audit import audit
from exchange.runtime.publisher import open_log

DESCRIPTION = """Replay the journal of a data directory, whether its exchange runs or not, and hold everything
against it: every hash that was recorded live, all invariants, the money (balances = deposits - withdrawals),
the orders (what came in = what was traded, taken off and rests; each report follows from the one before),
the trades, and the event log (what the journal makes, each event once). A line a check, and what is wrong
below it; exit code 1 where something is.

With one of these the audit log instead: every administrative and security action, each record chained to the
one before by SHA-256, the end signed each minute; each process that writes has a chain in DATA/audit.

  --log [DIR]             check all chains: every record, every signature; says what is wrong and where
  --show [DIR]            the records, by time; --who, --action, --target, --outcome, --since, --until
  --heads [DIR]           the last signed head of each chain, a line each: keep them elsewhere, and --against
                          finds a log that was cut together with its own heads
  --export ARCHIVE        move full files to ARCHIVE; the rest says, signed, where it begins

DIR is an audit log elsewhere, such as an ARCHIVE."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    audit_log.add_arguments(parser)
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(options: argparse.Namespace) -> int:
    """Audits; returns 0 where all is right, 1 where something is wrong."""
    if audit_log.is_meant(options):
        return audit_log.run(options)
    settings = settings_of(options)
    with open_log(settings) as events:
        found = audit(settings.data_directory, events=events, topics=TopicTable(settings.events.environment))
    if options.json:
        print(json.dumps(found.body(), indent=2))
    else:
        print(*found.lines(), sep="\n")
    return int(not found.good)
