"""The calls that are under way on one endpoint of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from exchange.bus.rpc.calls import Reply
from exchange.bus.rpc.streams import Stream
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError
from exchange.schema.bus_frames import CreditFrame, EndFrame, MessageFrame

Key = tuple[bytes, int]
"""A peer's address, and its number of the call."""
CLOSING = Reply(RpcStatus.UNAVAILABLE, b"", "the service is closing")


@dataclass(slots=True)
class Running:
    """A call under way."""

    task: asyncio.Task[Reply]
    stream: Stream | None
    refusal: Reply | None = None  # why it is ended before its handler ends
    gone: bool = False  # nobody is there to be answered
    ending: bool = False  # it was cancelled: once, as a handler may tidy up

    def end(self, refusal: Reply | None = None) -> None:
        """Cancel the handler."""
        self.refusal = self.refusal or refusal
        if not self.ending:
            self.ending = True
            self.task.cancel()

    def take(self, frame: MessageFrame | EndFrame | CreditFrame, payload: bytes) -> None:
        """What its client sent on its stream; one that breaks the rules ends it."""
        if self.stream is None:
            raise ValueError("a unary call has no stream")
        incoming = self.stream.incoming
        try:
            if isinstance(frame, CreditFrame):
                self.stream.outgoing.granted(frame.credit)
            elif isinstance(frame, MessageFrame):
                incoming.put(frame.sequence, payload)
            elif frame.sequence == incoming.received:
                incoming.end()
            else:
                lost = f"{frame.sequence} messages were sent and {incoming.received} came"
                self.end(Reply(RpcStatus.DATA_LOSS, b"", lost))
        except RpcError as error:
            self.end(Reply(error.code, b"", error.message))

    def finish(self, closing: bool) -> tuple[Reply | None, int | None]:
        """Its reply, None where nobody is there, and how many messages its stream sent, None without one.

        Args:
            closing: The server is: that is why it was cancelled.
        """
        sent = None
        if self.stream is not None:
            sent = self.stream.outgoing.sent
            over = ServiceUnavailableError("the call has ended")
            self.stream.incoming.fail(over)
            self.stream.outgoing.fail(over)
        if self.gone:
            return None, sent
        if self.refusal is not None:
            return self.refusal, sent
        if self.task.cancelled():
            cancelled = Reply(RpcStatus.CANCELLED, b"", "the call was cancelled")
            return (CLOSING if closing else cancelled), sent
        if self.task.exception() is not None:
            return Reply(RpcStatus.INTERNAL, b"", "internal error"), sent
        return self.task.result(), sent


class RunningCalls:
    """Those of one endpoint, by peer and number."""

    def __init__(self) -> None:
        self._calls: dict[Key, Running] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: Key) -> bool:
        return key in self._calls

    def get(self, key: Key) -> Running | None:
        """The call with that number of that peer; None where none is, or it is being ended."""
        running = self._calls.get(key)
        return None if running is None or running.ending else running

    def add(self, key: Key, running: Running) -> None:
        """One more."""
        self._calls[key] = running
        self._idle.clear()

    def pop(self, key: Key) -> Running:
        """It has ended."""
        running = self._calls.pop(key)
        if not self._calls:
            self._idle.set()
        return running

    def streaming_peers(self) -> set[bytes]:
        """Who has calls with streams."""
        return {peer for (peer, _), running in self._calls.items() if running.stream is not None}

    def lose(self, peer: bytes) -> None:
        """A peer is gone: so are its calls."""
        for running in self._of(peer):
            if not running.gone:
                running.gone = True
                running.end()

    async def idle(self, grace_s: float) -> None:
        """Wait until there is none, at most so long."""
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            return

    async def cancel(self) -> None:
        """Cancel all, and wait until they have ended."""
        tasks = [running.task for running in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _of(self, peer: bytes) -> Iterator[Running]:
        return (running for (caller, _), running in list(self._calls.items()) if caller == peer)
