"""One reader in twenty stops reading: nobody else notices, and the gateway's memory is bounded."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter

import pytest

from exchange.observability.process_metrics import usage_of
from tests.exchange.running import until
from tests.gateway.door import SELL
from tests.gateway.metrics import lines
from tests.gateway.stream.copy import Copy
from tests.gateway.stream.floor import MARKET, SYMBOL, Floor
from tests.gateway.stream.socket import WAIT_S, Stream

_OTHERS = 19
_BATCH, _ROUNDS_A_LOOK = 200, 6  # to look costs more than to trade
_MEMORY_MAX = 64 << 20
_CLOSED_S = 300  # half a megabyte lies between both before it is found slow


def stopped(port: int) -> socket.socket:
    """A connection with little room, whose program will read nothing more."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.settimeout(WAIT_S)
    made.connect(("127.0.0.1", port))
    return made


def listen(stream: Stream, copy: Copy, stop: threading.Event, errors: list[BaseException]) -> None:
    """Reads until it is told to stop, and keeps a copy."""
    try:
        while not stop.is_set():
            frame = stream.hear(0.5) or {}
            stream.frames.clear()
            for update in frame.get("updates", ()):
                copy.take(update)
    except BaseException as error:  # noqa: BLE001  # the test looks at it
        errors.append(error)


@pytest.mark.req("E090")
def test_one_that_stops_reading_is_closed_and_nobody_else_waits(door: Floor) -> None:
    """Row 39 of the faults: conflated, then TOO_SLOW; nobody else misses anything; memory is bounded."""
    pid = door.up.announcement()["processes"]["gateway"]
    others = [Stream(door.port, MARKET) for _ in range(_OTHERS)]
    slow = Stream(door.port, MARKET, sock=stopped(door.port), max_queue=1, ping_interval=None)
    stop = threading.Event()
    copies = [Copy() for _ in others]
    errors: list[BaseException] = []

    threads = [
        threading.Thread(target=listen, args=(*pair, stop, errors))
        for pair in zip(others, copies, strict=True)
    ]
    try:
        for stream in others:
            stream.ask("SUBSCRIBE", channels=["book"], instrumentIds=[SYMBOL])
        for stream, copy in zip(others, copies, strict=True):
            copy.take(stream.update(lambda each: each["kind"] == "snapshot"))
        slow.ask("SUBSCRIBE", channels=["book", "ticker", "trades"], instrumentIds=[SYMBOL], raw=True)
        closed, conflated = (
            door.sample(f"exchange_gateway_stream_{name}") for name in ("closes", "conflations")
        )
        before = usage_of(pid)
        for thread in threads:
            thread.start()
        answered: Counter[str] = Counter()
        with door.trader(11) as ann:

            def is_closed() -> bool:
                make = ann.make.orders.limit
                beside = door.ann.ask("POST", "/v1/orders", SELL | {"price": "2000.00", "qty": "0.01"})
                answered[f"gateway {beside.status}"] += 1
                for _ in range(_ROUNDS_A_LOOK):
                    prices = (f"{1_000 + at}.00" for at in range(_BATCH))
                    reports = ann.batch([make(SYMBOL, "sell", "0.01", price) for price in prices])
                    answered["core"] += sum(report.reject is None for report in reports)
                    answered["cancelled"] += int(ann.mass_cancel(instrument=SYMBOL).last_qty)
                answered["looks"] += 1
                return door.sample("exchange_gateway_stream_closes", name="TOO_SLOW") > 0

            deadline = time.monotonic() + _CLOSED_S
            while not is_closed():
                assert time.monotonic() < deadline, (
                    f"it was not closed: {answered}, {lines(door.up, 'gateway_stream')}"
                )
            last = ann.limit(SYMBOL, "sell", "0.01", "1000.00").sequence
            until(
                lambda: errors or all(copy.last >= last for copy in copies),
                "others do not have the last order",
            )
            ann.mass_cancel(instrument=SYMBOL)
        after = usage_of(pid)
        assert errors == []
        looks, orders = answered["looks"], answered["looks"] * _ROUNDS_A_LOOK * _BATCH
        assert answered == {
            "looks": looks, "core": orders, "gateway 201": looks, "cancelled": orders + looks,
        }  # fmt: skip
        assert [copy.snapshots for copy in copies] == [1] * _OTHERS
        assert door.sample("exchange_gateway_stream_closes") == closed + 1
        assert door.sample("exchange_gateway_stream_conflations") > conflated
        assert before is not None
        assert after is not None
        assert after.rss_bytes - before.rss_bytes < _MEMORY_MAX
    finally:
        stop.set()
        for thread in threads:
            thread.join(WAIT_S)
        for stream in (*others, slow):
            stream.close()
