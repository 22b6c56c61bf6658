"""Feeds without an exchange: books folded and joined, candles, tokens, frames, what was missed."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client.instruments import Instrument
from exchange.client.order_book import BookDelta
from exchange.client.rest import streams as s
from exchange.domain.enums import BookView, Side
from exchange.domain.intervals import INTERVALS
from exchange.errors import GatewayFault
from exchange.schema.book_rows import LEVEL_DTYPE
from exchange.schema.event_rows import ROW_DTYPES, EventList
from exchange.security.principal import Method, Principal
from exchange.security.sealing import Sealer
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.channels.book import BookFeed
from exchange.services.gateway.stream.channels.candles import carried, grown, opened_by
from exchange.services.gateway.stream.channels.trades import trade_rows
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.reading import NoFrame, id_of, read
from exchange.services.gateway.stream.resume import AGE_MS_MAX, Tokens
from exchange.services.marketdata.folding import candle_rows
from tests.gateway.stream.copy import Copy


class Reader:
    """Keeps what it is told."""

    has_room = True

    def __init__(self) -> None:
        self.told: list[Any] = []

    def offer(self, _: Feed, update: bytes, *, soon: bool = False) -> None:
        """One more."""
        self.told.append(json.loads(update))


CHANGE = st.lists(st.tuples(st.booleans(), st.integers(1, 12), st.integers(0, 5)), min_size=1, max_size=4)
STEPS = st.lists(st.sampled_from(["beat", "anew", "leave", "paced", "raw"]) | CHANGE, max_size=40)


class Market:
    """A book whose levels change by hand, its feed, and who reads that."""

    def __init__(self) -> None:
        self.due: set[Feed] = set()
        self.feed = BookFeed(Key("book", "A-B"), self.due.add, None)  # type: ignore[arg-type]  # nobody is asked
        self.feed._instrument = Instrument(1, "A-B", 1, 2, 2, 4)
        self.book = self.feed._book
        self.readers: list[Reader] = []
        self.feed.begin()

    def beat(self) -> None:
        """A tenth of a second goes by."""
        some = list(self.due)
        self.due.clear()
        for each in some:
            each.beat()

    def change(self, levels: list[tuple[bool, int, int]]) -> None:
        """Levels are others: side, price, quantity."""
        new = {(Side.BUY if buys else Side.SELL, price): qty for buys, price, qty in levels}
        rows = np.zeros(len(new), LEVEL_DTYPE)
        book = self.book
        for row, ((side, price), qty) in zip(rows, new.items(), strict=True):
            row["side"], row["price"], row["qty"], row["count"] = int(side), price, qty, min(qty, 1)
            if qty or price in book._levels[side]:
                book._take_level(price, qty, min(qty, 1), int(side))
        first, book.sequence = book.sequence + 1, book.sequence + 1 + len(new)
        self.feed._apply(BookDelta("A-B", 1, BookView.LEVELS, first, book.sequence, 0, book.checksum, rows))

    def step(self, what: str) -> None:
        """What else happens."""
        if what == "beat":
            self.beat()
        elif what == "anew":
            self.feed.begin()
        elif what != "leave":
            self.readers.append(Reader())
            self.feed.join(self.readers[-1], raw=what == "raw")
        elif self.readers:
            self.feed.leave(self.readers.pop())


@given(STEPS)
def test_every_reader_of_a_book_can_keep_it(steps: list[Any]) -> None:
    """Row 38 of the faults: whenever one joins, whatever changes meanwhile, updates join, checksums hold."""

    async def scene() -> None:
        market = Market()
        for step in steps:
            if isinstance(step, str):
                market.step(step)
            else:
                market.change(step)
        market.beat()
        for reader in market.readers:
            copy = Copy()
            for update in reader.told:
                copy.take(update)
            assert (copy.last, copy.checksum) == (market.book.sequence, market.book.checksum)

    asyncio.run(scene())


TRADES = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(1, 10**9), st.integers(1, 10**9)), min_size=1, max_size=50
)


@given(TRADES, st.sampled_from(sorted(INTERVALS)))
def test_candles_are_those_of_market_data(trades: list[tuple[int, int, int]], interval: str) -> None:
    """Folded trade by trade they are what market data folds from arrays; sums beyond 64 bits, too."""
    every = INTERVALS[interval]
    rows = np.zeros(len(trades), ROW_DTYPES[EventList.TRADES])
    now = 0
    for at, (later, price, qty) in enumerate(trades):
        now += later * 1_000_000_000
        rows[at]["trade_id"], rows[at]["timestamp"], rows[at]["price"], rows[at]["qty"] = (
            at + 1,
            now,
            price,
            qty,
        )
        rows[at]["instrument_id"], rows[at]["taker_side"] = 7, 1
    found: dict[int, Any] = {}
    for trade in trade_rows(rows, 7):
        start = trade.timestamp - trade.timestamp % every
        found[start] = grown(found[start], trade) if start in found else opened_by(trade, every)
    wanted = {}
    for _, size, start, opened, high, low, close, vh, vl, nh, nl, count in candle_rows(rows):
        if size == every:
            notional = (nh << 32) + nl
            wanted[start] = (opened, high, low, close, (vh << 32) + vl, notional, count)
    assert {
        start: (c.open_price, c.high_price, c.low_price, c.close_price, c.volume, c.quote_volume, c.trades)
        for start, c in found.items()
    } == wanted
    last = carried(found[max(found)], max(found) + every)
    assert (last.open_price, last.low_price, last.trades) == (last.close_price, last.high_price, 0)


def principal(subject: str, tenant: int = 1) -> Principal:
    """Somebody."""
    return Principal(
        tenant=tenant, subject=subject, name=subject, method=Method.API_KEY, credential_id=subject
    )


def test_token_opens_for_its_owner_alone_and_for_a_day() -> None:
    """At any gateway that has the key; a changed one, another's, one too old opens for nobody."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o700)
        clock = [1_000_000]
        first, second = (Tokens(Sealer(Path(directory)), lambda: clock[0]) for _ in range(2))
        keys = [(Key("ticker", f"S{at:04}-USD"), False) for at in range(1_024)]
        keys += [(Key("candles", "A-B", "1m"), True), (Key("orders", tenant=1, account=11), True)]
        token = first.issue(principal("ann"), keys, cancel_on_disconnect=True)
        assert len(token) < 32_768  # it fits a frame
        assert second.open(token, principal("ann")) == (keys, True)
        for text, who in (
            (token, principal("bob")), (token, principal("ann", 2)), (token[:-4] + "AAAA", principal("ann")),
            ("", principal("ann")), ("?", principal("ann")), ("ü", principal("ann")),
        ):  # fmt: skip
            with pytest.raises(Refusal) as refused:
                second.open(text, who)
            assert refused.value.code == GatewayFault.BAD_RESUME_TOKEN
        clock[0] += AGE_MS_MAX + 1
        with pytest.raises(Refusal):
            second.open(token, principal("ann"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["op", "id", "channels", "order"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.text(max_size=60) | VALUES.map(json.dumps))
def test_any_frame_is_read_or_refused(text: str) -> None:
    """By a number; never by an accident."""
    found: object = None
    try:
        found = read(text)
    except Refusal as refused:
        found = refused
    if isinstance(found, Refusal):
        assert found.code in ({9006} if isinstance(found, NoFrame) else {9006, 9008, 9401})
        assert len(id_of(text)) <= 64
    else:
        assert isinstance(found, s.Ask)


def test_frame_that_names_something_twice_is_refused() -> None:
    """Row 41 of the faults: of two quantities one reader would take the first, another the last."""
    for text in (
        '{"op":"PING","at":"1","at":"2"}',
        '{"op":"PING","op":"PING"}',
        '{"op":"ORDER","order":{"symbol":"B","side":"buy","qty":"1","q\\u0074y":"2","price":"3"}}',
    ):
        with pytest.raises(Refusal) as caught:
            read(text)
        assert (caught.value.code, "twice" in str(caught.value)) == (GatewayFault.INVALID_BODY, True)


def test_words_of_the_document_are_frames() -> None:
    """A word and an object, or the object alone."""
    asked = read('SUBSCRIBE {"instrumentIds": ["EUR/USD"]}')
    assert asked == read('{"op": "SUBSCRIBE", "instrumentIds": ["EUR/USD"]}')
    assert isinstance(asked, s.Subscribe)
    assert (asked.channels, asked.raw) == (["ticker"], False)
    assert read(" RATES ") == read('RATES {"id": ""}') == s.Rates()


def test_asyncapi_is_kept_and_names_every_frame() -> None:
    """As it is served."""
    from exchange.services.gateway.streams_page import document, main

    assert main(["--check"]) == 0
    made = document()
    assert set(made["components"]["messages"]) >= {each.__name__ for each in s.ASKED}
    assert made["channels"]["market"]["address"] == "/stream/market"
    assert "Logon" not in made["channels"]["market"]["messages"]
