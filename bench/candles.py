"""What market data takes: trades of many instruments from the log into rows, and candles of all intervals.

``python -m bench.candles [--symbols N ...] [--seconds S] [--rate N]`` makes the trades of some seconds, in
each instrument in turn, puts them into a log as the publisher does at that rate, and has the consumer of
market data take all of them; its rows are then counted. That candles of 1,000 instruments and seven intervals
are kept up is asked for: more trades a second are taken than come, 20,000.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from bench.measure import machine, table
from bench.trades import START_NS, take, trades
from exchange.domain.intervals import INTERVALS
from exchange.services.marketdata.service import SPEC
from exchange.storage.sql import Store

_NS_A_S = 1_000_000_000
_RECORDS_A_S = 250


def run(directory: Path, symbols: int, seconds: int, rate: int) -> tuple[float, float, int]:
    """Trades a second that were taken, microseconds of the processor for each, and candles that there are."""
    make = partial(trades, markets=symbols, apart_ns=_NS_A_S // rate)
    rows = make(1, seconds * rate)
    times = rows["timestamp"].astype("i8")
    wanted = sum(
        len(
            {
                (int(each) % symbols + 1, int(at) // interval)
                for each, at in zip(rows["trade_id"], times, strict=True)
            }
        )
        for interval in INTERVALS.values()
    )
    assert times[0] > START_NS

    def check(store: Store) -> None:
        with store.read() as tx:
            candles = tx.exec_driver_sql("SELECT count(*), sum(trades), sum(volume_low) FROM candles").one()
        assert tuple(candles) == (wanted, len(rows) * len(INTERVALS), len(rows) * len(INTERVALS) * 100)

    rate_taken, busy = take(
        SPEC,
        directory,
        str(directory / "stores"),
        len(rows),
        make,
        rate // _RECORDS_A_S,
        before=lambda _store: None,
        check=check,
    )
    return rate_taken, busy, wanted


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Trades and candles of many instruments.")
    parser.add_argument("--symbols", type=int, nargs="+", default=[10, 1_000], help="how many (10 1000)")
    parser.add_argument("--seconds", type=int, default=20, help="of trades (20)")
    parser.add_argument("--rate", type=int, default=20_000, help="trades in each (20000)")
    options = parser.parse_args()
    print(machine())
    rows = []
    for symbols in options.symbols:
        with tempfile.TemporaryDirectory() as made:
            taken, busy, candles = run(Path(made), symbols, options.seconds, options.rate)
        rows.append(
            [f"{symbols:,}", f"{candles:,}", f"{taken:,.0f}", f"{busy:.1f}", f"{taken / options.rate:.1f}"]
        )
    heads = ["instruments", "candles", "trades/s", "processor, us a trade", "times what comes"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
