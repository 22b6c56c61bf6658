"""No trade is left out: what cannot be taken stands still, and is said, until it can."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from exchange.domain.events import TradeExecuted
from exchange.errors import ServiceUnavailableError
from exchange.runtime.consumer import Consumer
from exchange.runtime.event_run import EventRun
from exchange.services.settlement import store as settlement_store
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.store import take_trades
from exchange.services.settlement.tables import PROGRESS, TRADES
from exchange.storage.sql import Store, open_store
from tests.event_log.published import TABLE, Exchange
from tests.marketdata.oracle import batches
from tests.settlement.test_rows import consume, trade_for_days


def taken(store: Store) -> list[int]:
    """The trades that have a row; the progress is the last of them."""
    with store.read() as tx:
        found = list(tx.execute(select(TRADES.c.trade_id).order_by(TRADES.c.trade_id)).scalars())
        assert tx.execute(select(PROGRESS.c.trade_id)).scalar_one() == (found[-1] if found else 0)
    return found


def emptied(exchange: Exchange, store: Store) -> list[tuple[object, int]]:
    """All trades of a log, by their places, and a store that knows their instruments and has none of them."""
    trade_for_days(exchange, 3, 6)
    exchange.publish()
    consume(exchange, store)
    with store.begin() as tx:
        for name in ("trades", "sides", "volumes"):
            tx.execute(text(f"DELETE FROM {name}"))  # noqa: S608
        tx.execute(text("UPDATE progress SET trade_id = 0, posted = 0"))
    return [(batch, place) for batch in batches(exchange) for place in range(len(batch))]


def test_gap_stands_still_and_a_store_may_begin_late(exchange: Exchange, store_url: str) -> None:
    """Between two stretches and within one; nothing behind the gap is taken."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        places = emptied(exchange, store)
        assert len(places) > 12

        def take(*numbers: int) -> None:
            pieces = [(*places[number - 1], places[number - 1][1] + 1) for number in numbers]
            with store.begin() as tx:
                take_trades(tx, EventRun(pieces, TradeExecuted))  # type: ignore[arg-type]

        take(4, 5)  # the service was switched on behind trade 3
        for numbers, why in (((8, 9), "trade 8 .* trade 5"), ((6, 7, 9), "trade 9 .* trade 7")):
            with pytest.raises(ServiceUnavailableError, match=why):
                take(*numbers)
            assert taken(store) == [4, 5]
        take(6, 7, 8)
        assert taken(store) == [4, 5, 6, 7, 8]


def test_trade_that_cannot_be_taken_is_held_and_no_dead_letter(
    exchange: Exchange, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong: a trade that is set aside is one that nobody is paid for."""

    def fail(*_: object) -> None:
        raise OverflowError("int too large")

    trade_for_days(exchange, 3, 4)
    exchange.publish()
    with open_store(store_url, SPEC.name, SPEC.tables) as store, exchange.open_log() as log:
        with monkeypatch.context() as patched, Consumer(SPEC, store, log, TABLE) as consumer:
            patched.setattr(settlement_store, "charge", fail)
            while consumer.step():
                pass
            (why,) = consumer.held.values()
            assert "trades 1 to" in why
            assert "OverflowError: int too large" in why
            assert consumer.counts.get("dead", 0) == 0
            assert taken(store) == []
        with Consumer(SPEC, store, log, TABLE) as consumer:
            while consumer.step():
                pass
            assert (consumer.held, len(taken(store)) > 3) == ({}, True)
