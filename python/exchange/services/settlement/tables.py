"""The tables of settlement. Money is minor units, prices ticks, quantities lots, times ns.

Trades are posted in the order of their ids, so that one number says which are: those up to `progress.posted`.
Accounts are of 64 bits without a sign; they lie in columns with one, of the same bits.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from exchange.storage.sql import Migration

METADATA: Final = MetaData()


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


# A trade, and what its sides are charged. `at_once`: the venue had posted it already.
TRADES: Final = Table(
    "trades",
    METADATA,
    _number("trade_id", key=True),
    _number("instrument_id"),
    _number("price"),
    _number("qty"),
    _number("buyer"),
    _number("seller"),
    _number("buyer_tenant"),
    _number("seller_tenant"),
    _number("buyer_is_maker"),
    _number("cost"),
    _number("goods"),
    _number("buyer_fee"),
    _number("seller_fee"),
    _number("buyer_fee_asset"),
    _number("seller_fee_asset"),
    _number("traded_at"),
    _number("sequence"),
    _number("at_once"),
    _text("correlation_id"),
)
# The trades of each account, whichever side of them is its own.
SIDES: Final = Table("sides", METADATA, _number("account", key=True), _number("trade_id", key=True))
# Trades that were posted by one request: the last of them, when, and by which command of the journal.
POSTINGS: Final = Table(
    "postings", METADATA, _number("trade_id", key=True), _number("sequence"), _number("settled_at")
)
# What an account traded in a day (UTC), in minor units of the quote asset.
VOLUMES: Final = Table(
    "volumes", METADATA, _number("account", key=True), _number("asset", key=True), _number("day", key=True),
    _number("amount"),
)  # fmt: skip
# An instrument from a command of the journal on.
INSTRUMENTS: Final = Table(
    "instruments",
    METADATA,
    _number("instrument_id", key=True),
    _number("sequence", key=True),
    _text("symbol"),
    _number("base"),
    _number("quote"),
    _number("price_scale"),
    _number("qty_scale"),
    _number("fee_mode"),
    _number("maker_rate"),
    _number("taker_rate"),
)
ASSETS: Final = Table("assets", METADATA, _number("asset", key=True), _number("scale"))
# A tier of a fee schedule, by the volume from which on it holds.
TIERS: Final = Table(
    "tiers",
    METADATA,
    _text("schedule_id", key=True),
    _number("volume_min", key=True),
    _number("maker_rate"),
    _number("taker_rate"),
)
# One row: the last trade that was taken, and the last that is posted.
PROGRESS: Final = Table("progress", METADATA, _number("trade_id"), _number("posted"))

MIGRATIONS: Final = (
    Migration(
        1,
        "trades and what they are charged",
        (
            """CREATE TABLE trades (
                 trade_id {key}, instrument_id BIGINT NOT NULL, price BIGINT NOT NULL, qty BIGINT NOT NULL,
                 buyer BIGINT NOT NULL, seller BIGINT NOT NULL, buyer_tenant BIGINT NOT NULL,
                 seller_tenant BIGINT NOT NULL, buyer_is_maker BIGINT NOT NULL, cost BIGINT NOT NULL,
                 goods BIGINT NOT NULL, buyer_fee BIGINT NOT NULL, seller_fee BIGINT NOT NULL,
                 buyer_fee_asset BIGINT NOT NULL, seller_fee_asset BIGINT NOT NULL,
                 traded_at BIGINT NOT NULL, sequence BIGINT NOT NULL, at_once BIGINT NOT NULL,
                 correlation_id TEXT NOT NULL)""",
            "CREATE INDEX trades_by_buyer ON trades (buyer{then:trade_id})",
            "CREATE INDEX trades_by_seller ON trades (seller{then:trade_id})",
            "CREATE TABLE postings (trade_id {key}, sequence BIGINT NOT NULL, settled_at BIGINT NOT NULL)",
            """CREATE TABLE volumes (
                 account BIGINT NOT NULL, asset BIGINT NOT NULL, day BIGINT NOT NULL, amount BIGINT NOT NULL,
                 PRIMARY KEY (account, asset, day))""",
            """CREATE TABLE instruments (
                 instrument_id BIGINT NOT NULL, sequence BIGINT NOT NULL, symbol TEXT NOT NULL,
                 base BIGINT NOT NULL, quote BIGINT NOT NULL, price_scale BIGINT NOT NULL,
                 qty_scale BIGINT NOT NULL, fee_mode BIGINT NOT NULL, maker_rate BIGINT NOT NULL,
                 taker_rate BIGINT NOT NULL, PRIMARY KEY (instrument_id, sequence))""",
            "CREATE TABLE assets (asset {key}, scale BIGINT NOT NULL)",
            """CREATE TABLE tiers (
                 schedule_id TEXT NOT NULL, volume_min BIGINT NOT NULL, maker_rate BIGINT NOT NULL,
                 taker_rate BIGINT NOT NULL, PRIMARY KEY (schedule_id, volume_min))""",
            "CREATE TABLE progress (trade_id BIGINT NOT NULL, posted BIGINT NOT NULL)",
            "INSERT INTO progress VALUES (0, 0)",
        ),
    ),
    Migration(
        2,
        "trades by account",
        (
            """CREATE TABLE sides (
                 account BIGINT NOT NULL, trade_id BIGINT NOT NULL, PRIMARY KEY (account, trade_id)
               ){clustered}""",
            """INSERT INTO sides SELECT buyer, trade_id FROM trades
                 UNION SELECT seller, trade_id FROM trades ORDER BY 1, 2""",
            "DROP INDEX trades_by_buyer",
            "DROP INDEX trades_by_seller",
        ),
    ),
)
