"""The clients of streams without a gateway: books, what waits for a reader, what is wanted."""

from __future__ import annotations

import asyncio
import struct
import zlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client.errors import BookParted
from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.rest.closing import Close
from exchange.client.stream import (
    BalancesEvent,
    BookLevel,
    CandleEvent,
    ConnectedEvent,
    Event,
    LaggedEvent,
    PositionsEvent,
    StreamBook,
    StreamEnded,
    TickerEvent,
    TradesEvent,
)
from exchange.client.stream.closing import is_final
from exchange.client.stream.mailbox import Mailbox
from exchange.client.stream.wanted import Subscriptions

SCALE = 100
Side = dict[int, tuple[int, int]]
"""By price the quantity and the number of orders."""


def text(number: int) -> str:
    """A decimal of two places."""
    return f"{number // SCALE}.{number % SCALE:02d}"


def rows(side: Side, best_first: bool) -> list[s.Level]:
    """As the gateway says them."""
    prices = sorted(side, reverse=best_first)
    return [(text(price), text(side[price][0]), side[price][1]) for price in prices]


def checksum(bids: Side, asks: Side) -> int:
    """Of a book, by its definition."""
    content = b""
    for prices, side in ((sorted(bids, reverse=True)[:10], bids), (sorted(asks)[:10], asks)):
        content += b"".join(struct.pack("<qq", price, side[price][0]) for price in prices)
    return zlib.crc32(content)


def snapshot(bids: Side, asks: Side, sequence: int) -> s.BookSnapshot:
    """All of a book."""
    return s.BookSnapshot(
        bids=rows(bids, best_first=True), asks=rows(asks, best_first=False),
        checksum=checksum(bids, asks), last_sequence=str(sequence),
    )  # fmt: skip


levels = st.dictionaries(st.integers(1, 40), st.tuples(st.integers(1, 9_999), st.integers(1, 5)), max_size=25)
changes = st.dictionaries(st.integers(1, 40), st.tuples(st.integers(0, 9_999), st.integers(1, 5)), max_size=8)


@given(levels, levels, st.lists(st.tuples(changes, changes), max_size=6))
def test_book_is_the_fold_of_its_snapshot_and_changes(
    bids: Side, asks: Side, more: list[tuple[Side, Side]]
) -> None:
    """Against dictionaries; every checksum holds."""
    book = StreamBook("X")
    book.begin(snapshot(bids, asks, 7))
    for number, both in enumerate(more):
        for side, change in zip((bids, asks), both, strict=True):
            for price, row in change.items():
                if row[0]:
                    side[price] = row
                else:
                    side.pop(price, None)
        first = 8 + 2 * number
        book.change(
            s.BookDelta(
                bids=rows(both[0], best_first=True), asks=rows(both[1], best_first=False),
                checksum=checksum(bids, asks), first_sequence=str(first), last_sequence=str(first + 1),
            )
        )  # fmt: skip
    for side, shown, best_first in ((bids, book.bids(), True), (asks, book.asks(), False)):
        assert shown == [
            BookLevel(Decimal(price) / SCALE, Decimal(side[price][0]) / SCALE, side[price][1])
            for price in sorted(side, reverse=best_first)
        ]
    assert book.best == (next(iter(book.bids(1)), None), next(iter(book.asks(1)), None))
    assert book.sequence == 7 + 2 * len(more)


def test_book_that_parts_says_so() -> None:
    """A change that does not join, and a book that is not the exchange's."""
    bids: Side = {100: (5, 1)}
    book = StreamBook("X")
    book.begin(snapshot(bids, {}, 7))
    gap = s.BookDelta(bids=[], asks=[], checksum=book.checksum, first_sequence="9", last_sequence="9")
    with pytest.raises(BookParted, match="the book is at 7, what comes next begins with 9"):
        book.change(gap)
    other = s.BookDelta(
        bids=[("1.01", "0.01", 1)], asks=[], checksum=1, first_sequence="8", last_sequence="8"
    )
    with pytest.raises(BookParted, match="checksum"):
        book.change(other)
    with pytest.raises(BookParted, match="checksum"):
        StreamBook("X").begin(
            s.BookSnapshot(bids=[("1.01", "0.01", 1)], asks=[], checksum=1, last_sequence="8")
        )


def tick(sequence: int, symbol: str = "X", *, is_snapshot: bool = False) -> TickerEvent:
    """A price."""
    told = s.Tick(
        symbol=symbol, bid_price=str(sequence), bid_qty="1", ask_price=None, ask_qty="0", last_price=None,
        last_qty="0", status="live", age_ms=0, source="exchange",
    )  # fmt: skip
    return TickerEvent(sequence=sequence, is_snapshot=is_snapshot, symbol=symbol, ticker=told)


def traded(sequence: int) -> TradesEvent:
    """A trade."""
    return TradesEvent(sequence=sequence, is_snapshot=False, symbol="X", trades=[])


def balances(sequence: int, *, is_snapshot: bool = False, **totals: str) -> BalancesEvent:
    """What changed of an account."""
    told = [
        m.Balance(asset=asset, total=total, available=total, reserved="0", version="1")
        for asset, total in totals.items()
    ]
    return BalancesEvent(sequence=sequence, is_snapshot=is_snapshot, account=1, balances=told)


def read(*events: Event, most: int = 100) -> list[Event]:
    """What a reader finds who comes after all of them."""

    async def all_of_it() -> list[Event]:
        mailbox = Mailbox(most)
        for event in events:
            mailbox.put(event)
        mailbox.end(StreamEnded(4009, "REPLACED"))
        found = []
        while len(mailbox):
            found.append(await mailbox.get())
        with pytest.raises(StreamEnded):
            await mailbox.get()
        return found

    return asyncio.run(all_of_it())


def test_slow_reader_has_the_last_value() -> None:
    """Of prices one a symbol, in the place of the first; every trade."""
    found = read(tick(1, is_snapshot=True), traded(2), tick(3), tick(4, "Y"), traded(5), tick(6))
    assert found == [tick(6, is_snapshot=True), traded(2), tick(4, "Y"), traded(5)]


def test_slow_reader_has_the_last_word_on_each_asset_and_instrument() -> None:
    """Changes are joined; a snapshot takes the place of all before it."""
    assert read(balances(1, USD="1", BTC="1"), balances(2, USD="2")) == [balances(2, USD="2", BTC="1")]
    whole = balances(3, is_snapshot=True, USD="3")
    assert read(balances(1, BTC="1"), whole) == [whole]
    assert read(whole, balances(4, BTC="4")) == [balances(4, is_snapshot=True, USD="3", BTC="4")]

    def position(sequence: int, symbol: str) -> PositionsEvent:
        told = m.Position(
            symbol=symbol, position=str(sequence), open_buy_qty="0", open_sell_qty="0", open_orders=0
        )
        return PositionsEvent(sequence=sequence, is_snapshot=False, account=1, positions=[told])

    (joined,) = read(position(1, "X"), position(2, "Y"), position(3, "X"))
    assert isinstance(joined, PositionsEvent)
    assert [(each.symbol, each.position) for each in joined.positions] == [("X", "3"), ("Y", "2")]


def test_last_of_each_candle_is_told() -> None:
    """One that is over is not replaced by the next one."""

    def candle(sequence: int, start: str) -> CandleEvent:
        told = m.Candle(
            start=start, open="1", high="1", low="1", close=str(sequence),
            volume="1", quote_volume="1", trades=1,
        )  # fmt: skip
        return CandleEvent(sequence=sequence, is_snapshot=False, symbol="X", interval="1m", candle=told)

    found = read(candle(1, "12:00"), candle(2, "12:00"), candle(3, "12:01"))
    assert found == [candle(2, "12:00"), candle(3, "12:01")]


def test_reader_that_is_far_behind_is_told_how_far() -> None:
    """The oldest trades are dropped at the bound; memory does not grow, and prices are still the last."""
    found = read(*(traded(number) for number in range(1_000)), tick(1), most=10)
    assert found == [
        LaggedEvent(dropped=990, channels=frozenset({"trades"})),
        *(traded(number) for number in range(990, 1_000)),
        tick(1),
    ]

    async def grows() -> int:
        mailbox = Mailbox(10)
        for number in range(10_000):
            mailbox.put(traded(number))
            mailbox.put(tick(number, f"S{number % 7}"))
        return len(mailbox)

    assert asyncio.run(grows()) == 17


def test_reader_waits_and_connections_are_told_in_their_place() -> None:
    """Who waits is woken; a connection is an event among the others."""
    connected = ConnectedEvent(connection_id="c", resumed=True, reconnects=1)
    assert read(traded(1), connected, traded(2)) == [traded(1), connected, traded(2)]

    async def waits() -> Event:
        mailbox = Mailbox(10)
        asyncio.get_running_loop().call_later(0.01, mailbox.put, traded(1))
        return await mailbox.get()

    assert asyncio.run(waits()) == traded(1)


def test_what_is_wanted_is_asked_for_again() -> None:
    """All of it, in as few frames as say it; what was left is not."""
    wanted = Subscriptions()

    def told(channels: list[str], symbols: list[str], accounts: list[int]) -> s.Subscribed:
        return s.Subscribed(channels=channels, instrument_ids=symbols, accounts=accounts, subscriptions=0)

    wanted.add(s.Subscribe(raw=True), told(["book", "trades"], ["X", "Y"], []))
    wanted.add(s.Subscribe(interval="5m"), told(["candles"], ["X"], []))
    wanted.add(s.Subscribe(), told(["orders"], [], [11, 12]))
    wanted.remove(s.Unsubscribe(), told(["trades"], ["X", "Y"], []))
    wanted.remove(s.Unsubscribe(), told(["book"], ["Y"], []))
    assert [
        (each.channels, each.instrument_ids, each.accounts, each.interval, each.raw)
        for each in wanted.frames()
    ] == [
        (["book"], ["X"], [], "1m", True),
        (["candles"], ["X"], [], "5m", False),
        (["orders"], [], [11, 12], "1m", False),
    ]
    assert wanted.is_raw("book", "X")
    assert len(wanted) == 4


def test_close_codes_say_whether_to_come_back() -> None:
    """What would only happen again is final; a restart, a slow moment, a broken line are not."""
    assert {code.name for code in Close if is_final(code)} == {
        "NOT_AUTHENTICATED", "SESSION_ENDED", "MALFORMED", "TOO_LARGE", "REPLACED", "TOO_MANY_STREAMS",
    }  # fmt: skip
    assert (StreamEnded(4009, "x").code, StreamEnded(403, "x").code) == (Close.REPLACED, None)
    assert str(StreamEnded(4002, "revoked")) == "the stream ended: 4002 SESSION_ENDED revoked"
