"""One thing that is told, as the book of an instrument, and all who are told of it.

A feed has one upstream, a state made of it, and readers. A reader has first a snapshot of the state, then
what changes: *raw* at once, else *paced*, ten times a second. An update is encoded once for all alike.

A paced reader's snapshot comes behind the update of its beat: that one leads to the state of the snapshot,
which the newcomer must not have twice.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import msgspec
from msgspec import UNSET

from exchange.client.rest import streams as s
from exchange.domain.enums import RejectCode
from exchange.errors import ExchangeError, GatewayFault, RpcError, RpcStatus
from exchange.runtime.log import log
from exchange.services.gateway.refusal import Refusal

_encode: Final = msgspec.json.Encoder().encode
_AGAIN_S: Final = 0.1
_AGAIN_S_MAX: Final = 2.0
_UNKNOWN_ACCOUNT: Final = {RpcStatus.NOT_FOUND, RpcStatus.INVALID_ARGUMENT, RpcStatus.PERMISSION_DENIED}


@dataclass(frozen=True, slots=True)
class Key:
    """What is told.

    Args:
        channel: Of `exchange.client.rest.streams`.
        symbol: Of a public channel.
        interval: Of candles.
        tenant: Of a private channel, whose the account is.
        account: Likewise.
    """

    channel: s.Channel
    symbol: str = ""
    interval: str = ""
    tenant: int = 0
    account: int = 0

    @property
    def is_private(self) -> bool:
        """Whether only its owner may be told."""
        return self.account != 0


class Reader(Protocol):
    """Who is told."""

    @property
    def has_room(self) -> bool:
        """Whether it may be given a snapshot now."""
        ...

    def offer(self, feed: Feed, update: bytes, *, soon: bool = False) -> None:
        """One encoded update. `soon`: before the next beat."""
        ...


class Feed(ABC):
    """What all feeds have in common. Belongs to one event loop.

    Args:
        key: What is told.
        due: Calls for the next beat.
    """

    conflates: ClassVar[bool] = True
    """Whether a reader that is too slow may have a snapshot in place of what it missed."""

    is_from_now_on: ClassVar[bool] = False
    """Whether there is no state: a reader is told of all that follows its joining, not the next beat."""

    def __init__(self, key: Key, due: Callable[[Feed], None]) -> None:
        self.key = key
        self.ready = False
        """Whether there is a state to make a snapshot of."""
        self.pins = 0
        """How many are about to join it: it is not closed under them."""
        self._due = due
        self._paced: set[Reader] = set()
        self._raw: set[Reader] = set()
        self._new: dict[Reader, bool] = {}  # without a snapshot yet, and whether it is raw
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def readers(self) -> int:
        """How many are told of it."""
        return len(self._paced) + len(self._raw) + len(self._new)

    @property
    def is_idle(self) -> bool:
        """Whether nobody is told of it, nor about to be."""
        return not self.readers and not self.pins

    @abstractmethod
    async def follow(self) -> None:
        """Takes the upstream: calls `begin` when the state is whole, then what tells of changes, for ever.

        Raises:
            ExchangeError: It broke; it is called again after a while.
        """

    @abstractmethod
    def snapshot(self) -> bytes:
        """The state, encoded."""

    @abstractmethod
    def take(self) -> bytes | None:
        """What changed since it was called last, encoded; None: nothing."""

    def lost(self) -> None:  # noqa: B027  # most tell nothing of it
        """The upstream broke: nothing comes for a while."""

    async def opened(self) -> None:
        """Waits until there is something to tell.

        Raises:
            Refusal: There is no such thing.
        """
        await asyncio.shield(self._opened)

    def join(self, reader: Reader, *, raw: bool) -> None:
        """Tells a reader: a snapshot, then what changes. One that is told already has a snapshot again."""
        self.leave(reader)
        if (raw or self.is_from_now_on) and self.ready and reader.has_room:
            if self.is_from_now_on:
                self.beat()  # what waits is for those who were told before
            (self._raw if raw else self._paced).add(reader)
            reader.offer(self, self.snapshot(), soon=raw)
        else:
            self._new[reader] = raw
            self._due(self)

    def admit(self, reader: Reader, updates: list[bytes], *, raw: bool) -> None:
        """Tells a reader who was told before, and goes on from what the state is now.

        Args:
            reader: Who.
            updates: What leads there, encoded.
            raw: Whether it is told at once.
        """
        self.leave(reader)
        self.beat()  # paced readers have what waits for them: the newcomer has it already
        (self._raw if raw else self._paced).add(reader)
        for update in updates:
            reader.offer(self, update, soon=raw)

    def leave(self, reader: Reader) -> bool:
        """Tells it no more; whether it was told raw."""
        raw = reader in self._raw or self._new.get(reader, False)
        self._raw.discard(reader)
        self._paced.discard(reader)
        self._new.pop(reader, None)
        return raw

    def beat(self) -> None:
        """Tells paced readers what changed, and newcomers what there is."""
        update = self.take()
        if update is not None:
            for reader in tuple(self._paced):
                reader.offer(self, update)
        if self._new and self.ready:
            self._greet()

    def _greet(self) -> None:
        there = self.snapshot()
        for reader, raw in tuple(self._new.items()):
            if not reader.has_room:
                self._due(self)  # its reader takes what it has first
                continue
            del self._new[reader]
            (self._raw if raw else self._paced).add(reader)
            reader.offer(self, there)

    def begin(self) -> None:
        """The state is whole, maybe anew: all readers have a snapshot next."""
        self.ready = True
        self._new |= dict.fromkeys(self._paced, False) | dict.fromkeys(self._raw, True)
        self._paced.clear()
        self._raw.clear()
        self.take()  # which nobody is told
        self._due(self)
        if not self._opened.done():
            self._opened.set_result(None)

    def changed(self, raw: Callable[[], bytes]) -> None:
        """The state changed, as `take` will say to paced readers.

        Args:
            raw: Encodes this one change.
        """
        if self._raw:
            update = raw()
            for reader in tuple(self._raw):
                reader.offer(self, update, soon=True)
        if self._paced or self._new:
            self._due(self)
        else:
            self.take()

    def encoded(self, kind: s.Kind, sequence: int, data: Any) -> bytes:
        """An update of it."""
        return _encode(
            s.Update(
                channel=self.key.channel,
                symbol=self.key.symbol or UNSET,
                account=self.key.account or UNSET,
                kind=kind,
                sequence=str(sequence),
                data=data,
            )
        )

    async def run(self) -> None:
        """Follows until it is cancelled, or until it is plain that there is no such thing."""
        pause = _AGAIN_S
        while True:
            try:
                await self.follow()
            except ExchangeError as error:
                refusal = _refusal_of(error, self.key)
                if refusal is not None and not self._opened.done():
                    self._opened.set_exception(refusal)
                    self._opened.exception()  # nobody may wait for it
                    return
                log("a feed broke", level=logging.WARNING, channel=self.key.channel, reason=error)
                self.lost()
            pause = _AGAIN_S if self.ready else min(pause * 2, _AGAIN_S_MAX)
            await asyncio.sleep(pause)

    @property
    def refused(self) -> bool:
        """Whether there is no such thing."""
        return self._opened.done() and self._opened.exception() is not None


def _refusal_of(error: ExchangeError, key: Key) -> Refusal | None:
    """What a subscriber is told of an upstream that will not come; None: it may."""
    if isinstance(error, Refusal):
        return None if error.transient else error
    if not isinstance(error, RpcError):
        return None
    if key.is_private:
        unknown = error.code in _UNKNOWN_ACCOUNT
        return Refusal(RejectCode.UNKNOWN_ACCOUNT, details={"account": key.account}) if unknown else None
    # An instrument that is known here market data learns of, too.
    is_off = error.code is RpcStatus.FAILED_PRECONDITION
    return Refusal(GatewayFault.NOT_ENABLED, error.message) if is_off else None
