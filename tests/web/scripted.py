"""An exchange that says what a test wants: the page's own files, and scripted answers of gateway and stream.

It stands where the browser would open connections, so nothing listens. What a real gateway answers is tested
against one (`test_trading.py`); here it is about frames that no exchange sends on demand.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from playwright.sync_api import Page, WebSocketRoute
from playwright.sync_api import Route as Request

from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.static import screens

ORIGIN = "http://exchange.test"
_INSTRUMENT = {
    "symbol": "BTC-USD", "instrumentId": 7, "kind": "spot", "base": "BTC", "quote": "USD",
    "phase": "continuous",
    "priceScale": 2, "qtyScale": 4, "tickSize": "0.01", "lotSize": "0.0001", "minPrice": "0.00",
    "maxPrice": "500000.00", "maxQty": "1000.0000", "makerRate": 100_000, "takerRate": 1_000_000,
    "feeMode": "received", "markPrice": None, "referencePrice": None, "lastPrice": None,
}  # fmt: skip
_ASSETS = [
    {"symbol": "BTC", "assetId": 1, "scale": 8},
    {"symbol": "ETH", "assetId": 3, "scale": 8},
    {"symbol": "USD", "assetId": 2, "scale": 6},
]
_NOW = "2026-05-01T12:00:00.000000000Z"
_SESSION: dict[str, Any] = {
    "session": {"sessionId": "s-1", "expiresAt": "2030-01-01T00:00:00Z"},
    "user": {"userName": "ann", "accounts": [11], "scopes": ["read", "trade"]},
}
_FILES = {path: each for each in screens() for path in (each.path, *each.also)}


def decimal(value: int, scale: int) -> str:
    """As the gateway writes it."""
    return f"{value // 10**scale}.{value % 10**scale:0{scale}}"


@dataclass
class Scripted:
    """What there is, and what was asked.

    Args:
        signed_in: Whether the browser has a session.
        scopes: What its user may.
        told: Further answers, by path.
    """

    signed_in: bool = True
    scopes: list[str] = field(default_factory=lambda: ["read", "trade"])
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    instruments: list[dict[str, Any]] = field(
        default_factory=lambda: [
            _INSTRUMENT,
            _INSTRUMENT | {"symbol": "ETH-USD", "base": "ETH", "instrumentId": 8},
        ]
    )
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    sequence: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    sockets: list[WebSocketRoute] = field(default_factory=list)
    executions: list[dict[str, Any]] = field(default_factory=list)
    unavailable: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    sent: int = 0

    def stand_before(self, page: Page) -> None:
        """Answers all that the page asks for."""
        page.add_init_script(f"localStorage.setItem('signed in', '{'yes' if self.signed_in else 'no'}')")
        page.route("**/*", self._answer)
        page.route_web_socket("**/*", self._connect)

    @property
    def socket(self) -> WebSocketRoute:
        """The one that is open."""
        return self.sockets[-1]

    def fill(self, levels: int, middle: int = 6_400_000) -> None:
        """So many levels a side."""
        self.bids = {middle - 1 - place: 100 + place % 70 * 13 for place in range(levels)}
        self.asks = {middle + 1 + place: 100 + place % 60 * 17 for place in range(levels)}

    def checksum(self) -> int:
        """Of the ten best levels of each side."""
        best = [
            *sorted(self.bids.items(), reverse=True)[:10],
            *sorted(self.asks.items())[:10],
        ]
        return zlib.crc32(np.array(best, dtype="<i8").tobytes())

    def book(self) -> dict[str, Any]:
        """The whole of it."""
        return {
            "bids": _rows(self.bids, best_first=True),
            "asks": _rows(self.asks),
            "lastSequence": str(self.sequence),
            "checksum": self.checksum(),
        }

    def change(self, bids: dict[int, int], asks: dict[int, int]) -> dict[str, Any]:
        """What follows after these levels changed; quantity 0: the level is gone."""
        first = self.sequence + 1
        self.sequence += len(bids) + len(asks)
        for side, changed in ((self.bids, bids), (self.asks, asks)):
            side.update(changed)
            for price in [price for price, qty in changed.items() if not qty]:
                del side[price]
        return {
            "bids": _rows(bids, best_first=True),
            "asks": _rows(asks),
            "firstSequence": str(first),
            "lastSequence": str(self.sequence),
            "checksum": self.checksum(),
        }

    def tell(self, channel: str, data: Any, *, kind: str = "update") -> None:
        """One update."""
        private = channel in {"orders", "executions", "balances", "positions"}
        key: dict[str, Any] = {"account": 11} if private else {"symbol": "BTC-USD"}
        self.sent += 1
        update = {"channel": channel, **key, "kind": kind, "sequence": str(self.sent), "data": data}
        self.socket.send(json.dumps({"type": "UPDATES", "at": "", "updates": [update]}))

    def _answer(self, request: Request) -> None:
        target = urlsplit(request.request.url)
        method = request.request.method
        content = request.request.post_data
        body = json.loads(content) if content else None
        if target.path in _FILES:
            answer = served(target.path)
            told = {name.decode(): each.decode() for name, each in answer.headers}
            request.fulfill(
                status=answer.status, body=answer.body, headers=told | {"content-type": answer.media.decode()}
            )
            return
        self.asked.append((method, f"{target.path}?{target.query}" if target.query else target.path, body))
        status, reply = self.refuse.get(f"{method} {target.path}") or self._reply(
            method, target.path, parse_qs(target.query), body
        )
        request.fulfill(status=status, json=reply)

    def _reply(
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, dict[str, Any]]:
        if path == "/v1/instruments":
            return 200, {"instruments": self.instruments, "assets": _ASSETS, "sequence": "1"}
        if path == "/v1/sessions/current":
            if not self.signed_in:
                return 401, problem(9101, "NO_CREDENTIAL", "The request is not signed.")
            if method == "DELETE":
                self.signed_in = False
                return 200, {"ended": "s-1"}
            return 200, self._session
        if path.startswith("/v1/sessions"):
            self.signed_in = True
            return 201, {"token": "t", **self._session}
        if path.endswith("/candles"):
            return 200, {"symbol": "BTC-USD", "interval": query["interval"][0], "candles": _candles()}
        if (method, path) == ("POST", "/v1/orders"):
            return 201, self._entered(body)
        if path == "/v1/executions":
            return 200, self._page(int(query.get("limit", ["100"])[0]), int(query.get("cursor", ["0"])[0]))
        fixed: dict[str, dict[str, Any]] = {
            "/v1/balances": {"account": 11, "balances": [], "sequence": "77"},
            "/v2/tickers": {"tickers": [], "nextCursor": None},
            "/v1/orders": {"orders": [], "nextCursor": None, "cancelled": len(self.orders)},
            "/v1/api-keys": {"keys": []},
            "/v1/kill-switch": {
                "account": 11,
                "on": False,
                "who": None,
                "why": None,
                "setAt": None,
                "mayRelease": False,
                "sequence": "1",
            },
        }
        fixed.update(self.told)
        if path in fixed:
            return 200, fixed[path]
        if path.startswith("/v1/orders/"):
            return 200, {"orderId": unquote(path.rpartition("/")[2])}
        return 404, problem(9001, "UNKNOWN_ROUTE", "There is no such path.")

    @property
    def _session(self) -> dict[str, Any]:
        return _SESSION | {"user": _SESSION["user"] | {"scopes": self.scopes}}

    def _page(self, limit: int, begin: int) -> dict[str, Any]:
        """Executions from one on; the cursor is a place."""
        end = begin + limit
        more = str(end) if end < len(self.executions) else None
        return {"executions": self.executions[begin:end], "nextCursor": more}

    def _entered(self, body: dict[str, Any]) -> dict[str, Any]:
        order = order_of(body, str(100 + len(self.orders)))
        self.orders.append(order)
        self.tell("orders", [order])
        return {"orderId": order["orderId"], "orderStatus": "open", "orderQty": body["qty"]}

    def _connect(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self._heard(socket, str(text)))
        private = urlsplit(socket.url).path == "/v1/stream"
        accounts = {"accounts": [11], "scopes": ["read", "trade"]} if private else {}
        socket.send(
            json.dumps(
                {"type": "WELCOME", "connectionId": "c", "heartbeatMs": 5000, "serverTime": _NOW} | accounts
            )
        )

    def _heard(self, socket: WebSocketRoute, text: str) -> None:
        frame = json.loads(text)
        if frame["op"] == "PING":
            socket.send(
                json.dumps({"type": "PONG", "id": frame["id"], "at": frame["at"], "serverTime": _NOW})
            )
            return
        self.said.append(frame)
        if frame["op"] != "SUBSCRIBE":
            return
        if refused := {*frame["channels"]} & (self.unavailable | self.unknown):
            error = problem(9302, "UNAVAILABLE", "it does not answer")
            error["transient"] = not refused & self.unknown
            socket.send(json.dumps({"type": "ERROR", "id": frame["id"], "error": error}))
            return
        socket.send(json.dumps({"type": "SUBSCRIBED", "id": frame["id"], "channels": frame["channels"]}))
        if frame.get("instrumentIds", ["BTC-USD"]) != ["BTC-USD"]:
            return
        snapshots: dict[str, Any] = {
            "ticker": _ticker(), "book": self.book(), "trades": _trades(), "orders": self.orders,
            "executions": [],
            "balances": [_balance("BTC", "2.50000000"), _balance("USD", "100000.000000")], "positions": [],
            "mark": {"markPrice": "64000.12", "status": "live"},
        }  # fmt: skip
        for channel in frame["channels"]:
            if channel in snapshots:
                self.tell(channel, snapshots[channel], kind="snapshot")


def served(path: str, **headers: str) -> Answer:
    """A file as the gateway serves it; its handler awaits nothing."""
    said = {name.replace("_", "-").encode(): each.encode() for name, each in headers.items()}
    call = Call(exchange=cast("Any", None), correlation_id="", headers=said, path={}, query=None, body=None)
    try:
        _FILES[path].handler(call).send(None)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    raise AssertionError(path)


def problem(code: int, name: str, message: str, **details: Any) -> dict[str, Any]:
    """A refusal's body."""
    return {
        "code": code,
        "name": name,
        "message": message,
        "transient": False,
        "details": details,
        "correlation_id": "c",
    }


def order_of(body: dict[str, Any], order_id: str) -> dict[str, Any]:
    """A live order."""
    return {
        "orderId": order_id, "clientOrderId": body.get("clientOrderId", ""), "account": 11,
        "symbol": body["symbol"],
        "side": body["side"], "type": body["type"], "timeInForce": body["timeInForce"], "orderStatus": "open",
        "orderQty": body["qty"], "cumQty": "0.0000", "leavesQty": body["qty"], "price": body.get("price"),
        "stopPrice": body.get("stopPrice"), "averagePrice": None, "reject": 0, "cancelReason": None,
        "enteredAt": "2026-05-01T12:00:00.000000000Z", "updatedAt": None, "sequence": order_id,
    }  # fmt: skip


def _rows(side: dict[int, int], *, best_first: bool = False) -> list[list[Any]]:
    return [
        [decimal(price, 2), decimal(qty, 4), 1 + price % 5]
        for price, qty in sorted(side.items(), reverse=best_first)
    ]


def _balance(asset: str, total: str) -> dict[str, Any]:
    zero = "0." + "0" * len(total.partition(".")[2])
    return {"asset": asset, "total": total, "available": total, "reserved": zero, "version": "1"}


def _ticker() -> dict[str, Any]:
    return {
        "symbol": "BTC-USD", "bidPrice": "63999.99", "askPrice": "64000.01", "lastPrice": "64000.01",
        "lastQty": "0.0100", "status": "live", "openPrice": "63120.00", "highPrice": "64410.55",
        "lowPrice": "62890.10", "change": "880.01", "changePercent": "1.3942", "volume": "1284.2034",
        "quoteVolume": "81923441.10", "trades": 5120,
    }  # fmt: skip


def _trades() -> list[dict[str, Any]]:
    return [
        {
            "tradeId": str(place), "symbol": "BTC-USD", "price": decimal(6_400_000 + place * 7 % 23, 2),
            "qty": decimal(10 + place * 37 % 900, 4), "takerSide": "buy" if place * 7 % 3 else "sell",
            "auction": False, "timestamp": f"2026-05-01T12:{place:02}:00.000000000Z", "sequence": str(place),
        }
        for place in range(50)
    ]  # fmt: skip


def _candles() -> list[dict[str, Any]]:
    found = []
    price = 6_380_000
    for place in range(240):
        close = price + (place * 7919 % 4001) - 1960
        found.append(
            {
                "start": f"2026-05-01T{8 + place // 60:02}:{place % 60:02}:00.000000000Z",
                "open": decimal(price, 2),
                "high": decimal(max(price, close) + place * 31 % 900, 2),
                "low": decimal(min(price, close) - place * 17 % 900, 2),
                "close": decimal(close, 2),
                "volume": decimal(1000 + place * 7877 % 20_000, 4),
                "quoteVolume": "1.0",
                "trades": 9,
            }
        )
        price = close
    return found
