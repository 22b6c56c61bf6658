"""Books that follow a journal: from a snapshot, and past one that took the place of records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from exchange.bus.rpc import Call
from exchange.client.order_book import BookDelta, BookSnapshot, OrderBook
from exchange.domain.contracts.marketdata import GetOrderBookRequest, StreamOrderBookRequest
from exchange.domain.enums import Side
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.service_host import JournalWay
from exchange.services.marketdata import books
from exchange.services.marketdata.books import BookServer
from exchange.services.marketdata.venue import Venue
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import starting_venue
from exchange.storage.journal import remove_segments_before
from exchange.storage.venue_limits import limits_of
from tests.event_log.conftest import memory
from tests.event_log.published import Exchange, load_settings
from tests.exchange.journals import ALICE, MARKET, Writer

__all__ = ["memory"]

CALL = cast("Call", None)
SEGMENT_BYTES = (1 << 20) + (1 << 13)


class Symbols:
    """Knows one instrument."""

    async def ids(self, symbols: Iterable[str]) -> list[int]:
        """Its number."""
        return [MARKET for _ in symbols]


def quotes(writer: Writer, count: int) -> None:
    """Resting orders of many prices."""
    for k in range(count):
        writer.write(writer.make.orders.limit(MARKET, "buy", 1, 5_000 + k % 1_900, account=ALICE))


def wanted(exchange: Exchange) -> list[tuple[int, int, int]]:
    """The bids of the newest snapshot, which are those of the whole journal."""
    venue = starting_venue(exchange.directory, limits_of(load_settings(exchange.root)), 0)
    return [
        (int(row["price"]), int(row["qty"]), int(row["count"])) for row in venue.l2(MARKET, int(Side.BUY))
    ]


def bids(book: OrderBook) -> list[tuple[int, int, int]]:
    """As `wanted` has them."""
    return [(level.price, level.qty, level.count) for level in book.bids]


async def caught_up(server: BookServer) -> None:
    """Waits until it answers."""
    while True:
        try:
            await server.book(GetOrderBookRequest(symbol="BTC-USD"), CALL)
        except ServiceUnavailableError:
            await asyncio.sleep(0.01)
        else:
            return


def test_mirrors_go_on_where_a_snapshot_took_the_place_of_records(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watchers see one larger delta; nothing beyond what is final is shown; before that nobody answers."""
    stood_still: list[object] = []
    monkeypatch.setattr(books, "_AGAIN_S", 0.01)
    monkeypatch.setattr(
        books, "log", lambda *_, reason=None, **__: stood_still.extend([reason] * bool(reason))
    )
    exchange = Exchange(memory, Writer(DataDirectory(memory).journal, SEGMENT_BYTES))
    exchange.directory.snapshots.mkdir()
    writer, final = exchange.writer, [0]
    writer.open_market()
    quotes(writer, 20)
    way = JournalWay(exchange.directory, lambda: limits_of(load_settings(memory)), lambda: final[0])
    server = BookServer(way, cast("Venue", Symbols()))
    request = StreamOrderBookRequest(symbol="BTC-USD")

    async def follow() -> None:
        with pytest.raises(ServiceUnavailableError, match="not caught up"):
            await server.book(GetOrderBookRequest(symbol="BTC-USD"), CALL)
        final[0] = writer.sequence
        running = asyncio.create_task(server.run())
        try:
            await caught_up(server)
            stream = server.stream(request, CALL)
            book = OrderBook()
            assert isinstance(book.apply(await anext(stream)), BookSnapshot)
            assert (book.sequence, len(book.bids)) == (final[0], 20)
            quotes(writer, 9_000)
            assert server.quote(MARKET) is None  # nobody sells
            assert (await server.book(GetOrderBookRequest(symbol="BTC-USD"), CALL)).last_seq == book.sequence
            waits = asyncio.create_task(
                server.book(GetOrderBookRequest(symbol="BTC-USD", min_seq=1 << 40), CALL)
            )
            exchange.snapshot(writer.sequence)
            # One of them the follower has open; the other one it will not find.
            assert remove_segments_before(exchange.directory.journal, writer.sequence) == 2
            final[0] = writer.sequence
            deltas: list[tuple[int, int]] = []
            while book.sequence < writer.sequence:
                delta = book.apply(await anext(stream))
                assert isinstance(delta, BookDelta)
                deltas.append((delta.first_seq, delta.last_seq))
            assert stood_still
            with pytest.raises(ServiceUnavailableError, match="begin anew"):
                await waits
            assert deltas[-1][1] - deltas[-1][0] > 4_096
            assert bids(book) == wanted(exchange)
            at = await server.book(GetOrderBookRequest(symbol="BTC-USD", min_seq=writer.sequence), CALL)
            assert at.checksum == book.checksum
            monkeypatch.setattr(books, "BYTES_MAX", 10)
            with pytest.raises(RpcError) as caught:
                await server.book(GetOrderBookRequest(symbol="BTC-USD"), CALL)
            assert caught.value.code is RpcStatus.OUT_OF_RANGE
            await stream.aclose()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(follow(), 60))
    writer.close()
