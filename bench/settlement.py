"""What settlement takes: trades a second from the log into rows with their fees, by how many a record has.

``python -m bench.settlement [--directory DIR] [--url URL] [--trades N] [--batches N ...]`` makes trades of
1,000 accounts in 16 instruments, puts them into a log, has the service's consumer take all of them, and
prints trades a second. Nothing is posted: that is the core's. 100,000 are asked for.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy import insert

from bench.measure import machine, table
from bench.trades import take, trades
from exchange.domain.enums import FeeMode
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import ASSETS, INSTRUMENTS, TIERS
from exchange.storage.sql import Store

MARKETS = 16
APART_NS = 10_000


def define(store: Store) -> None:
    """The instruments, and a schedule of three tiers."""
    with store.begin() as tx:
        tx.execute(insert(ASSETS), [{"asset": 1, "scale": 8}, {"asset": 2, "scale": 6}])
        for number in range(1, MARKETS + 1):
            tx.execute(
                insert(INSTRUMENTS).values(
                    instrument_id=number, sequence=number, symbol=f"M-{number}", base=1, quote=2,
                    price_scale=2, qty_scale=4, fee_mode=int(FeeMode.QUOTE), maker_rate=100_000,
                    taker_rate=200_000,
                )
            )  # fmt: skip
        for least in (0, 10**9, 10**12):
            tx.execute(
                insert(TIERS).values(
                    schedule_id="default", volume_min=least, maker_rate=50_000, taker_rate=150_000
                )
            )


def run(directory: Path, url: str, count: int, size: int) -> tuple[float, float]:
    """Trades a second that were taken, and microseconds of the processor for each."""

    def check(store: Store) -> None:
        with store.read() as tx:
            found = tx.exec_driver_sql("SELECT count(*), min(buyer_fee + seller_fee) FROM trades").one()
        assert tuple(found) == (count, 200)

    make = partial(trades, markets=MARKETS, apart_ns=APART_NS)
    return take(SPEC, directory, url, count, make, size, before=define, check=check)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What settlement takes.")
    parser.add_argument("--directory", type=Path, help="where; a temporary directory otherwise")
    parser.add_argument(
        "--url", help="of a PostgreSQL database that is empty; SQLite otherwise; one batch size"
    )
    parser.add_argument("--trades", type=int, default=200_000, help="how many")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 256, 4096], help="trades a record")
    options = parser.parse_args()
    print(machine())
    rows = []
    for size in options.batches:
        with tempfile.TemporaryDirectory(dir=options.directory) as made:
            directory = Path(made)
            rate, busy = run(directory, options.url or str(directory / "stores"), options.trades, size)
            rows.append([str(size), f"{rate:,.0f}", f"{busy:.1f}"])
    print(table(["trades a record", "trades/s", "processor, us a trade"], rows))


if __name__ == "__main__":
    main()
