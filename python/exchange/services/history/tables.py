"""The tables of the history. Keys grow with time, so a page of any selection is a range of an index.

Ids and accounts are of 64 bits without a sign; they lie in columns with one, of the same bits. Enums are
their numbers, prices ticks, quantities lots, fees minor units, times ns.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from exchange.storage.sql import Migration

METADATA: Final = MetaData()


def _number(name: str, *, key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


# An order, by the number of the event that entered it. One that was rejected when it came has no order_id.
ORDERS: Final = Table(
    "orders",
    METADATA,
    _number("entered_sequence", key=True),
    _number("order_id", nullable=True),
    _text("client_order_id"),
    _text("orig_client_order_id", nullable=True),
    _number("tenant"),
    _number("account"),
    _number("instrument_id"),
    _number("side"),
    _number("type"),
    _number("time_in_force"),
    _number("order_status"),
    _number("order_qty"),
    _number("cum_qty"),
    _number("leaves_qty"),
    _number("price", nullable=True),
    _number("stop_price", nullable=True),
    _number("fills"),
    # Notional = high x 2^32 + low; both are sums, so that an execution adds to them whatever is there.
    _number("notional_high"),
    _number("notional_low"),
    _number("reject"),
    _number("cancel_reason"),
    _number("entered_at"),
    _number("updated_at"),
    _number("sequence"),
    _text("correlation_id"),
)
# One side of a trade, by the number of its event.
EXECUTIONS: Final = Table(
    "executions",
    METADATA,
    _number("exec_id", key=True),
    _number("trade_id"),
    _number("order_id"),
    _text("client_order_id"),
    _number("tenant"),
    _number("account"),
    _number("instrument_id"),
    _number("side"),
    _number("liquidity"),
    _number("order_status"),
    _number("last_qty"),
    _number("last_price"),
    _number("cum_qty"),
    _number("leaves_qty"),
    _number("fee"),
    _number("fee_asset"),
    _number("timestamp"),
    _number("sequence"),
    _text("correlation_id"),
)
# One row: the journal's sequence of the last event that was taken.
PROGRESS: Final = Table("progress", METADATA, _number("sequence"))

MIGRATIONS: Final = (
    Migration(
        1,
        "orders and executions",
        (
            """CREATE TABLE orders (
                 entered_sequence {key}, order_id BIGINT UNIQUE, client_order_id TEXT NOT NULL,
                 orig_client_order_id TEXT, tenant BIGINT NOT NULL, account BIGINT NOT NULL,
                 instrument_id BIGINT NOT NULL, side BIGINT NOT NULL, type BIGINT NOT NULL,
                 time_in_force BIGINT NOT NULL, order_status BIGINT NOT NULL, order_qty BIGINT NOT NULL,
                 cum_qty BIGINT NOT NULL, leaves_qty BIGINT NOT NULL, price BIGINT, stop_price BIGINT,
                 fills BIGINT NOT NULL, notional_high BIGINT NOT NULL, notional_low BIGINT NOT NULL,
                 reject BIGINT NOT NULL, cancel_reason BIGINT NOT NULL, entered_at BIGINT NOT NULL,
                 updated_at BIGINT NOT NULL, sequence BIGINT NOT NULL, correlation_id TEXT NOT NULL)""",
            "CREATE INDEX orders_by_account ON orders (account{then:entered_sequence})",
            "CREATE INDEX orders_by_instrument ON orders (instrument_id{then:entered_sequence})",
            "CREATE INDEX orders_by_tenant ON orders (tenant{then:entered_sequence})",
            "CREATE INDEX orders_by_client_order_id ON orders (client_order_id)",
            """CREATE INDEX orders_by_orig_client_order_id ON orders (orig_client_order_id)
                 WHERE orig_client_order_id IS NOT NULL""",
            "CREATE INDEX orders_by_time ON orders (entered_at{then:entered_sequence})",
            """CREATE TABLE executions (
                 exec_id {key}, trade_id BIGINT NOT NULL, order_id BIGINT NOT NULL,
                 client_order_id TEXT NOT NULL, tenant BIGINT NOT NULL, account BIGINT NOT NULL,
                 instrument_id BIGINT NOT NULL, side BIGINT NOT NULL, liquidity BIGINT NOT NULL,
                 order_status BIGINT NOT NULL, last_qty BIGINT NOT NULL, last_price BIGINT NOT NULL,
                 cum_qty BIGINT NOT NULL, leaves_qty BIGINT NOT NULL, fee BIGINT NOT NULL,
                 fee_asset BIGINT NOT NULL, timestamp BIGINT NOT NULL, sequence BIGINT NOT NULL,
                 correlation_id TEXT NOT NULL)""",
            "CREATE INDEX executions_by_order ON executions (order_id{then:exec_id})",
            "CREATE INDEX executions_by_trade ON executions (trade_id)",
            "CREATE INDEX executions_by_account ON executions (account{then:exec_id})",
            "CREATE INDEX executions_by_instrument ON executions (instrument_id{then:exec_id})",
            "CREATE INDEX executions_by_tenant ON executions (tenant{then:exec_id})",
            "CREATE INDEX executions_by_time ON executions (timestamp{then:exec_id})",
            "CREATE TABLE progress (sequence BIGINT NOT NULL)",
            "INSERT INTO progress VALUES (0)",
        ),
    ),
)
