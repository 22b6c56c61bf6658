"""What one stream is told of: subscribed, unsubscribed, and there again when its owner comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from exchange.client.rest import streams as s
from exchange.domain.enums import RejectCode
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.channels.reports import ReportsFeed
from exchange.services.gateway.stream.feed import Feed, Key
from exchange.services.gateway.stream.ground import Ground
from exchange.services.gateway.stream.missed import Missed, missed_of
from exchange.services.gateway.stream.outlet import Outlet

_ACCOUNTS_MAX: Final = 1_000


class Subscriptions:
    """Belongs to one event loop.

    Args:
        ground: What the stream stands on.
        outlet: Where answers and updates go.
        token: What it is resumed by.
    """

    def __init__(self, ground: Ground, outlet: Outlet, token: Callable[[], Any]) -> None:
        self.principal: Principal | None = None
        self.keys: dict[Key, bool] = {}
        """Each with whether it is told at once."""
        self._ground = ground
        self._outlet = outlet
        self._token = token

    async def subscribe(self, frame: s.Subscribe) -> None:
        """Begins with what a frame names.

        Raises:
            Refusal: TOO_MANY_SUBSCRIPTIONS; one is of nothing. Then nothing was begun.
        """
        keys = await self._keys_of(frame)
        most = self._ground.settings.stream_subscriptions_max
        if len(self.keys.keys() | set(keys)) > most:
            raise Refusal(GatewayFault.TOO_MANY_SUBSCRIPTIONS, details={"most": most})
        async with self._opened(keys, strict=True) as feeds:
            self.keys |= dict.fromkeys(keys, frame.raw)
            if any(key.is_private for key in keys):  # so that no update of one overtakes that of another
                self.keys |= {key: frame.raw for key in self.keys if key.is_private}
            self._outlet.say(s.Subscribed(**self._named(frame, keys)))
            for key in keys:
                self._outlet.join(feeds[key], raw=frame.raw)
        for feed, raw in tuple(self._outlet.feeds.items()):
            if feed.key.is_private and feed.key not in feeds and raw != self.keys[feed.key]:
                self._outlet.join(feed, raw=frame.raw)

    async def unsubscribe(self, frame: s.Unsubscribe) -> None:
        """Ends what a frame names.

        Raises:
            Refusal: See `_keys_of`.
        """
        keys = [key for key in await self._keys_of(frame, known_only=True) if key in self.keys]
        for feed in [each for each in self._outlet.feeds if each.key in keys]:
            self._outlet.leave(feed)
        for key in keys:
            del self.keys[key]
        self._outlet.say(s.Unsubscribed(**self._named(frame, keys)))

    async def resume(self, keys: list[tuple[Key, bool]], after: int, welcome: Callable[[bool], None]) -> None:
        """What the connection before was told of is told again, from where that was.

        Args:
            keys: What was subscribed, each with whether it was told at once.
            after: The last event of private channels that was told; 0: none.
            welcome: Called before anything is told: whether nothing was missed for good.
        """
        async with self._opened([key for key, _ in keys if self._may(key)]) as feeds:
            self.keys = {key: raw for key, raw in keys if key in feeds}
            await self._go_on(feeds, after, welcome)

    def _named(self, frame: s.Subscribe, keys: list[Key]) -> dict[str, Any]:
        return {
            "id": frame.id,
            "channels": list(dict.fromkeys(frame.channels)),
            "instrument_ids": list(dict.fromkeys(key.symbol for key in keys if key.symbol)),
            "accounts": list(dict.fromkeys(key.account for key in keys if key.account)),
            "subscriptions": len(self.keys),
            "resume_token": self._token(),
        }

    async def _keys_of(self, frame: s.Subscribe, *, known_only: bool = False) -> list[Key]:
        """What a frame names.

        Raises:
            Refusal: NOT_SUBSCRIBABLE, UNKNOWN_INSTRUMENT, UNKNOWN_ACCOUNT, INVALID_BODY.
        """
        keys: list[Key] = []
        for name in dict.fromkeys(frame.channels):
            if name in s.PUBLIC_CHANNELS:
                self._ground.source.check(name)
                if not frame.instrument_ids:
                    raise Refusal(GatewayFault.INVALID_BODY, f"{name} needs instrumentIds")
                for symbol in dict.fromkeys(frame.instrument_ids):
                    if not known_only:
                        await self._ground.source.instrument(symbol)
                    interval = frame.interval if name == "candles" else ""
                    keys.append(Key(name, symbol, interval))  # type: ignore[arg-type]  # it is one of them
            elif name in s.PRIVATE_CHANNELS and self.principal is not None:
                tenant, accounts = self.principal.tenant, await self._accounts(self.principal, frame.accounts)
                keys += (Key(name, tenant=tenant, account=each) for each in accounts)  # type: ignore[arg-type]  # likewise
            else:
                raise Refusal(GatewayFault.NOT_SUBSCRIBABLE, details={"channel": name[:64]})
        return keys

    async def _accounts(self, of: Principal, wanted: list[int]) -> list[int]:
        for account in wanted:
            if not of.may_use(account):
                raise Refusal(RejectCode.UNKNOWN_ACCOUNT, details={"account": account})
        if wanted or of.accounts:
            return list(dict.fromkeys(wanted)) or list(of.accounts)
        trader = await self._ground.source.exchange.upstream.trader(of.tenant)
        rows = await trader.client.query.accounts()
        return [row.account for row in rows[:_ACCOUNTS_MAX]]

    def _may(self, key: Key) -> bool:
        """Whether somebody who comes back may still be told."""
        of = self.principal
        return not key.is_private or (of is not None and of.may_use(key.account))

    @asynccontextmanager
    async def _opened(self, keys: list[Key], *, strict: bool = False) -> AsyncIterator[dict[Key, Feed]]:
        """Feeds, while the block runs; those that there may not be, as of an account, when they have a state.

        Raises:
            Refusal: One is of nothing, where `strict`; else it is left out.
        """
        held = {key: self._ground.hub.feed(key) for key in keys}
        for feed in held.values():
            feed.pins += 1
        try:
            yield {key: feed for key, feed in held.items() if await self._is_there(key, feed, strict=strict)}
        finally:
            for feed in held.values():
                feed.pins -= 1

    async def _is_there(self, key: Key, feed: Feed, *, strict: bool) -> bool:
        if not (key.is_private or key.channel == "mark"):
            return True
        try:
            async with asyncio.timeout(self._ground.settings.answer_timeout_ms / 1_000):
                await feed.opened()
        except TimeoutError:
            if strict:
                raise Refusal(GatewayFault.UNAVAILABLE) from None
        except Refusal:
            if strict:
                raise
            return False
        return True

    async def _go_on(self, feeds: dict[Key, Feed], after: int, welcome: Callable[[bool], None]) -> None:
        source = self._ground.source
        again: list[Missed | None] = []
        while True:
            again = [
                await missed_of(source, feed, after, raw=self.keys[key])
                for key, feed in feeds.items()
                if after and isinstance(feed, ReportsFeed)
            ]
            if all(each is None or each.is_whole for each in again):
                break  # and nothing is awaited from here on
        welcome(None not in again)
        told = [each for each in again if each is not None]
        for each in told:
            self._outlet.resume(each.feed, each.updates(), raw=each.raw)
        for key, feed in feeds.items():
            if all(feed is not each.feed for each in told):
                self._outlet.join(feed, raw=self.keys[key])
