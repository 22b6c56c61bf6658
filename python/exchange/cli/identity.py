"""`exchange identity`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.cli.identity_store import identity_store

DESCRIPTION = """The keys that sign the JWTs of the gateway.

  signing            those that count, the newest first: that one signs
  rotate-signing     a new one signs; what the one before signed still counts, what those before that did not

A token lasts five minutes, so two rotations that are further apart than that cut nobody off."""

_MS: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT and the options."""
    parser.add_argument("what", choices=["signing", "rotate-signing"], metavar="WHAT", help="as above")
    add_settings(parser)
    parser.add_argument("--reason", default="rotated", metavar="TEXT", help="with rotate-signing: why")
    parser.add_argument("--user", metavar="NAME", help="who, for the records (default: who is logged on)")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0."""
    settings = settings_of(options)
    if options.what == "signing":
        check_made(settings)
    with identity_store(settings) as kept:
        signing = import_module("exchange.services.identity.tokens").SigningKeys(kept)
        if options.what == "rotate-signing":
            with audited(
                settings, "identity.rotate", "signing", user=options.user, begins=True, reason=options.reason
            ):
                signing.rotate(options.reason)
        found = [
            {
                "kid": key.kid,
                "created": datetime.fromtimestamp(key.created_ms / _MS, UTC).isoformat(timespec="seconds"),
                "signs": place == 0,
            }
            for place, key in enumerate(signing.all())
        ]
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [(str(row["kid"]), str(row["created"]), "yes" if row["signs"] else "no") for row in found]
    print(table(("kid", "created", "signs"), rows, left=3))
    return 0
