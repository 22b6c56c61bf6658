"""Where candles end: with what there is, not with what was asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from exchange.client.instruments import Directory
from exchange.client.market import MarketRequests
from exchange.client.questions import Asker
from exchange.domain.events import TradeExecuted
from exchange.domain.intervals import DAY_NS, MINUTE_NS
from exchange.domain.queries import BookTopReply, InstrumentRow, MarketCandlesReply, MarketCandlesRequest
from exchange.errors import ServiceUnavailableError
from exchange.runtime.caller import OPERATOR, Caller
from exchange.runtime.event_run import EventRun
from exchange.runtime.service_host import Ground
from exchange.schema.event_rows import ROW_DTYPES, EventList, encode_rows
from exchange.schema.events import decode_events
from exchange.services.marketdata.board import Board
from exchange.services.marketdata.queries import candles
from exchange.services.marketdata.server import MarketDataServer
from exchange.services.marketdata.service import SPEC
from exchange.services.marketdata.store import take_trades
from exchange.services.marketdata.venue import Venue
from exchange.storage.sql import Store, open_store

MARKET = 7


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Empty."""
    with open_store(tmp_path, SPEC.name, SPEC.tables) as made:
        yield made


def take(store: Store, first: int, times: Sequence[int]) -> None:
    """Trades at these times, with these numbers from the first on; a price is a trade's number."""
    rows = np.zeros(len(times), ROW_DTYPES[EventList.TRADES])
    rows["trade_id"] = rows["price"] = range(first, first + len(times))
    rows["instrument_id"], rows["qty"], rows["timestamp"] = MARKET, 1, times
    batch = decode_events(encode_rows(EventList.TRADES, rows, 0), 4, first)
    with store.begin() as tx:
        take_trades(tx, EventRun([(batch, 0, len(batch))], TradeExecuted))


def ask(store: Store, from_ns: int, to_ns: int, limit: int = 100) -> MarketCandlesReply:
    """Of a minute."""
    asked = MarketCandlesRequest(
        instrument_id=MARKET, interval_ns=MINUTE_NS, from_ns=from_ns, to_ns=to_ns, limit=limit
    )
    with store.read() as tx:
        return candles(tx, asked, Caller(OPERATOR))


def test_there_are_no_candles_of_what_is_to_come(store: Store) -> None:
    """Whatever end is asked for, the newest is the current one: a reader of pages comes to an end."""
    now = time.time_ns()
    take(store, 1, [now - 3 * MINUTE_NS, now])
    for end in (0, now + 365 * DAY_NS, (1 << 63) - 1):
        found = ask(store, 1, end)
        assert now - MINUTE_NS < found.candles[-1].start_ns <= time.time_ns()
        assert not found.more
        assert not ask(store, now + DAY_NS, end).candles
    assert not ask(store, 1, now - DAY_NS).candles


def test_what_was_taken_is_there_although_the_clock_went_back(store: Store) -> None:
    """Times are the journal's: its last trade is shown, and nothing behind it is made up."""
    late = time.time_ns() + 10 * MINUTE_NS
    take(store, 1, [late - MINUTE_NS, late])
    for end in (0, late + DAY_NS):
        found = ask(store, 1, end)
        assert [row.close_price for row in found.candles] == [1, 2]
        assert not found.more


def test_last_candles_before_a_time_to_come_are_those_before_now() -> None:
    """What the client asks for where nobody says from when."""
    requests, asked = MarketRequests(Directory()), list[MarketCandlesRequest]()

    class Server:
        seen = 0

        async def ask(self, request: MarketCandlesRequest, _: int | None) -> MarketCandlesReply:
            asked.append(request)
            return MarketCandlesReply()

    async def run() -> None:
        await requests.candles(MARKET, to_ns=before + 365 * DAY_NS, most=5).run(cast("Asker", Server()), None)

    before = time.time_ns()
    asyncio.run(run())
    assert before - 5 * MINUTE_NS <= asked[0].from_ns <= time.time_ns() - 5 * MINUTE_NS


def test_nothing_is_made_up_of_what_was_not_taken(store: Store) -> None:
    """Where trades may be missing, candles end there, or with the last trade; what was taken is there."""
    now = time.time_ns()
    minute = now // MINUTE_NS * MINUTE_NS
    take(store, 1, [minute - 30 * MINUTE_NS, minute - 20 * MINUTE_NS])
    for complete, last in (
        (0, minute - 20 * MINUTE_NS),
        (minute - 10 * MINUTE_NS + 1, minute - 10 * MINUTE_NS),
        (now + DAY_NS, None),
    ):
        asked = MarketCandlesRequest(instrument_id=MARKET, interval_ns=MINUTE_NS, limit=100)
        with store.read() as tx:
            found = candles(tx, asked, Caller(OPERATOR), complete)
        assert minute <= found.candles[-1].start_ns if last is None else found.candles[-1].start_ns == last
        assert not found.more


class Exchange:
    """What market data asks: how many trades there are."""

    def __init__(self) -> None:
        self.trades = 0
        self.away = False

    async def row(self, symbol: str) -> InstrumentRow:
        """There is one."""
        return InstrumentRow(instrument_id=MARKET, symbol=symbol)

    async def last_trade(self) -> int:
        """Its number, as long as somebody answers."""
        if self.away:
            raise ServiceUnavailableError("nobody is there")
        return self.trades

    async def tops(self, _: object) -> dict[int, BookTopReply]:
        """Nobody watches."""
        return {}


def test_candles_of_a_store_that_is_behind_have_an_age(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They end with what came; when the rest has come, or is there at once, they are those of now."""
    monkeypatch.setattr("exchange.services.marketdata.server.STALE_NS", 500_000_000)
    venue, now = Exchange(), time.time_ns()
    minute = now // MINUTE_NS * MINUTE_NS
    take(store, 1, [minute - 9 * MINUTE_NS, minute - 5 * MINUTE_NS])

    async def run() -> None:
        ground = cast("Ground", SimpleNamespace(store=store))
        server = MarketDataServer(ground, cast("Venue", venue), Board(str, time.monotonic_ns), None)

        async def found(*, live: bool) -> int:
            deadline = time.monotonic() + 30
            while True:
                rows, _, age = await server.minutes("A", 60)
                if (age == 0) is live:
                    assert rows[-1].start_ns >= minute or not live
                    return age
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

        venue.trades = 4
        listening = asyncio.create_task(server.listen())
        try:
            age = await found(live=False)  # since before it began: as old as the last trade that came
            assert 5 * MINUTE_NS <= age <= 7 * MINUTE_NS
            assert (await server.minutes("A", 60))[0][-1].start_ns == minute - 5 * MINUTE_NS
            take(store, 3, [minute - 4 * MINUTE_NS, now])
            await found(live=True)
            venue.away = True
            assert await found(live=False) < MINUTE_NS
            venue.away = False
            await found(live=True)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    asyncio.run(run())
