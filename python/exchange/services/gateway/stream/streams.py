"""Streams of a gateway, put together: an ASGI application of WebSockets, and what runs behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, cast

import msgspec

from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.client.rest import streams as s
from exchange.config.settings import Gateway
from exchange.errors import GatewayFault
from exchange.observability.correlation import new_correlation_id
from exchange.security.sealing import Sealer
from exchange.services.gateway.app import Receive, Send
from exchange.services.gateway.calls import Exchange
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.callers import SUBPROTOCOL
from exchange.services.gateway.stream.channels.table import feeds_of
from exchange.services.gateway.stream.conversation import Conversation
from exchange.services.gateway.stream.ground import Ground
from exchange.services.gateway.stream.hub import Hub
from exchange.services.gateway.stream.outlet import Outlet, Wire
from exchange.services.gateway.stream.resume import Tokens
from exchange.services.gateway.stream.source import Source
from exchange.services.gateway.stream.tail import Tails
from exchange.services.gateway.stream.tally import Tally
from exchange.services.gateway.stream.wire import WIRE

_encode: Final = msgspec.json.Encoder().encode


class Streams:
    """Serves WebSockets. Belongs to one event loop.

    Args:
        exchange: What is behind the gateway.
        settings: Bounds.
        limits: Budgets.
        sealer: Of resume tokens.
        events: The event log and the table of its topics; None where nothing of orders is published.
        refused: Counts refusals, by the name of the number.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: Gateway,
        limits: Limits,
        sealer: Sealer,
        events: tuple[EventLog, TopicTable] | None,
        refused: Callable[[str], None],
    ) -> None:
        self._tails = None if events is None else Tails(*events)
        source = Source(exchange, self._tails, None if events is None else events[0])
        self._hub = Hub(feeds_of(source))
        self._ground = Ground(settings, source, self._hub, limits, Tokens(sealer), refused)
        self.tally = Tally()
        self.tally.upstreams = self._upstreams

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """What works while the block runs; a task of it that ends has failed."""
        tasks = [asyncio.create_task(work) for work in (self._hub.run(),)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._hub.close()
            if self._tails is not None:
                await self._tails.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One WebSocket."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        address = scope["client"][0] if scope["client"] else ""
        await receive()  # that it wants to connect
        path = scope["path"]
        try:
            self._let_in(path, headers, address)
        except Refusal as refusal:
            self._ground.refused(refusal.name)
            await _refuse(send, refusal)
            return
        subprotocols: list[str] = scope["subprotocols"]
        chosen = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        outlet = Outlet(
            cast(Wire, scope["extensions"][WIRE]), self._ground.settings.stream_bytes_max, self.tally
        )
        is_market = path == s.MARKET_PATH
        conversation = Conversation(self._ground, outlet, address, is_open_to_all=is_market)
        self.tally.streams += 1
        self._hub.outlets.add(outlet)
        try:
            await conversation.run(receive, headers, subprotocols)
        finally:
            self.tally.streams -= 1
            self._hub.outlets.discard(outlet)

    def _let_in(self, path: str, headers: Mapping[bytes, bytes], address: str) -> None:
        """Look at a handshake.

        Raises:
            Refusal: There is no stream for it.
        """
        if path not in (s.STREAM_PATH, s.MARKET_PATH):
            raise Refusal(GatewayFault.UNKNOWN_ROUTE)
        if b"origin" in headers and not self._ground.doors.browsers.is_own(headers):
            raise Refusal(GatewayFault.ORIGIN_NOT_ALLOWED)
        self._ground.limits.of_address(address, 1, cancels=False)

    def _upstreams(self) -> dict[str, tuple[int, int, int]]:
        feeds, readers = Counter[str](), Counter[str]()
        for feed in self._hub.feeds:
            feeds[feed.key.channel] += 1
            readers[feed.key.channel] += feed.readers
        return {
            channel: (feeds[channel], readers[channel], opened)
            for channel, opened in list(self._hub.opened.items())
        }


async def _refuse(send: Send, refusal: Refusal) -> None:
    """Answers a handshake as a request of HTTP."""
    body = _encode(refusal.problem(new_correlation_id()))
    headers = [(b"content-type", b"application/json"), *refusal.headers]
    await send({"type": "websocket.http.response.start", "status": refusal.http_status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
