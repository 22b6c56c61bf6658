"""`exchange verify DIR`."""

from __future__ import annotations

import argparse
import json

from cmatch.cli.words import place
from exchange.cli.replay import facts
from exchange.storage.replay import verify

DESCRIPTION = """Replay the journal of a data directory and compare the digest of every event and the hash
of the state with those that were recorded while it was live: at each snapshot, and when the exchange
stopped. Where they part is printed. All ledger, order and book invariants are checked at the end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds DIR and the options."""
    parser.add_argument("data", type=place, metavar="DIR", help="the data directory")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(options: argparse.Namespace) -> int:
    """Verifies; returns 0 where all is equal, 1 where something parts, is gone, or nothing was recorded."""
    verdict = verify(options.data)
    verdict.replayed.fold.venue.check_invariants()
    if options.json:
        content = {
            "same": verdict.same,
            "compared": [str(digest) for digest in verdict.compared],
            "passed_over": [str(digest) for digest in verdict.passed_over],
            "parting": str(verdict.parting) if verdict.parting else None,
            "lacks": verdict.lacks or None,
            "replay": facts(verdict.replayed),
        }
        print(json.dumps(content, indent=2))
        return int(not verdict.same)
    for digest in verdict.compared:
        parted = verdict.parting is not None and digest.sequence >= verdict.parting.live.sequence
        print(f"{'PARTS' if parted else 'same':<6} {digest}")
    for digest in verdict.passed_over:
        print(f"{'-':<6} {digest} (not within the journal that is left)")
    if verdict.parting:
        print(verdict.parting)
    elif verdict.lacks:
        print(verdict.lacks)
    elif not verdict.compared:
        print("nothing was recorded to compare with: no snapshot, and no orderly stop")
    else:
        end = verdict.replayed.digest
        print(f"{len(verdict.compared)} of {len(verdict.compared)} the same, up to sequence {end.sequence:,}")
    return int(not verdict.same)
