"""A local WebSocket server that speaks as Coinbase's feed does: recorded messages, over real sockets."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

BEAT_S = 0.1


def ticker(price: str = "131.375", trade_id: int = 86_326_522, sequence: int = 37_475_248_783) -> str:
    """A trade."""
    return json.dumps(
        {
            "type": "ticker", "sequence": sequence, "product_id": "BTC-USD", "price": price,
            "open_24h": "130.28", "volume_24h": "245532.79", "low_24h": "129.4", "high_24h": "133.86",
            "volume_30d": "9788783.1", "best_bid": "131.25", "best_bid_size": "0.46688654",
            "best_ask": "131.50", "best_ask_size": "1.56637040", "side": "buy",
            "time": "2025-10-03T10:30:00.250000Z", "trade_id": trade_id, "last_size": "0.00250000",
        }
    )  # fmt: skip


def of_now(text: str) -> str:
    """What was recorded, as if it were of now."""
    return re.sub(
        r"2025-10-03T10:30:00\.250(000)?Z", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), text
    )


def snapshot(bids: dict[str, str], asks: dict[str, str]) -> str:
    """A whole book."""
    sides = {name: [[*row] for row in side.items()] for name, side in (("bids", bids), ("asks", asks))}
    return json.dumps({"type": "snapshot", "product_id": "BTC-USD", **sides})


def update(*changes: tuple[str, str, str]) -> str:
    """What is at some prices from now on."""
    time = "2025-10-03T10:30:01.767779Z"
    return json.dumps({"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": time})


def heartbeat(last_trade_id: int) -> str:
    """As it comes each second."""
    return json.dumps(
        {
            "type": "heartbeat", "last_trade_id": last_trade_id, "product_id": "BTC-USD",
            "sequence": 37_475_248_783, "time": "2025-10-03T10:30:02.000000Z",
        }
    )  # fmt: skip


SUBSCRIBED = json.dumps(
    {"type": "subscriptions", "channels": [{"name": "ticker", "product_ids": ["BTC-USD"]}]}
)
BOOK = snapshot({"131.25": "0.46688654", "131.00": "2"}, {"131.50": "1.56637040", "132.00": "1"})
GREETING = (SUBSCRIBED, ticker(), BOOK)


class OtherStream:
    """Greets who subscribes to BTC-USD, and says what it is told to."""

    def __init__(self) -> None:
        self.open = True
        self.beats = True
        self.last_trade_id = 86_326_522
        self.greeting: tuple[str | bytes, ...] = GREETING
        self.now = False
        """Its greeting is of now, not of when it was recorded."""
        self.requests: list[dict[str, Any]] = []
        self._connections: set[ServerConnection] = set()
        self._greeting = threading.Lock()  # who heard the greeting hears what is said next
        self._server = serve(self._talk, "127.0.0.1", 0, close_timeout=0.5)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @property
    def readers(self) -> int:
        """Who has subscribed, and hears what is said."""
        return len(self._connections)

    def say(self, text: str | bytes) -> None:
        """To all who are there."""
        for each in self._readers():
            with suppress(ConnectionClosed):
                each.send(text)

    def cut(self) -> None:
        """Ends all connections without a word."""
        for each in self._readers():
            with suppress(OSError):
                each.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nobody is there any more."""
        self.cut()
        self._server.shutdown()
        self._thread.join()

    def _talk(self, connection: ServerConnection) -> None:
        if not self.open:
            connection.close(1013)
            return
        with suppress(ConnectionClosed):
            while True:
                try:
                    self._greet(connection, json.loads(connection.recv(timeout=BEAT_S)))
                except TimeoutError:
                    if self.beats and connection in self._connections:
                        connection.send(heartbeat(self.last_trade_id))
        self._connections.discard(connection)

    def _greet(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        self.requests.append(request)
        if "BTC-USD" in request["product_ids"]:
            with self._greeting:
                if not self.open:  # it was when this connected
                    connection.close(1013)
                    return
                for text in self.greeting:
                    connection.send(of_now(text) if self.now and isinstance(text, str) else text)
                self._connections.add(connection)

    def _readers(self) -> tuple[ServerConnection, ...]:
        with self._greeting:
            return tuple(self._connections)
