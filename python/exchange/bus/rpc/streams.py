"""One call's two streams of messages, and the credit that bounds what of them is anywhere at a time.

Each side grants the other a window of bytes. A message takes its payload's size and `MESSAGE_COST`, and may
be sent while anything of the window is left; so a receiver holds at most a window and one message, however
slow its reader is, and a sender waits with the message that it has. What a reader took is granted anew, half
a window at a time. A sender that goes on without credit breaks the rules, and its call ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Self

from exchange.bus.rpc.calls import Reply
from exchange.errors import ExchangeError, RpcError, RpcStatus
from exchange.schema.bus_frames import PAYLOAD_BYTES_MAX

WINDOW_BYTES: Final = 256 * 1024
"""What a side lets the other send before it has read any of it."""
MESSAGE_COST: Final = 64
"""What a message takes of a window beside its bytes, so that empty ones are bounded too."""


class Incoming:
    """The messages of the other side, in their order. One reader.

    Args:
        window: What the other side may have sent beyond what was read; bytes.
        grant: Tells it that it may send so many more.
    """

    def __init__(self, window: int, grant: Callable[[int], Awaitable[None]]) -> None:
        self.received = 0
        self._window = window
        self._grant = grant
        self._allowed = window
        self._taken = 0  # read, and not granted anew yet
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._error: ExchangeError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def held_bytes(self) -> int:
        """What lies here unread, as the window counts it."""
        return self._window - self._allowed - self._taken

    def put(self, sequence: int, payload: bytes) -> None:
        """A message came.

        Raises:
            RpcError: RESOURCE_EXHAUSTED: it came without credit; DATA_LOSS: it is not the next one;
                FAILED_PRECONDITION: the stream had ended.
        """
        if self._ended:
            raise RpcError(RpcStatus.FAILED_PRECONDITION, "a message came behind the end of its stream")
        if sequence != self.received + 1:
            raise RpcError(
                RpcStatus.DATA_LOSS, f"message {sequence} of a stream came behind message {self.received}"
            )
        if self._allowed <= 0:
            raise RpcError(RpcStatus.RESOURCE_EXHAUSTED, "a message came without credit for it")
        self.received = sequence
        self._allowed -= len(payload) + MESSAGE_COST
        self._messages.append(payload)
        self._wake()

    def end(self, error: ExchangeError | None = None) -> None:
        """No more come: what is here can be read, then the stream ends, or the error is raised."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    def fail(self, error: ExchangeError) -> None:
        """No more come, and what is here is let go: whoever reads gets the error."""
        self._messages.clear()
        self._allowed, self._taken = self._window, 0
        if not (self._ended and self._error):
            self._ended, self._error = True, error
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._messages:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("a stream has one reader")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        payload = self._messages.popleft()
        self._taken += len(payload) + MESSAGE_COST
        if self._taken * 2 >= self._window and not self._ended:
            credit, self._taken = self._taken, 0
            self._allowed += credit
            await self._grant(credit)
        return payload

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Outgoing:
    """The messages to the other side.

    Args:
        credit: What may be sent at first; bytes.
        put: Hands a numbered message over.
    """

    def __init__(self, credit: int, put: Callable[[int, bytes], Awaitable[None]]) -> None:
        self.sent = 0
        self._credit = credit
        self._put = put
        self._error: ExchangeError | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sending = asyncio.Lock()

    def granted(self, credit: int) -> None:
        """The other side lets so many bytes more come."""
        self._credit += credit
        self._wake()

    def fail(self, error: ExchangeError) -> None:
        """Nothing more can be sent: whoever sends, or waits for credit, gets the error."""
        if self._error is None:
            self._error = error
            self._wake()

    async def send(self, payload: bytes) -> None:
        """Send a message as soon as there is credit for it.

        Raises:
            ExchangeError: The call has ended, or this side of it.
            TypeError: It is not bytes.
        """
        if not isinstance(payload, bytes):
            raise TypeError(f"a message is bytes, not {type(payload).__name__}")
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise RpcError(RpcStatus.OUT_OF_RANGE, f"a message is longer than {PAYLOAD_BYTES_MAX} bytes")
        async with self._sending:
            while self._error is None and self._credit <= 0:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
            if self._error is not None:
                raise self._error
            self._credit -= len(payload) + MESSAGE_COST
            self.sent += 1
            await self._put(self.sent, payload)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)


class Stream:
    """One side of a call with streams: what comes, what goes, and how it ended.

    Args:
        incoming: What comes.
        outgoing: What goes.
        half_close: Tells the other side that nothing more goes.
        cancel: Tells the other side that nobody waits; called at most once.
    """

    def __init__(
        self,
        incoming: Incoming,
        outgoing: Outgoing,
        half_close: Callable[[], Awaitable[None]],
        cancel: Callable[[], None],
    ) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.accepted = asyncio.Event()
        self.ended: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._half_close = half_close
        self._cancel = cancel
        self._closed = False

    async def half_close(self) -> None:
        """Nothing more goes; asked twice it does nothing."""
        if not self._closed and not self.ended.done():
            self._closed = True
            self.outgoing.fail(RpcError(RpcStatus.FAILED_PRECONDITION, "this side of the call was closed"))
            await self._half_close()

    def finish(self, reply: Reply, sent: int | None = None) -> None:
        """The other side answered.

        Args:
            reply: How the call ended.
            sent: How many messages it had sent; None where that is not known.
        """
        if self.ended.done():
            return
        if reply.status is RpcStatus.OK and sent not in (None, self.incoming.received):
            lost = f"{sent} messages were sent and {self.incoming.received} came"
            reply = Reply(RpcStatus.DATA_LOSS, b"", lost)
        self.ended.set_result(reply)
        self.accepted.set()
        error = None if reply.status is RpcStatus.OK else reply.error()
        self.incoming.end(error)
        over = RpcError(RpcStatus.FAILED_PRECONDITION, "the call has ended")
        self.outgoing.fail(error or over)

    def cancel(self, error: ExchangeError) -> None:
        """This side no longer waits: both streams are let go, and the other side is told."""
        self.incoming.fail(error)
        self.outgoing.fail(error)
        self.accepted.set()
        if not self.ended.done():
            self.ended.set_result(Reply(RpcStatus.CANCELLED, b"", str(error)))
            self._cancel()
