"""`exchange replay DIR`."""

from __future__ import annotations

import argparse
import json

from cmatch.cli.words import place
from exchange.storage.replay import Replayed, replay

DESCRIPTION = """Fold the journal of a data directory from its first record, in a venue of its own, and say
what came of it: counts, rate, hashes. The exchange may be running: what it wrote until now is folded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds DIR and the options."""
    parser.add_argument("data", type=place, metavar="DIR", help="the data directory")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(options: argparse.Namespace) -> int:
    """Replays; returns 0."""
    outcome = replay(options.data)
    counts = facts(outcome)
    if options.json:
        print(json.dumps(counts, indent=2))
        return 0
    rate = outcome.commands / outcome.seconds if outcome.seconds else 0.0
    speed = f"{outcome.seconds:.2f} s, {rate / 1e6:.2f} million/s"
    print(f"{options.data}: {outcome.commands:,} commands in {speed}")
    if outcome.start:
        print(f"  from the snapshot of sequence {outcome.start:,}, where the journal begins")
    for name in ("sequence", "event_sequence", "trades", "live_orders", "accounts", "instruments"):
        print(f"  {name.replace('_', ' '):<16}{counts[name]:>16,}")
    for name in ("event_digest", "state_hash"):
        print(f"  {name.replace('_', ' '):<16}{counts[name]:>16}")
    return 0


def facts(outcome: Replayed) -> dict[str, int | str | float]:
    """What came of a journal, by name."""
    status = outcome.fold.venue_status()
    names = ("event_sequence", "trades", "live_orders", "accounts", "assets", "instruments")
    return {
        "start": outcome.start,
        "commands": outcome.commands,
        "seconds": round(outcome.seconds, 6),
        "sequence": outcome.digest.sequence,
        **{name: int(status[name]) for name in names},
        "event_digest": f"{outcome.digest.event_digest:016x}",
        "state_hash": f"{outcome.digest.state_hash:016x}",
    }
