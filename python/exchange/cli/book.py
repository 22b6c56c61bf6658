"""`exchange book INSTRUMENT`."""

from __future__ import annotations

import argparse
from itertools import zip_longest

from cmatch.cli.words import UINT32_MAX, whole
from exchange.cli.common import as_json, name_of, table
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.cli.order import scaled
from exchange.domain.queries import LevelRow

DESCRIPTION = "Print the book of an instrument: its best levels, bids on the left."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds INSTRUMENT and the options."""
    parser.add_argument("instrument", metavar="INSTRUMENT", help="by symbol or number")
    parser.add_argument(
        "--depth",
        type=whole(0, UINT32_MAX),
        default=10,
        metavar="N",
        help="levels of each side; 0 is all (10)",
    )
    add_client(parser)


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0."""
    with connect(options) as client:
        with wrong_words("book"):
            instrument = client.instruments.instrument(name_of(options.instrument))
        book = client.query.book(instrument.instrument_id, options.depth)
    if options.json:
        print(as_json(book))
        return 0

    def words(level: LevelRow | None) -> tuple[str, str, str]:
        if level is None:
            return ("", "", "")
        return (
            str(level.count),
            scaled(level.qty, instrument.qty_scale),
            scaled(level.price, instrument.price_scale),
        )

    rows = [(*words(bid), *reversed(words(ask))) for bid, ask in zip_longest(book.bids, book.asks)]
    print(table(("orders", "qty", "bid", "ask", "qty", "orders"), rows, left=0))
    print(f"{instrument.symbol}, as of sequence {book.sequence}")
    return 0
