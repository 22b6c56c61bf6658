"""`exchange market`."""

from __future__ import annotations

import argparse
import json
from typing import Final

from exchange.cli.common import may_be_there, name_of, name_or_all, settings_of, table
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.cli.records import Lines, add_file, add_span, show, span_of, text, time_text
from exchange.client import Client
from exchange.client.market_records import (
    CANDLE_NAMES,
    TICKER_NAMES,
    TRADE_NAMES,
    candle_record,
    mark_record,
    ticker_record,
    trade_record,
)
from exchange.client.past import Record
from exchange.domain.intervals import INTERVALS
from exchange.errors import ServiceUnavailableError

DESCRIPTION = """What was traded, as everybody may see it.

  candles   open, high, low, close and volumes of an instrument by intervals, oldest first, none left out
  ticker    what each instrument did in 24 hours, and its best bid and ask
  trades    every trade, the newest first
  mark      what an instrument is worth: mark and index price, and what each source of it says

Books are of `exchange book`. An exchange has it where the setting market_data.enabled is true."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, each with its options."""
    chosen = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    candles = chosen.add_parser("candles", help="candles", description="Candles of an instrument.")
    ticker = chosen.add_parser("ticker", help="tickers", description="Tickers of 24 hours.")
    trades = chosen.add_parser("trades", help="trades", description="Trades, the newest first.")
    mark = chosen.add_parser("mark", help="mark price", description="Mark and index price of an instrument.")
    for command in (candles, mark):
        command.add_argument("instrument", metavar="INSTRUMENT", help="symbol or number")
    candles.add_argument("--interval", choices=list(INTERVALS), default="1m", help="of a candle, by UTC (1m)")
    for command in (ticker, trades):
        command.add_argument(
            "instrument", nargs="?", metavar="INSTRUMENT", help="only of this one: symbol or number"
        )
    for command in (candles, trades):
        add_span(command)
    trades.add_argument("--oldest-first", action="store_true", help="the other way round")
    for command in (candles, ticker, trades):
        add_file(command)
    for command in (candles, ticker, trades, mark):
        add_client(command)


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0."""
    settings = settings_of(options)
    with connect(options) as client:
        if not may_be_there(settings.endpoints.marketdata):
            raise ServiceUnavailableError(
                f"the exchange on {settings.data_directory} has no market data:"
                " start it with --set market_data.enabled=true (which publishes events, too)"
            )
        with wrong_words(f"market {options.what}"):
            if options.what == "mark":
                return _mark(client, options)
            records, names, lines = _WHATS[options.what](client, options)
    left = 2 if options.what == "trades" else 1
    options.what = {"ticker": "tickers"}.get(options.what, options.what)
    show(options, records, names, lines, left=left)
    return 0


_Found = tuple[list[Record], tuple[str, ...], Lines]


def _candles(client: Client, options: argparse.Namespace) -> _Found:
    known = client.instruments
    instrument_id = known.instrument_id(name_of(options.instrument))
    rows = client.market_data.candles(instrument_id, options.interval, **span_of(options))
    records = [candle_record(row, instrument_id, options.interval, known) for row in rows]
    return records, CANDLE_NAMES, _CANDLE_LINES


def _tickers(client: Client, options: argparse.Namespace) -> _Found:
    if options.instrument is not None:
        row = client.market_data.ticker(name_of(options.instrument))
        rows = [] if row is None else [row]
    else:
        rows = list(client.market_data.tickers())
    return [ticker_record(row, client.instruments) for row in rows], TICKER_NAMES, _TICKER_LINES


def _trades(client: Client, options: argparse.Namespace) -> _Found:
    rows = client.market_data.trades(
        name_or_all(options.instrument),
        oldest_first=options.oldest_first,
        **span_of(options),
    )
    return [trade_record(row, client.instruments) for row in rows], TRADE_NAMES, _TRADE_LINES


def _mark(client: Client, options: argparse.Namespace) -> int:
    instrument_id = client.instruments.instrument_id(name_of(options.instrument))
    record = mark_record(client.market_data.mark_price(instrument_id), client.instruments)
    if options.json:
        print(json.dumps(record, indent=2, default=text))
        return 0
    rows = [tuple(text(line(each)) for line in _SOURCE_LINES.values()) for each in record["sources"]]
    print(table(tuple(_SOURCE_LINES), rows, left=2))
    stale = f", STALE for {record['age_ns'] / 1e9:.1f} s" if record["stale"] else ""
    last = f", last {record['last_price']}" if record["last_price"] is not None else ""
    print(f"{record['symbol']}: mark {record['mark_price']}, index {record['index_price']:f}{last}{stale}")
    return 0


_SOURCE_LINES: Final[Lines] = {
    "source": lambda each: each["name"],
    "state": lambda each: each["state"],
    "weight": lambda each: each["weight"],
    "price": lambda each: each["price"],
    "age": lambda each: f"{each['age_ns'] / 1e9:.1f} s",
}
_CANDLE_LINES: Final[Lines] = {
    "start": lambda each: time_text(each["start"]),
    "open": lambda each: each["open_price"],
    "high": lambda each: each["high_price"],
    "low": lambda each: each["low_price"],
    "close": lambda each: each["close_price"],
    "volume": lambda each: each["volume"],
    "quote volume": lambda each: each["quote_volume"],
    "trades": lambda each: each["trades"],
}
_TICKER_LINES: Final[Lines] = {
    "symbol": lambda each: each["symbol"],
    "last": lambda each: each["last_price"],
    "change": lambda each: each["change"],
    "%": lambda each: each["change_percent"],
    "high": lambda each: each["high_price"],
    "low": lambda each: each["low_price"],
    "volume": lambda each: each["volume"],
    "quote volume": lambda each: each["quote_volume"],
    "trades": lambda each: each["trades"],
    "bid": lambda each: each["bid_price"],
    "ask": lambda each: each["ask_price"],
}
_TRADE_LINES: Final[Lines] = {
    "time": lambda each: time_text(each["timestamp"]),
    "symbol": lambda each: each["symbol"],
    "trade": lambda each: each["trade_id"],
    "price": lambda each: each["price"],
    "qty": lambda each: each["qty"],
    "taker": lambda each: "auction" if each["auction"] else each["taker_side"],
}
_WHATS: Final = {"candles": _candles, "ticker": _tickers, "trades": _trades}
