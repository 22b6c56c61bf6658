"""Drives a session on an asyncio event loop; handles to await."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, cast

from exchange.client.drive import Drive
from exchange.client.handles import outcome
from exchange.client.links import SocketLink
from exchange.client.requests import Request
from exchange.client.session import Session, State
from exchange.client.streams import Hub
from exchange.client.underway import Pending
from exchange.client.waiters import Waiters

T = TypeVar("T")
_NEAREST = 1_000_000  # ns


class AsyncHandle(Generic[T]):
    """The answer to a request that was sent: await it, any number of times.

    Args:
        request: What was asked.
        loop: In which it is awaited.
        awaited: Called when somebody begins to wait.
    """

    __slots__ = ("_awaited", "_callbacks", "_error", "_loop", "_value", "_waiters", "done", "request")

    def __init__(
        self,
        request: Request[T],
        loop: asyncio.AbstractEventLoop,
        awaited: Callable[[], None] | None = None,
    ) -> None:
        self.request = request
        self.done = False
        """Whether the answer is there, or will never be."""
        self._loop = loop
        self._awaited = awaited
        self._value: T | None = None
        self._error: Exception | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[AsyncHandle[T]], None]] = []

    def __await__(self) -> Generator[Any, None, T]:
        """The answer; raises as `Handle.result`. Cancelling does not take the request back."""
        if not self.done:
            if self._awaited is not None:
                self._awaited()
            # Who waits has a future of their own, so that cancelling it does not touch the answer.
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def add_done_callback(self, callback: Callable[[AsyncHandle[T]], None]) -> None:
        """Call back soon after it is done."""
        if self.done:
            self._loop.call_soon(callback, self)
        else:
            self._callbacks.append(callback)

    def settle(self, pending: Pending) -> None:
        """The session has done with it."""
        if self.done:
            return
        try:
            self._value = outcome(self.request, pending)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked, not to the loop
            self._error = error
        self.done = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        for callback in self._callbacks:
            self._loop.call_soon(callback, self)


class LoopRunner:
    """Runs one session over a socket on the running event loop.

    Args:
        session: The session, not yet opened.
        link: Its link.
        hub: Who gets what happens.
    """

    def __init__(self, session: Session, link: SocketLink, hub: Hub) -> None:
        self.session = session
        self.hub = hub
        self._link = link
        self._drive = Drive(session, link)
        self._loop = asyncio.get_running_loop()
        self._watched: tuple[int, ...] = ()
        self._watched_link = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0
        self._soon: asyncio.Handle | None = None
        self._sending: asyncio.Handle | None = None
        self._waiters = Waiters()

    def start(self) -> None:
        """Connect and begin.

        Raises:
            ConfigError: The endpoint is none.
        """
        self._drive.open(time.monotonic_ns())
        self._again()

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Ask; sent with all else that is asked in this turn of the loop, before that waits for anything.

        Raises:
            ClientClosed, LogonRefused, TooManyRequests: It will not be sent.
        """
        handle: AsyncHandle[T] = AsyncHandle(request, self._loop)
        self.session.submit(request, handle.settle, time.monotonic_ns(), timeout_ms)
        if self._sending is None:
            self._sending = self._loop.call_soon(self._send)
        return handle

    async def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109  # as its synchronous twin
        """Wait until something that this session changes is so."""
        return await self._waiters.wait_for(ready, timeout)

    async def close(self) -> None:
        """Log off and close the connection."""
        self._drive.close(time.monotonic_ns())
        self._turn()

    def _again(self) -> None:
        if self._soon is None:
            self._soon = self._loop.call_soon(self._turn)

    def _send(self) -> None:
        self._sending = None
        if self.session.state is State.CLOSED:
            return
        waited = bool(self.session.outbox)  # a turn that came first has sent it
        self._drive.flush()
        self._set_timer(time.monotonic_ns())
        # The descriptor tells of what came in only once, and sending may have used that up.
        if waited and self._link.readable:
            self._again()

    def _turn(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        now, before = time.monotonic_ns(), self.session.state
        events, more = self._drive.turn(now)
        closed = self.session.state is State.CLOSED
        self._watch(() if closed else self._link.filenos())
        self.hub.dispatch(events, self.session.refusal)
        if events:
            self._waiters.wake()
        if closed:
            if self._timer is not None:
                self._timer.cancel()
            return
        if self._timer is None or self.session.state is not before:  # an answer makes nothing due earlier
            self._set_timer(now)
        if more and self._link.readable:
            self._again()

    def _watch(self, descriptors: tuple[int, ...]) -> None:
        # A new socket may have the descriptors of the old one, of which the loop has lost sight.
        if descriptors == self._watched and self._link.opened == self._watched_link:
            return
        self._watched_link = self._link.opened
        for descriptor in self._watched:
            self._loop.remove_reader(descriptor)
        for descriptor in descriptors:
            self._loop.add_reader(descriptor, self._turn)
        self._watched = descriptors
        self._again()

    def _set_timer(self, now: int) -> None:
        due = self.session.next_timer
        # One that rings too early sees that and is set anew: cheaper than one for each request and answer.
        if self._timer is not None and due is not None and self._rings_at <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._rings_at = max(now + _NEAREST, due)
            self._timer = self._loop.call_later((self._rings_at - now) / 1e9, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._turn()
