"""What every change has in common: why it is made is written down, then it is made, then it is looked at.

reason ──▶ store and outbox        of the core:    command ──▶ journal ──▶ admin.changes ──▶ store
                                   of this service: record ──▶ store and outbox ──▶ admin.records
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from exchange.bus.rpc import Call
from exchange.client.ids import is_id
from exchange.client.instruments import Asset
from exchange.domain.events import ChangeExplained, Entity, Event, find_event_type
from exchange.domain.events.catalogue import TENANT_SET
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.outbox import Outbox
from exchange.runtime.service_host import Ground
from exchange.services.admin import store as rows
from exchange.services.admin.core_link import CoreLink, Make, actor_of, refusal_of
from exchange.storage.sql import Transaction

T = TypeVar("T")
REASON_BYTES_MAX: Final = 500
NAME: Final = "admin"
RECORDS: Final = TENANT_SET.topic
_LOOK_S: Final = 0.01
_ON_ITS_WAY_S: Final = 1.0


class Desk:
    """Makes changes, one at a time, so that a version that was looked at is still there.

    Args:
        ground: Whose store and log.
        core: The way to the core.
    """

    def __init__(self, ground: Ground, core: CoreLink) -> None:
        self._store = ground.store
        self._outbox = Outbox(NAME, ground.topics)
        self._core = core
        self.turn = asyncio.Lock()
        """Held by who changes something."""

    async def see(self, look: Callable[[Transaction], T]) -> T:
        """What is there."""

        def seen() -> T:
            with self._store.read() as tx:
                return look(tx)

        return await asyncio.to_thread(seen)

    async def patiently(self, look: Callable[[], Awaitable[T]]) -> T:
        """What there is; what is not may be on its way from the core, so it is looked for a second long.

        Raises:
            RpcError: NOT_FOUND, all that time; or any other.
        """
        until = time.monotonic() + _ON_ITS_WAY_S
        while True:
            try:
                return await look()
            except RpcError as error:
                if error.code is not RpcStatus.NOT_FOUND or time.monotonic() >= until:
                    raise
            await asyncio.sleep(_LOOK_S)

    async def assets(self) -> dict[int, Asset]:
        """All that are defined, by id."""
        found = await self.see(lambda tx: rows.entities_of(tx, "Asset"))
        return {
            int(each.entity_id): Asset(int(each.entity_id), each.body["symbol"], each.body["asset_scale"])
            for each in found
            if "symbol" in each.body
        }

    async def explain(self, call: Call, correlation_id: str, reason: str) -> None:
        """Writes down why the commands of a correlation id are sent; the same again is done again.

        Raises:
            RpcError: INVALID_ARGUMENT; ALREADY_EXISTS: it has another reason.
        """
        _check_reason(reason)
        if not reason:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, "the reason is empty")
        if not is_id(correlation_id):
            raise RpcError(
                RpcStatus.INVALID_ARGUMENT,
                f"{correlation_id!r} is no correlation id: expected 1 to 40 of ASCII",
            )
        if not await self._explained(call, correlation_id, reason):
            raise RpcError(RpcStatus.ALREADY_EXISTS, f"{correlation_id} has another reason")

    async def command(self, call: Call, reason: str, *makes: Callable[[str], Make]) -> int:
        """Has the core carry out commands, one after the other; the sequence of the last, once it is here.

        Args:
            call: Whose.
            reason: Why; may be empty.
            makes: Each makes a command, by its correlation id.

        Raises:
            RpcError: One was refused; those before it were carried out.
            ExchangeError: The core did not answer.
        """
        _check_reason(reason)
        correlation_id = call.metadata.correlation_id
        usable = is_id(correlation_id)
        if not usable or (reason and not await self._explained(call, correlation_id, reason)):
            correlation_id = await self._core.correlation_id()
            if reason:
                await self._explained(call, correlation_id, reason)
        assets, sequence = await self.assets(), 0
        for make in makes:
            answer = await self._core.send(make(correlation_id), call.metadata.user_id, assets)
            sequence = answer.sequence
            if answer.reject is not None:
                await self._came(sequence, call)  # a refusal is in the history, too
                raise refusal_of(answer.reject)
        await self._came(sequence, call)
        return sequence

    async def record(self, call: Call, name: str, about: str, payload: Any) -> None:
        """Sets a record of this service: a row, and an event of it.

        Args:
            call: Whose.
            name: `eventType`.
            about: `entityId`.
            payload: Of the event.
        """

        def written() -> None:
            with self._store.begin() as tx:
                self._write(tx, self._event(call, name, about, payload))

        await asyncio.to_thread(written)

    async def _explained(self, call: Call, correlation_id: str, reason: str) -> bool:
        """Whether these commands have this reason now, and no other."""
        told = ChangeExplained(
            correlation_id=correlation_id, reason=reason, actor=actor_of(call.metadata.user_id)
        )

        def written() -> bool:
            with self._store.begin() as tx:
                there = rows.reason_of(tx, correlation_id)
                if there is None:
                    self._write(tx, self._event(call, "ChangeExplained", correlation_id, told))
                return there in (None, reason)

        return await asyncio.to_thread(written)

    def _write(self, tx: Transaction, event: Event) -> None:
        for each in self._outbox.add(tx, [event]):
            rows.take(tx, each)

    def _event(self, call: Call, name: str, about: str, payload: Any) -> Event:
        tenant = call.metadata.tenant_id
        cause = correlated if is_id(correlated := call.metadata.correlation_id) else "unknown"
        return Event(
            event_id="",
            event_type=name,
            event_version=1,
            occurred_at=time.time_ns(),
            producer=NAME,
            tenant_id=tenant,
            correlation_id=cause,
            causation_id=cause,
            entity=Entity(entity_type=find_event_type(name, 1).entity, entity_id=about),
            payload=payload,
        )

    async def _came(self, sequence: int, call: Call) -> None:
        """Waits until what a command changed has come back over the log.

        Raises:
            RpcError: DEADLINE_EXCEEDED: it was carried out, and is not here yet.
        """
        while await self.see(rows.sequence_of) < sequence:
            if time.monotonic_ns() + _LOOK_S * 1e9 >= call.deadline_ns:
                raise RpcError(
                    RpcStatus.DEADLINE_EXCEEDED, f"command {sequence} was carried out; the log is behind it"
                )
            await asyncio.sleep(_LOOK_S)


def check_version(wanted: int, there: int) -> None:
    """Sees that what is changed is what somebody looked at; 0 is any.

    Raises:
        RpcError: ABORTED: it is not.
    """
    if wanted not in (0, there):
        raise RpcError(RpcStatus.ABORTED, f"version {wanted} is not there any more: it is {there}")


def _check_reason(reason: str) -> None:
    if len(reason.encode("utf-8", "surrogatepass")) > REASON_BYTES_MAX or not reason.isprintable():
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT, f"a reason is up to {REASON_BYTES_MAX} bytes of printable text"
        )
