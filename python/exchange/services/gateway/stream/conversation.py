"""One stream, from its handshake to its end: logon, requests, and why it was closed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from msgspec import UNSET

from exchange.client.rest import streams as s
from exchange.client.rest.closing import Close
from exchange.errors import GatewayFault
from exchange.runtime.log import log
from exchange.security.principal import Principal
from exchange.services.gateway.app import refusal_of_error
from exchange.services.gateway.known import instant
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.callers import by_handshake, by_logon
from exchange.services.gateway.stream.entry import OrderEntry, OrderOp, is_cancel
from exchange.services.gateway.stream.ground import Ground
from exchange.services.gateway.stream.outlet import HEARTBEAT_S, Outlet
from exchange.services.gateway.stream.reading import NoFrame, id_of, read
from exchange.services.gateway.stream.subscriptions import Subscriptions

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

LOGON_S: Final = 5.0
MALFORMED_MAX: Final = 20
LIMITED_MAX: Final = 100
_LOGONS_MAX: Final = 3
_UNDER_WAY_MAX: Final = 64


class Conversation:
    """Belongs to one event loop.

    Args:
        ground: What it stands on.
        outlet: Where answers and updates go.
        address: Of the other side.
        is_open_to_all: On the path of public channels: nobody logs on.
    """

    def __init__(self, ground: Ground, outlet: Outlet, address: str, *, is_open_to_all: bool) -> None:
        self.connection_id = secrets.token_hex(8)
        self.principal: Principal | None = None
        self.outlet = outlet
        self._ground = ground
        self._address = address
        self._is_open_to_all = is_open_to_all
        self._told = Subscriptions(ground, outlet, self._token)
        self._entry: OrderEntry | None = None
        self._logons = 0
        self._malformed = 0
        self._limited = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._standing = ExitStack()

    async def run(
        self, receive: Receive, headers: Mapping[bytes, bytes], subprotocols: Sequence[str]
    ) -> None:
        """Until either side closes it.

        Args:
            receive: Gives what the other side sends, as ASGI has it.
            headers: Of the handshake, by lower-case name.
            subprotocols: Likewise.
        """
        try:
            if self._is_open_to_all:
                self.outlet.say(self._welcome(""))
            else:
                await self._enter(headers, subprotocols)
            if not self.outlet.closed:
                await self._listen(receive)
        finally:
            self._standing.close()
            self._ground.left(self)
            self.outlet.forget()
            if self._under_way:  # what was sent is answered, so that it is known what is there
                await asyncio.wait(self._under_way, timeout=self._ground.settings.answer_timeout_ms / 1_000)
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            if self._entry is not None:
                cancelled = await self._entry.cancel_all()
                if cancelled:
                    log("orders ended with their stream", stream=self.connection_id, cancels=cancelled)

    async def _listen(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        deadline = None
        if not self._is_open_to_all and self.principal is None:
            deadline = loop.call_later(LOGON_S, self._too_late)
        try:
            while not self.outlet.closed:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message["type"] == "websocket.receive":
                    await self._hear(message.get("text"))
        finally:
            if deadline is not None:
                deadline.cancel()

    def _too_late(self) -> None:
        if self.principal is None:
            self.outlet.end(Close.LOGON_TIMEOUT)

    def _counts_no_more(self, ended: asyncio.Future[Close]) -> None:
        if not ended.cancelled():
            self.outlet.end(ended.result())

    async def _hear(self, text: str | None) -> None:
        """One frame."""
        try:
            if text is None:
                raise NoFrame(GatewayFault.INVALID_BODY, "a frame is text")
            frame = read(text)
        except Refusal as refusal:
            await self._guarded("" if text is None else id_of(text), self._refuse(refusal))
            if isinstance(refusal, NoFrame):
                self._malformed += 1
                if self._malformed >= MALFORMED_MAX:
                    self.outlet.end(Close.MALFORMED)
            return
        await self._guarded(frame.id, self._answer(frame))

    async def _refuse(self, refusal: Refusal) -> None:
        """What cannot be read is paid for like any other request."""
        self._spend(cancels=False)
        raise refusal

    async def _guarded(self, request_id: str, work: Awaitable[None]) -> None:
        """Work, whose accidents are answered."""
        try:
            await work
        except Refusal as refusal:
            self._fail(request_id, refusal)
            if refusal.code == GatewayFault.RATE_LIMITED:
                self._limited += 1
                if self._limited >= LIMITED_MAX:
                    self.outlet.end(Close.RATE_LIMITED)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller is told one thing
            self._fail(request_id, refusal_of_error(error, "stream"))
        else:
            self._limited = max(self._limited - 1, 0)

    def _fail(self, request_id: str, refusal: Refusal) -> None:
        self._ground.refused(refusal.name)
        self.outlet.say(s.Failed(id=request_id, error=refusal.problem(self.connection_id)))

    async def _answer(self, frame: s.Asked) -> None:
        self._spend(cancels=is_cancel(frame))
        if isinstance(frame, s.Ping):
            self.outlet.say(s.Pong(id=frame.id, at=frame.at, server_time=_now()))
        elif isinstance(frame, s.Logon):
            await self._log_on(frame)
        elif not self._is_open_to_all and self.principal is None:
            raise Refusal(GatewayFault.NO_CREDENTIAL, "the first frame is LOGON")
        elif isinstance(frame, s.Unsubscribe):
            await self._told.unsubscribe(frame)
        elif isinstance(frame, s.Subscribe):
            await self._told.subscribe(frame)
        elif self._entry is None:
            raise Refusal(GatewayFault.UNKNOWN_OP, "not on this path")
        elif isinstance(frame, s.Rates):
            self.outlet.say(s.Result(id=frame.id, status=200, budgets=self._budgets()))
        else:
            await self._order(self._entry, frame)

    def _spend(self, *, cancels: bool) -> None:
        self._ground.limits.of_address(self._address, 1, cancels=cancels)
        if self.principal is not None:
            of = self.principal
            self._ground.limits.of_key(of.subject, of.tenant, 1, cancels=cancels)

    def _budgets(self) -> list[s.Budget]:
        of = self.principal
        if of is None:
            return []
        return [
            s.Budget(
                budget=kind, cancels=cancels, limit=left.limit, remaining=left.remaining, reset_s=left.reset_s
            )
            for kind, name in (("ip", self._address), ("key", of.subject), ("tenant", str(of.tenant)))
            for cancels in (False, True)
            for left in (self._ground.limits.left(kind, name, cancels=cancels),)
        ]

    async def _log_on(self, frame: s.Logon) -> None:
        if self._is_open_to_all:
            raise Refusal(GatewayFault.UNKNOWN_OP, "nobody logs on here: use /v1/stream")
        if self.principal is not None:
            await self._come_back(frame, self.principal)
            return
        self._logons += 1
        try:
            principal = await by_logon(self._ground.doors.authenticator, frame, self._address)
        except Refusal as refusal:
            self._fail(frame.id, refusal)
            if self._logons >= _LOGONS_MAX:
                self.outlet.end(Close.NOT_AUTHENTICATED)
            return
        await self._begin(principal, frame)

    async def _come_back(self, frame: s.Logon, of: Principal) -> None:
        """Whom the handshake named, as a browser's cookie does, goes on from where they were.

        Or they want their orders to end with the stream: those that they enter from now on.

        Raises:
            Refusal: ALREADY_LOGGED_ON: they say who they are again, or are told of something already.
                SCOPE_MISSING: they enter no orders.
        """
        wants = frame.cancel_on_disconnect if frame.resume is None else not self._told.keys
        if not wants or frame.token or frame.api_key or self._entry is None:
            raise Refusal(GatewayFault.ALREADY_LOGGED_ON)
        if frame.cancel_on_disconnect and "trade" not in of.scopes:
            raise Refusal(GatewayFault.SCOPE_MISSING, details={"needs": "trade"})
        self._entry.cancels = self._entry.cancels or frame.cancel_on_disconnect
        if frame.resume is None:
            self.outlet.say(self._welcome(frame.id))
        else:
            await self._resume(frame, frame.resume, of, self._entry)

    async def _enter(self, headers: Mapping[bytes, bytes], subprotocols: Sequence[str]) -> None:
        """Logs on whom the handshake names."""
        authenticator = self._ground.doors.authenticator
        try:
            principal = await by_handshake(authenticator, headers, subprotocols, self._address)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller is told one thing
            refusal = error if isinstance(error, Refusal) else refusal_of_error(error, "stream")
            self._fail("", refusal)
            self.outlet.end(Close.GOING_AWAY if refusal.transient else Close.NOT_AUTHENTICATED)
        else:
            if principal is not None:
                await self._begin(principal, s.Logon())

    async def _begin(self, principal: Principal, frame: s.Logon) -> None:
        if not self._ground.entered(self, principal):
            self.outlet.end(Close.TOO_MANY_STREAMS)
            return
        self.principal = self._told.principal = principal
        ended = self._standing.enter_context(self._ground.doors.standing.watched(principal))
        ended.add_done_callback(self._counts_no_more)
        self._entry = OrderEntry(self._ground.source.exchange, principal, self.connection_id)
        self._entry.cancels = frame.cancel_on_disconnect
        if frame.resume is None:
            self.outlet.say(self._welcome(frame.id))
        else:
            await self._resume(frame, frame.resume, principal, self._entry)

    async def _resume(self, frame: s.Logon, resume: s.Resume, of: Principal, entry: OrderEntry) -> None:
        """What the connection before was told of is told again, from where that was."""
        try:
            keys, cancels = self._ground.tokens.open(resume.token, of)
        except Refusal as refusal:
            self._fail(frame.id, refusal)
            self.outlet.say(self._welcome(frame.id))
            return
        entry.cancels = entry.cancels or cancels
        await self._told.resume(
            keys,
            int(resume.sequence),
            lambda whole: self.outlet.say(self._welcome(frame.id, resumed=whole)),
        )

    def _welcome(self, request_id: str, *, resumed: bool = False) -> s.Welcome:
        of = self.principal
        return s.Welcome(
            id=request_id,
            connection_id=self.connection_id,
            server_time=_now(),
            heartbeat_ms=int(HEARTBEAT_S * 1_000),
            tenant=UNSET if of is None else of.tenant,
            accounts=UNSET if of is None else list(of.accounts),
            scopes=UNSET if of is None else sorted(of.scopes),
            resume_token=self._token(),
            resumed=UNSET if of is None else resumed,
        )

    def _token(self) -> Any:
        if self.principal is None or self._entry is None:
            return UNSET
        return self._ground.tokens.issue(
            self.principal, self._told.keys.items(), cancel_on_disconnect=self._entry.cancels
        )

    async def _order(self, entry: OrderEntry, frame: OrderOp) -> None:
        """A request about orders: answered when it is done, while others are under way."""
        if self.principal is None or "trade" not in self.principal.scopes:
            raise Refusal(GatewayFault.SCOPE_MISSING, details={"needs": "trade"})

        async def answer() -> None:
            self.outlet.say(await entry.answer(frame))

        while len(self._under_way) >= _UNDER_WAY_MAX:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._guarded(frame.id, answer()))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


def _now() -> str:
    return instant(time.time_ns())
