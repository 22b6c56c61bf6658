"""The WebSocket feed of a venue with Coinbase's interface: tickers that are there when they are asked for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from exchange.client.coinbase import AHEAD_NS_MAX, NAME, VenueTicker
from exchange.client.coinbase_feed import CHANNELS, ProductFeed, message_of
from exchange.errors import ExchangeError, ServiceUnavailableError

SILENCE_S: Final = 5.0
"""A product of which nothing was heard for longer is not live: heartbeats come each second."""
_FRAME_BYTES_MAX: Final = 64 << 20  # a snapshot has the whole book
_OPEN_S: Final = 10.0
_STEADY_S: Final = 30.0


class CoinbaseStream:
    """Watches products of one venue. Belongs to one event loop.

    A connection that broke, that is silent, or whose messages have a gap or cannot be read, is made anew
    after a pause, and all products are asked for again. Until they are live nothing is said of them.

    Args:
        url: Where it is: `wss://ws-feed.exchange.coinbase.com`.
        on_change: Is told why it broke, and, with None, that something was heard again.
        first_pause_s: Before it connects again; doubles with each failure, up to `longest_pause_s`.
        longest_pause_s: No pause is longer.
        silence_s: Nothing may be heard for so long.
    """

    def __init__(
        self,
        url: str,
        on_change: Callable[[ExchangeError | None], None] = lambda _: None,
        *,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 30.0,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._url = url
        self._on_change = on_change
        self._pauses_s = (first_pause_s, longest_pause_s)
        self._silence_s = silence_s
        self._wanted: dict[str, None] = {}
        self._more = asyncio.Event()
        self._feeds: dict[str, ProductFeed] = {}
        self._heard: dict[str, float] = {}

    def watch(self, symbol: str) -> None:
        """Asks for a product that the venue has, from now on; it is live soon."""
        if symbol not in self._wanted:
            self._wanted[symbol] = None
            self._more.set()

    def ticker(self, symbol: str) -> VenueTicker | None:
        """A product as it is there now; None while it is not live, or its trade is one to come."""
        heard = self._heard.get(symbol)
        if heard is None or time.monotonic() > heard + self._silence_s:
            return None
        said = self._feeds[symbol].ticker
        return None if said is None or said.ts_ns > time.time_ns() + AHEAD_NS_MAX else said

    async def run(self) -> None:
        """Keeps a connection from the first product on, until it is cancelled."""
        pause, longest = self._pauses_s
        while True:
            if not self._wanted:
                await self._more.wait()
            began = time.monotonic()
            try:
                await self._converse()
            except ExchangeError as error:
                self._on_change(error)
            finally:
                self._feeds, self._heard = {}, {}
            if time.monotonic() >= began + _STEADY_S:
                pause = self._pauses_s[0]
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _converse(self) -> None:
        """One connection, to its end.

        Raises:
            ServiceUnavailableError, WireError: Why it ended.
        """
        try:
            socket = await connect(
                self._url,
                proxy=None,
                open_timeout=_OPEN_S,
                close_timeout=1.0,
                ping_interval=None,  # heartbeats say more: that the feed works, not only its host
                max_size=_FRAME_BYTES_MAX,
            )
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise ServiceUnavailableError(f"{NAME}'s feed cannot be reached: {error!r}") from None
        asking = asyncio.create_task(self._ask(socket))
        try:
            await self._listen(socket)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await socket.close()

    async def _ask(self, socket: ClientConnection) -> None:
        """Subscribes to what is wanted, and to what is wanted later; who listens sees that it broke."""
        asked: set[str] = set()
        with suppress(ConnectionClosed):
            while True:
                self._more.clear()
                if new := [symbol for symbol in self._wanted if symbol not in asked]:
                    request = {"type": "subscribe", "product_ids": new, "channels": CHANNELS}
                    await socket.send(json.dumps(request))
                    asked.update(new)
                await self._more.wait()

    async def _listen(self, socket: ClientConnection) -> None:
        said = False
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    text = await socket.recv()
            except TimeoutError:
                raise ServiceUnavailableError(f"{NAME}'s feed is silent for {self._silence_s:g} s") from None
            except ConnectionClosed as error:
                raise ServiceUnavailableError(f"{NAME}'s feed ended: {error!r}") from None
            message = message_of(text)
            symbol = message.get("product_id")
            if not isinstance(symbol, str) or symbol not in self._wanted:
                continue  # of the venue, not of a product
            self._feeds.setdefault(symbol, ProductFeed(symbol)).take(message)
            self._heard[symbol] = time.monotonic()
            if not said and self.ticker(symbol) is not None:
                self._on_change(None)
                said = True
