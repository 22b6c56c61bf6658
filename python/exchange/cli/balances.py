"""`exchange balances`."""

from __future__ import annotations

import argparse

from exchange.cli.common import as_json, table
from exchange.cli.connecting import add_client, connect
from exchange.cli.order import scaled

DESCRIPTION = "Print the balances of an account, and with --reservations what of them is held for what."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_client(parser, account=True)
    parser.add_argument("--reservations", action="store_true", help="list what is held, too")


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0."""
    with connect(options, account=options.account) as client:
        balances = client.query.balances()
        held = client.query.reservations() if options.reservations else ()
    if options.json:
        print(as_json({"balances": balances, "reservations": held} if options.reservations else balances))
        return 0
    rows = [
        (
            row.symbol,
            scaled(row.total, row.scale),
            scaled(row.available, row.scale),
            scaled(row.reserved, row.scale),
            str(row.version),
        )
        for row in balances
    ]
    print(table(("asset", "total", "available", "reserved", "version"), rows))
    if options.reservations:
        known = {row.asset: row for row in balances}
        of = [
            (
                f"order {row.order_id}" if row.order_id else f"reservation {row.reservation_id}",
                known[row.asset].symbol,
                scaled(row.amount, known[row.asset].scale),
            )
            for row in held
        ]
        print(table(("held for", "asset", "amount"), of, left=2))
    return 0
