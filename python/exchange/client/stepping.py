"""Clients of an exchange in the same program: whoever waits makes it go on, while time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn, Protocol, TypeVar

from exchange.bus.rpc import run_now
from exchange.client.drive import Drive
from exchange.client.handles import Handle
from exchange.client.links import Link
from exchange.client.loop_runner import AsyncHandle
from exchange.client.queries import QueryRequests
from exchange.client.questions import Asker, Query
from exchange.client.requests import Request
from exchange.client.resync import resync
from exchange.client.session import Session, State
from exchange.client.streams import Hub
from exchange.client.subscriptions import Subscription
from exchange.client.waiters import Waiters
from exchange.errors import RpcError, RpcStatus

T = TypeVar("T")


class World(Protocol):
    """The exchange, as its clients make it go on."""

    def now_ns(self) -> int:
        """Its time."""
        ...

    def settle(self) -> None:
        """Let everything happen that happens without time passing."""
        ...

    def advance_to(self, ns: int) -> None:
        """Let time pass, and everything happen that is due until then."""
        ...

    @property
    def settling(self) -> bool:
        """Whether it is at it already: this is a callback."""
        ...

    def leave(self, driver: Stepper) -> None:
        """A client is closed."""
        ...


class Stepper:
    """Drives one session, a step when the world says so.

    Args:
        session: The session, not yet opened.
        link: Its link.
        hub: Who gets what happens.
        world: The exchange.
    """

    def __init__(self, session: Session, link: Link, hub: Hub, world: World) -> None:
        self.session = session
        self.hub = hub
        self._link = link
        self._drive = Drive(session, link)
        self._world = world

    def start(self) -> None:
        """Connect and log on."""
        self._drive.open(self._world.now_ns())

    def step(self) -> bool:
        """One turn; whether anything happened."""
        events, more = self._drive.turn(self._world.now_ns())
        self.hub.dispatch(events, self.session.refusal)
        return bool(events) or more

    @property
    def next_timer(self) -> int | None:
        """When it has something to do though nothing comes in."""
        return self.session.next_timer

    def end(self) -> None:
        """Log off and close."""
        if self.session.state is not State.CLOSED:
            self._drive.close(self._world.now_ns())
            self.step()
        if not self._world.settling:
            self._world.settle()
        self._world.leave(self)

    def _send(self, request: Request[Any], resolve: Callable[[Any], None], timeout_ms: int | None) -> None:
        self.session.submit(request, resolve, self._world.now_ns(), timeout_ms)
        self._drive.flush()

    def _pass_time(self, until: int | None) -> bool:
        """Let time pass until a request is due to be sent again or given up; whether one is, by `until`."""
        due = self.session.next_request_timer
        if due is None or (until is not None and due > until):
            return False
        self._world.advance_to(max(due, self._world.now_ns()))
        return True


class StepRunner(Stepper):
    """For clients that wait."""

    def __init__(self, session: Session, link: Link, hub: Hub, world: World) -> None:
        super().__init__(session, link, hub, world)
        self.lock: AbstractContextManager[Any] = nullcontext()

    def close(self) -> None:
        """Log off and close."""
        self.end()

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> Handle[T]:
        """Ask; the exchange looks at it when somebody waits, or time passes."""
        handle = Handle(request, self)
        self._send(request, handle.settle, timeout_ms)
        return handle

    def wait(self, handle: Handle[Any], timeout: float | None) -> bool:
        """Make the exchange go on until a handle is settled; only where no answer comes does time pass."""
        until = None if timeout is None else self._world.now_ns() + round(timeout * 1e9)
        self._not_within()
        self._world.settle()
        while not handle.done:
            if not self._pass_time(until):
                return False
        return True

    def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Let everything happen that happens without time passing; with a time, until then."""
        self._not_within()
        self._world.settle()
        if not ready() and timeout:
            self._world.advance_to(self._world.now_ns() + round(timeout * 1e9))
        return ready()

    def _not_within(self) -> None:
        if self._world.settling:
            raise RuntimeError(
                "a callback must not wait for an answer: what brings it waits for the callback"
            )


class AsyncStepRunner(Stepper):
    """For clients that await: the exchange goes on in a turn of the event loop of its own."""

    def __init__(self, session: Session, link: Link, hub: Hub, world: World) -> None:
        super().__init__(session, link, hub, world)
        self._loop = asyncio.get_running_loop()
        self._soon: asyncio.Handle | None = None
        self._awaited = False
        self._waiters = Waiters()

    def submit(self, request: Request[T], timeout_ms: int | None = None) -> AsyncHandle[T]:
        """Ask; the exchange looks at it in a turn of the loop to come."""
        handle: AsyncHandle[T] = AsyncHandle(request, self._loop, self._await)
        self._send(request, handle.settle, timeout_ms)
        self._again()
        return handle

    async def wait_for(self, ready: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109  # as its synchronous twin
        """Wait until something that the session changes is so; `timeout` is in seconds of the event loop."""
        self._again()
        return await self._waiters.wait_for(ready, timeout)

    def step(self) -> bool:
        """One turn; whether anything happened."""
        moved = super().step()
        if moved:
            self._waiters.wake()
        return moved

    async def close(self) -> None:
        """Log off and close."""
        if self._soon is not None:
            self._soon.cancel()
        self.end()

    def _await(self) -> None:
        self._awaited = True
        self._again()

    def _again(self) -> None:
        if self._soon is None:
            self._soon = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._soon = None
        if self._world.settling:
            return
        waited = self.session.waiting
        self._world.settle()
        if not self.session.waiting:
            self._awaited = False
        elif self._awaited:
            # Somebody waits for an answer that does not come, and all others had their turn: time may pass.
            if self.session.waiting == waited:
                self._pass_time(None)
            self._again()


class DirectInquirer:
    """Asks an exchange in the same program, whose answers are there at once.

    Args:
        asker: What answers, without ever suspending.
        questions: Makes questions.
    """

    def __init__(self, asker: Asker, questions: QueryRequests) -> None:
        self._asker = asker
        self._questions = questions

    def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer.

        Raises:
            RpcError: It was refused.
        """
        return run_now(query.run(self._asker, timeout_ms))

    def subscribe(self, _: Subscription[Any, Any]) -> NoReturn:
        """None: nothing runs beside this program.

        Raises:
            RpcError: UNIMPLEMENTED.
        """
        raise RpcError(RpcStatus.UNIMPLEMENTED, "an embedded exchange has no marketdata")

    def resync(self, session: Session, lock: AbstractContextManager[Any]) -> None:
        """Make the session's orders right again, before anything else happens."""
        run_now(resync(session, lock, self._asker, self._questions))

    def close(self) -> None:
        """Nothing is under way."""


class AsyncDirectInquirer:
    """`DirectInquirer`, to be awaited."""

    def __init__(self, asker: Asker, questions: QueryRequests) -> None:
        self._direct = DirectInquirer(asker, questions)

    async def ask(self, query: Query[T], timeout_ms: int | None) -> T:
        """The answer."""
        return self._direct.ask(query, timeout_ms)

    def subscribe(self, subscription: Subscription[Any, Any]) -> NoReturn:
        """As of `DirectInquirer`."""
        self._direct.subscribe(subscription)

    def resync(self, session: Session) -> None:
        """Make the session's orders right again, before anything else happens."""
        self._direct.resync(session, nullcontext())

    async def close(self) -> None:
        """Nothing is under way."""
