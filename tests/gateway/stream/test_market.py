"""Channels of the market over real sockets: what everybody may be told, and how often."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from exchange.client import empty_commands
from tests.exchange.running import until
from tests.gateway.door import SELL
from tests.gateway.stream.copy import Copy
from tests.gateway.stream.floor import MARKET, SYMBOL, Floor
from tests.gateway.stream.socket import WAIT_S, Frame, Stream

MARKET_ID, ASK_MS = 7, 60_000
BEATS, TRADES = 11, 40
FRAMES_LEAST = BEATS + 1

pytestmark = pytest.mark.usefixtures("clean")


@pytest.mark.req("E080", "E081", "E082", "B008")
def test_market_path_takes_the_literal_words_of_the_document(door: Floor) -> None:
    """WELCOME unasked, SUBSCRIBE and UNSUBSCRIBE as document 004 writes them; ticks, and then no more."""
    with Stream(door.port, MARKET) as stream:
        welcome = stream.hear()
        assert welcome is not None
        assert (welcome["type"], welcome["heartbeatMs"], "accounts" in welcome) == ("WELCOME", 5_000, False)
        stream.socket.send('SUBSCRIBE {"instrumentIds": ["BTC-USD"]}')
        told = stream.until(lambda frame: frame["type"] == "SUBSCRIBED")
        assert (told["channels"], told["instrumentIds"], told["subscriptions"]) == (["ticker"], [SYMBOL], 1)
        first = stream.update(lambda each: each["channel"] == "ticker")
        assert (first["kind"], first["symbol"]) == ("snapshot", SYMBOL)
        assert door.ann.ask("POST", "/v1/orders", SELL | {"price": "500.00"}).status == 201
        tick = stream.update(
            lambda each: (each["data"]["askPrice"], each["data"]["status"]) == ("500.00", "live")
        )
        assert (tick["kind"], tick["data"]["askQty"], tick["data"]["source"]) == (
            "update",
            "0.5000",
            "exchange",
        )
        stream.socket.send('UNSUBSCRIBE {"instrumentIds": ["BTC-USD"]}')
        assert stream.until(lambda frame: frame["type"] == "UNSUBSCRIBED")["subscriptions"] == 0
        stream.frames.clear()
        assert door.ann.ask("DELETE", "/v1/orders").body["cancelled"] == 1
        stream.listen(2)
        assert stream.updates() == []


def keep(stream: Stream, upto: int) -> Copy:
    """The book that a stream tells, when it has a command of the journal."""
    copy = Copy()
    for update in stream.updates("book"):
        copy.take(update)

    def caught_up() -> bool:
        if copy.last < upto:
            for update in (stream.hear(5.0) or {}).get("updates", ()):
                copy.take(update)
        return copy.last >= upto

    until(caught_up, f"the book stays at {copy.last}, {upto} is wanted")
    return copy


@pytest.mark.req("E088")
def test_book_is_a_snapshot_then_updates_that_join(door: Floor) -> None:
    """Paced and raw readers, of whom one comes later, have the book of the gateway's own query at the end."""
    streams = [Stream(door.port, MARKET) for _ in range(3)]
    try:
        for stream, raw in zip(streams[:2], (False, True), strict=True):
            stream.ask("SUBSCRIBE", channels=["book"], instrumentIds=[SYMBOL], raw=raw)
        with door.trader(11) as client:
            last = client.mass_cancel(instrument=SYMBOL).sequence
            for at in range(60):
                last = client.limit(SYMBOL, "sell", "0.1", f"{300 + at % 17}.00").sequence
                if at == 30:
                    streams[2].ask("SUBSCRIBE", channels=["book"], instrumentIds=[SYMBOL])
                if at % 7 == 6:
                    client.mass_cancel(instrument=SYMBOL)

        def book_then() -> Frame | None:
            found: Frame = door.nobody.ask("GET", f"/v1/instruments/{SYMBOL}/book?depth=0").body
            return found if int(found["sequence"]) >= last else None

        book = until(book_then, "the replica does not have the last order")
        asks = {level["price"]: (level["qty"], level["orders"]) for level in book["asks"]}
        for stream in streams:
            copy = keep(stream, last)
            assert (copy.snapshots, copy.sides["asks"]) == (1, asks)
        assert len(asks) == 4
        with door.trader(11) as client:
            client.mass_cancel(instrument=SYMBOL)
    finally:
        for stream in streams:
            stream.close()


def shortest_s(stream: Stream, channel: str) -> float:
    """Of so many beats one after the other, by the gateway's clock.

    Ten take a second; the first frame may be late, and the next one in its own time.
    """
    at = [
        datetime.fromisoformat(frame["at"]).timestamp()
        for frame in stream.frames
        if any(each["channel"] == channel for each in frame.get("updates", ()))
    ]
    return min((after - before for before, after in zip(at, at[BEATS:], strict=False)), default=60.0)


@pytest.mark.req("E085", "E087")
def test_ticks_are_ten_a_second_at_most_and_end_with_the_last_value(door: Floor) -> None:
    """While quotes change hundreds of times a second, who asked for all has more than who did not."""
    with Stream(door.port, MARKET) as paced, Stream(door.port, MARKET) as raw:
        paced.ask("SUBSCRIBE", channels=["ticker", "trades"], instrumentIds=[SYMBOL])
        raw.ask("SUBSCRIBE", channels=["trades"], instrumentIds=[SYMBOL], raw=True)
        paced.update(lambda each: each["channel"] == "trades")

        def frames_of(channel: str) -> int:
            return sum(any(u["channel"] == channel for u in f.get("updates", ())) for f in paced.frames)

        def told_least() -> int:
            return min(frames_of("ticker"), frames_of("trades"))

        with door.trader(11) as ann, door.trader(12) as bob:
            began, count = time.monotonic(), 0
            # Market data of a busy machine tells much at once: trade until it has told some.
            while time.monotonic() - began < 3 or count < 100 or told_least() < FRAMES_LEAST:
                assert time.monotonic() - began < WAIT_S, "nothing is told while there is trading"
                if count % 50 == 49:
                    paced.hear(0.01)
                price = f"{200 + count // 100}.{count % 100:02}"  # of this trade alone
                ann.limit(SYMBOL, "sell", "0.01", price)
                bob.limit(SYMBOL, "buy", "0.01", price)
                count += 1
        asked = f"/v1/instruments/{SYMBOL}/trades?limit=1"

        def last_trade() -> Frame | None:
            found = door.nobody.ask("GET", asked).body["trades"]
            return found[0] if found and found[0]["price"] == price else None

        last = until(last_trade, "market data does not have the last trade")
        for stream in (paced, raw):
            stream.update(lambda each: each["channel"] == "trades" and each["sequence"] == last["tradeId"])
        paced.update(lambda each: each["channel"] == "ticker" and each["data"]["trades"] is not None)
        paced.listen(2)
        for channel in ("ticker", "trades"):
            assert shortest_s(paced, channel) > 0.98
        ticks = paced.updates("ticker")
        assert ticks[-1]["data"]["lastPrice"] == last["price"]
        # No trade is left out or told twice, paced or not. Who was too slow on a busy machine has a snapshot,
        # with the last fifty.
        for stream in (paced, raw):
            told = 0
            for update in stream.updates("trades"):
                ids = [int(each["tradeId"]) for each in update["data"]]
                if update["kind"] == "update":
                    assert ids[0] == told + 1
                assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else update["kind"] == "snapshot"
                told = ids[-1] if ids else told
            assert told == int(last["tradeId"])
        assert len(raw.updates("trades")) > len(paced.updates("trades"))


@pytest.mark.req("E084")
def test_ticks_at_the_rate_of_a_real_feed_come_out_ten_a_second(door: Floor) -> None:
    """Each second as many trades as the recorded one has events, 315: all are taken, few are told.

    They are spread over the second, so that each beat would have something to tell.
    """
    seconds, rate, parts, base = 4, 315, 21, 70_000  # above all other prices here
    part = rate // parts
    rows = empty_commands(part)
    rows["instrument_id"], rows["type"], rows["time_in_force"] = MARKET_ID, 1, 2
    rows["qty"], rows["present"] = 1, 1
    with Stream(door.port, MARKET) as paced, door.trader(11) as ann, door.trader(12) as bob:
        paced.ask("SUBSCRIBE", channels=["ticker"], instrumentIds=[SYMBOL])
        paced.update(lambda each: each["kind"] == "snapshot")
        began = time.monotonic()
        for at in range(seconds * parts):
            rows["price"] = base + at * part + np.arange(part)
            for client, side in ((ann, 2), (bob, 1)):
                rows["side"] = side
                answers = client.submit_array(rows).result().rows
                assert len(answers) == part
                assert not answers["reject"].any()
            time.sleep(max(began + (at + 1) / parts - time.monotonic(), 0.0))
        last = base + seconds * rate - 1
        newest = ann.make.market_data.trades(SYMBOL, most=seconds * rate)
        wanted = list(range(last, base - 1, -1))
        until(lambda: [row.price for row in ann.ask(newest, ASK_MS)] == wanted, "trades are missing")
        paced.update(lambda each: each["data"]["lastPrice"] == f"{last // 100}.{last % 100:02}")
        assert shortest_s(paced, "ticker") > 0.98
        told = [each for each in paced.updates("ticker") if each["kind"] == "update"]
        assert told
        prices = [float(each["data"]["lastPrice"] or 0) for each in told]
        mine = [price for price in prices if price * 100 >= base]
        assert mine == sorted(mine)


@pytest.mark.req("E083", "E004")
def test_one_upstream_serves_all_readers(door: Floor) -> None:
    """Five readers are one stream of market data, opened by the first and closed after the last."""

    def upstream() -> tuple[float, ...]:
        return tuple(
            door.sample(f"exchange_gateway_stream_{name}", channel="ticker")
            for name in ("feeds", "subscriptions", "feeds_opened")
        )

    def served() -> float:
        return door.sample("exchange_rpc_server_calls", method="TickService.StreamTickRuns")

    until(lambda: upstream()[0] == 0, "a feed of the tests before stays open")
    (_, _, opened), before = upstream(), served()
    streams = [Stream(door.port, MARKET) for _ in range(5)]
    try:
        for stream in streams:
            stream.ask("SUBSCRIBE", instrumentIds=[SYMBOL])
            stream.update(lambda each: each["kind"] == "snapshot")
        until(lambda: upstream() == (1, 5, opened + 1), "five readers are not one feed")
    finally:
        for stream in streams:
            stream.close()
    until(lambda: upstream() == (0, 0, opened + 1), "the feed stays open")
    until(lambda: served() >= before + 1, f"market data served {served()} streams, {before} before")
    assert served() == before + 1


@pytest.mark.req("C009")
def test_candles_and_marks_are_those_of_the_queries(door: Floor) -> None:
    """A candle grows by each trade, and is at its end what the query says; a mark is the static source's."""
    with Stream(door.port, MARKET) as stream:
        told = stream.ask("SUBSCRIBE", channels=["candles", "mark"], instrumentIds=[SYMBOL], interval="1s")
        assert told["subscriptions"] == 2
        mark = stream.update(lambda each: each["channel"] == "mark")["data"]
        assert (mark["indexPrice"], mark["status"]) == ("100.00000000", "live")
        with door.trader(11) as ann, door.trader(12) as bob:
            for at in range(TRADES):
                ann.limit(SYMBOL, "sell", "0.01", f"{100 + at % 5}.00")
                bob.limit(SYMBOL, "buy", "0.01", f"{100 + at % 5}.00")
                time.sleep(0.05)
        asked = f"/v1/instruments/{SYMBOL}/candles?interval=1s&limit=1000"

        def agreed() -> dict[str, Any] | None:
            """What was told last of each second with a trade, where that is all, and in the query too."""
            stream.listen(0.5)
            candles = [update["data"]["candle"] for update in stream.updates("candles")]
            last = {each["start"]: each for each in candles if each["trades"]}
            known = {each["start"]: each for each in door.nobody.ask("GET", asked).body["candles"]}
            has_all = sum(each["trades"] for each in last.values()) >= TRADES
            return last if has_all and last.items() <= known.items() else None

        assert len(until(agreed, "candles are not those of the query")) >= 2
