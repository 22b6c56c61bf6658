"""Who takes trades and who has them posted work beside each other: neither takes back what the other said."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from cmatch.rejects import RejectCode
from exchange.domain.events import TradeExecuted
from exchange.runtime.event_run import EventRun
from exchange.schema.event_rows import Records
from exchange.services.settlement.charging import charge
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.store import take_trades
from exchange.storage.sql import Store, Transaction, open_store
from tests.event_log.published import Exchange
from tests.settlement.test_gaps import emptied
from tests.settlement.test_posting import SETTLED_NS, Core, state, step, with_trades

WAIT_S = 1.0


def test_trades_taken_while_others_are_posted_take_nothing_back(
    exchange: Exchange, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress is read before a trade is charged and written behind it: the poster comes between."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        places = emptied(exchange, store)
        with_trades(store, 3)
        inside, go_on = threading.Event(), threading.Event()

        def slow(tx: Transaction, trades: Records) -> Mapping[str, Any]:
            inside.set()
            assert go_on.wait(60)
            return charge(tx, trades)

        monkeypatch.setattr("exchange.services.settlement.store.charge", slow)
        taking = threading.Thread(target=take, args=(store, places[3]))
        taking.start()
        assert inside.wait(60)
        posting = threading.Thread(target=step, args=(store, Core(None, None, None)))
        posting.start()
        posting.join(WAIT_S)  # it has what it needs, or waits for who holds it
        go_on.set()
        taking.join(60)
        posting.join(60)
        posted, postings, told = state(store)
        assert posted >= 3
        assert (postings, told - (posted - 3)) == ([(3, 103, SETTLED_NS)], 3)


def test_what_another_instance_has_noted_is_told_once(store_url: str) -> None:
    """Both had the same answers of the core: one of them notes and tells."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with_trades(store, 2)
        again = RejectCode.ALREADY_POSTED

        class Late(Core):
            async def call(self, request: Any, timeout_ms: int) -> Any:
                answers = await super().call(request, timeout_ms)
                other = threading.Thread(target=step, args=(store, Core(None, None)))
                other.start()
                other.join(60)
                return answers

        step(store, Late(again, again))
        assert state(store) == (2, [(2, 102, SETTLED_NS)], 2)


def take(store: Store, place: tuple[object, int]) -> None:
    """One trade of the log."""
    batch, at = place
    with store.begin() as tx:
        take_trades(tx, EventRun([(batch, at, at + 1)], TradeExecuted))  # type: ignore[list-item]
