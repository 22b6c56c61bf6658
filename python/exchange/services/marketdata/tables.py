"""The tables of market data. Ids of trades grow with time, so a span of time is a range of them.

Prices are ticks, quantities lots, times ns. What is a sum of products lies in two columns, high x 2^32 + low:
each is a sum by itself, so that a trade adds to it whatever is there.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table

from exchange.storage.sql import Migration

METADATA: Final = MetaData()


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


TRADES: Final = Table(
    "trades",
    METADATA,
    _number("trade_id", key=True),
    _number("instrument_id"),
    _number("price"),
    _number("qty"),
    _number("taker_side"),
    _number("auction"),
    _number("timestamp"),
    _number("sequence"),
    _number("unposted"),
)
# One that has a trade, that is; what lies between two of them is the older one's close.
CANDLES: Final = Table(
    "candles",
    METADATA,
    _number("instrument_id", key=True),
    _number("interval_ns", key=True),
    _number("start_ns", key=True),
    _number("open_price"),
    _number("high_price"),
    _number("low_price"),
    _number("close_price"),
    _number("volume_high"),
    _number("volume_low"),
    _number("quote_volume_high"),
    _number("quote_volume_low"),
    _number("trades"),
)
# Of each instrument that was traded, its last trade.
LASTS: Final = Table("lasts", METADATA, _number("instrument_id", key=True), _number("trade_id"))
# What was told of each instrument: up to which trade, the last minute with how many trades, how many ticks.
TOLD: Final = Table(
    "told",
    METADATA,
    _number("instrument_id", key=True),
    _number("trade_id"),
    _number("bar_start_ns"),
    _number("bar_trades"),
    _number("ticks"),
)
# One row: the last trade that was taken, the journal's sequence of the command that made it, and the last one
# that a settlement service has settled, as all before it.
PROGRESS: Final = Table("progress", METADATA, _number("sequence"), _number("trade_id"), _number("settled"))

MIGRATIONS: Final = (
    Migration(
        1,
        "trades and candles",
        (
            """CREATE TABLE trades (
                 trade_id {key}, instrument_id BIGINT NOT NULL, price BIGINT NOT NULL, qty BIGINT NOT NULL,
                 taker_side BIGINT NOT NULL, auction BIGINT NOT NULL, timestamp BIGINT NOT NULL,
                 sequence BIGINT NOT NULL)""",
            "CREATE INDEX trades_by_instrument ON trades (instrument_id{then:trade_id})",
            "CREATE INDEX trades_by_time ON trades (timestamp{then:trade_id})",
            """CREATE TABLE candles (
                 instrument_id BIGINT NOT NULL, interval_ns BIGINT NOT NULL, start_ns BIGINT NOT NULL,
                 open_price BIGINT NOT NULL, high_price BIGINT NOT NULL, low_price BIGINT NOT NULL,
                 close_price BIGINT NOT NULL, volume_high BIGINT NOT NULL, volume_low BIGINT NOT NULL,
                 quote_volume_high BIGINT NOT NULL, quote_volume_low BIGINT NOT NULL, trades BIGINT NOT NULL,
                 PRIMARY KEY (instrument_id, interval_ns, start_ns))""",
            "CREATE TABLE lasts (instrument_id {key}, trade_id BIGINT NOT NULL)",
            "CREATE TABLE progress (sequence BIGINT NOT NULL, trade_id BIGINT NOT NULL)",
            "INSERT INTO progress VALUES (0, 0)",
        ),
    ),
    # What a store had before that is not told any more.
    Migration(
        2,
        "what is told",
        (
            """CREATE TABLE told (
                 instrument_id {key}, trade_id BIGINT NOT NULL, bar_start_ns BIGINT NOT NULL,
                 bar_trades BIGINT NOT NULL, ticks BIGINT NOT NULL)""",
            """INSERT INTO told
               SELECT l.instrument_id, l.trade_id, c.start_ns, c.trades, 0
               FROM lasts l JOIN candles c ON c.instrument_id = l.instrument_id
               WHERE c.interval_ns = 60000000000 AND c.start_ns = (
                 SELECT MAX(start_ns) FROM candles
                 WHERE instrument_id = l.instrument_id AND interval_ns = 60000000000)""",
        ),
    ),
    Migration(
        3,
        "what is settled",
        (
            "ALTER TABLE trades ADD COLUMN unposted BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE progress ADD COLUMN settled BIGINT NOT NULL DEFAULT 0",
        ),
    ),
)
