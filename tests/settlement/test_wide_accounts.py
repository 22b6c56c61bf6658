"""Accounts of 64 bits: those that a column with a sign has no room for are settled like all others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from exchange.bus.log.interface import Record
from exchange.domain.queries import SettlementsRequest
from exchange.errors import RpcError
from exchange.resilience import SystemClock
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.outbox import OutboxPublisher
from exchange.schema.event_rows import decode_rows
from exchange.services.settlement.posting import Poster
from exchange.services.settlement.queries import settlements
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import VOLUMES
from exchange.storage.sql import Store, open_store
from tests.event_log.conformance import read_all
from tests.event_log.published import TABLE, Exchange
from tests.exchange.journals import ALICE, MARKET, TENANT
from tests.settlement.test_rows import consume

WIDE, WIDEST = (1 << 63) + 5, (1 << 64) - 17
POSTED = "posttrade.settlement"


def trade_wide(exchange: Exchange, *, by_service: bool) -> None:
    """Alice sells to each of both, then one of them to the other."""
    writer = exchange.writer
    admin, orders = writer.make.admin, writer.make.orders
    if by_service:
        writer.write(admin.set_settlement(True), tenant=0)
    for account in (WIDE, WIDEST):
        writer.write(admin.open_account(account, tenant=TENANT))
        for asset in ("BTC", "USD"):
            writer.write(admin.deposit(asset, "1000", account=account))
    for seller, buyer in ((ALICE, WIDE), (ALICE, WIDEST), (WIDE, WIDEST)):
        writer.write(orders.limit(MARKET, "sell", 5, 10_000, account=seller))
        writer.write(orders.limit(MARKET, "buy", 5, 10_000, account=buyer))
    exchange.publish()


def told(exchange: Exchange, store: Store) -> list[tuple[int, int, int]]:
    """Trade, buyer and seller, of what goes out."""
    with exchange.open_log() as log:
        publisher = OutboxPublisher(store, log, SystemClock())
        while publisher.step():
            pass
        publisher.close()
        records: list[Record] = read_all(log, TABLE.full_name(POSTED))
    rows = [row for record in records for row in decode_rows(record.batch.payload).rows]
    return [(int(row["trade_id"]), int(row["buyer"]), int(row["seller"])) for row in rows]


def post_all(store: Store) -> None:
    """As the poster does once the core has posted what waits."""
    ground: Any = SimpleNamespace(
        store=store, topics=TABLE, consumes=None, taken=None, fail=None, event_log=None
    )
    poster = Poster(ground, None, None)  # type: ignore[arg-type]
    waiting = poster._waiting()
    count = len(waiting["trade_id"])
    said: Any = SimpleNamespace(done=count, sequence=9, timestamp=10**18)
    poster._settled(waiting, [((0, count), said)])


@pytest.mark.parametrize("by_service", [False, True])
def test_wide_accounts_have_rows_volumes_pages_and_are_told(
    exchange: Exchange, store_url: str, by_service: bool
) -> None:
    """Whoever posts, and on both databases."""
    trade_wide(exchange, by_service=by_service)
    expected = [(1, WIDE, ALICE), (2, WIDEST, ALICE), (3, WIDEST, WIDE)]
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        assert consume(exchange, store).counts["taken"] > 0
        if by_service:
            post_all(store)
        assert told(exchange, store) == expected
        with store.read() as tx:

            def asked(caller: Caller, **what: Any) -> list[tuple[int, int, int]]:
                reply = settlements(tx, SettlementsRequest(oldest_first=True, **what), caller)
                return [(row.trade_id, row.buyer, row.seller) for row in reply.settlements]

            operator = Caller(OPERATOR)
            assert asked(operator) == expected
            assert asked(operator, account=WIDE) == [expected[0], expected[2]]
            assert asked(operator, account=(1 << 64) - 2) == []
            assert asked(operator, trade_id=(1 << 64) - 1) == []
            assert asked(Caller(TENANT), account=WIDEST) == expected[1:]
            assert asked(Caller(TENANT, frozenset({WIDE}))) == [(1, WIDE, 0), (3, 0, WIDE)]
            with pytest.raises(RpcError, match="no page after"):
                asked(operator, after=1 << 63)
            accounts = np.array(tx.execute(select(VOLUMES.c.account)).scalars().all(), np.int64)
            assert set(accounts.view(np.uint64).tolist()) == {ALICE, WIDE, WIDEST}
