"""The way to a service: what a channel is, and the one over a DEALER socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Protocol

import zmq

from exchange.bus.curve import KeyPair
from exchange.bus.monitor import event_of
from exchange.bus.options import SocketOptions
from exchange.bus.pump import Pump
from exchange.bus.rpc.address import Address
from exchange.bus.rpc.calls import Call, Reply, loop_time
from exchange.bus.rpc.deadlines import Deadlines
from exchange.bus.rpc.streams import Incoming, Outgoing, Stream
from exchange.bus.rpc.wire import Answer, answer_of, check_payload, frame_of, reply_of
from exchange.errors import (
    DeadlineExceeded,
    RpcError,
    RpcStatus,
    ServiceUnavailableError,
    WireError,
)
from exchange.schema.bus_frames import (
    CancelFrame,
    CreditFrame,
    EndFrame,
    Frame,
    MessageFrame,
    ReplyFrame,
    encode_frame,
)


class Channel(Protocol):
    """Carries one call to a service and its answer back, until the call's deadline."""

    @property
    def in_process(self) -> bool:
        """Whether the service is in this process."""
        ...

    @property
    def standing(self) -> bool:
        """Whether a connection stands: a call would go out at once."""
        ...

    async def ask(self, call: Call, deadline_ns: int) -> Reply:
        """The service's answer.

        Args:
            call: What is asked.
            deadline_ns: When this try is over, no later than the call itself; monotonic.

        Raises:
            DeadlineExceeded: None came in time; the service was told to stop, and may have acted.
            ServiceUnavailableError: The call did not get there, or the connection broke before an answer.
            WireError: The call is beyond the bounds of a frame.
        """
        ...

    async def open(self, call: Call, window: int, opening_ns: int) -> Stream:
        """The client's side of a call with streams, which the service has taken.

        Args:
            call: What is asked. Its deadline is the stream's, and the caller's to keep.
            window: What the service may send before it is read; bytes.
            opening_ns: By when it has to be open; monotonic.

        Raises:
            DeadlineExceeded, ServiceUnavailableError, WireError: As `ask`.
        """
        ...

    async def close(self) -> None:
        """Give up what is under way and let go of all resources."""
        ...


class SocketChannel:
    """A connection that is made again whenever it breaks. Belongs to the asyncio loop in which it is made.

    Calls are sent only while a connection stands, so that none arrives after its caller has given up; when it
    breaks, the calls that were sent over it fail at once: whether the service acted on them is unknown. Each
    connection has a socket of its own, as libzmq would send what one left behind over the next.

    Args:
        context: The ZeroMQ context.
        endpoint: Where the server listens, by `ipc` or TCP; within a process there is `LocalChannel`.
        keys: This client's keys, for a CURVE server.
        server_public: The server's public key, with `keys`.
        options: Of the socket.

    Raises:
        SecurityError: An endpoint where others may listen, without keys.
        TransportError: An `inproc` endpoint.
    """

    in_process = False

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        keys: KeyPair | None = None,
        server_public: str | None = None,
        options: SocketOptions | None = None,
    ) -> None:
        self._address = Address(context, endpoint, keys, server_public, options or SocketOptions())
        self.endpoint = endpoint
        self.bad_frames = 0
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Reply | None]] = {}
        self._deadlines = Deadlines(self._late)
        self._streams: dict[int, Stream] = {}
        self._standing = asyncio.Event()  # a connection stands, or none ever will again
        self._closed = False
        self._open()

    async def ask(self, call: Call, deadline_ns: int) -> Reply:
        """See `Channel`."""
        check_payload(call)
        call_id = next(self._ids)
        if not self.standing or not self._pump.try_send([_message(call, deadline_ns, call_id)]):
            await self._reach(call, deadline_ns, call_id)
        answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = answer
        self._deadlines.add(call_id, deadline_ns)
        reply = None
        try:
            reply = await answer
        finally:
            del self._waiting[call_id]
            self._deadlines.remove(call_id)
            if reply is None and self.standing:
                self._pump.try_send([encode_frame(CancelFrame(call_id))])
        if reply is None:
            raise DeadlineExceeded(f"{call.method} was not answered in time")
        return reply

    async def _reach(self, call: Call, deadline_ns: int, call_id: int) -> None:
        """Send it as soon as that is possible.

        Raises:
            ServiceUnavailableError: It was not, in time.
        """
        try:
            async with asyncio.timeout_at(loop_time(deadline_ns)):
                await self._send_frame(lambda: _message(call, deadline_ns, call_id))
        except TimeoutError:
            raise ServiceUnavailableError(f"nobody answers at {self.endpoint}") from None

    def _late(self, call_id: int) -> None:
        """A call is out of time: its caller finds no reply."""
        answer = self._waiting[call_id]
        if not answer.done():
            answer.set_result(None)

    async def open(self, call: Call, window: int, opening_ns: int) -> Stream:
        """See `Channel`."""
        check_payload(call)
        call_id = next(self._ids)
        stream = self._stream(call_id, window)
        try:
            async with asyncio.timeout_at(loop_time(opening_ns)):
                await self._send_frame(lambda: _message(call, call.deadline_ns, call_id, window))
                self._streams[call_id] = stream
                await stream.accepted.wait()
        except TimeoutError:
            sent = call_id in self._streams
            late = DeadlineExceeded(f"{call.method} was not opened in time")
            stream.cancel(late)
            raise late if sent else ServiceUnavailableError(f"nobody answers at {self.endpoint}") from None
        except BaseException:
            stream.cancel(ServiceUnavailableError("the call was given up"))
            raise
        return stream

    @property
    def standing(self) -> bool:
        """Whether a connection stands."""
        return self._standing.is_set() and not self._closed

    @property
    def under_way(self) -> int:
        """Calls that have not ended, streams included."""
        return len(self._waiting) + len(self._streams)

    async def close(self) -> None:
        """See `Channel`."""
        if self._closed:
            return
        self._closed = True
        self._standing.set()
        self._fail(f"the channel to {self.endpoint} was closed")
        self._deadlines.close()
        self._shut()

    def _stream(self, call_id: int, window: int) -> Stream:
        async def grant(credit: int) -> None:
            await self._send_of(call_id, CreditFrame(call_id, credit))

        async def put(sequence: int, payload: bytes) -> None:
            await self._send_of(call_id, MessageFrame(call_id, sequence), payload)

        async def half_close() -> None:
            await self._send_of(call_id, EndFrame(call_id, stream.outgoing.sent))

        def cancel() -> None:
            if self._streams.pop(call_id, None) is not None and self.standing:
                self._pump.try_send([encode_frame(CancelFrame(call_id))])

        stream = Stream(Incoming(window, grant), Outgoing(0, put), half_close, cancel)
        return stream

    async def _send_of(self, call_id: int, frame: Frame, payload: bytes = b"") -> None:
        """Send what belongs to a stream, while it is open: never over the next connection."""
        message = encode_frame(frame) + payload
        while call_id in self._streams and self.standing and not self._pump.try_send([message]):
            await self._pump.writable()

    async def _send_frame(self, message: Callable[[], bytes]) -> None:
        """Send a call as soon as a connection stands and has room."""
        while not self._closed:
            pump = self._pump
            if not self._standing.is_set():
                await self._standing.wait()
            elif pump.try_send([message()]):
                return
            else:
                await pump.writable()
        raise ServiceUnavailableError(f"the channel to {self.endpoint} is closed")

    def _open(self) -> None:
        """A new socket, which connects as soon as there is a server."""
        self._socket, events = self._address.connect()
        self._pump = Pump(self._socket, self._on_message, parts_max=2)
        self._monitor = Pump(events, self._on_event, parts_max=2)

    def _shut(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._pump.close()

    def _on_message(self, parts: list[bytes]) -> None:
        try:
            frame, payload = answer_of(parts)
        except WireError:
            self.bad_frames += 1
            return
        answer = self._waiting.get(frame.call_id)
        if answer is not None:
            if isinstance(frame, ReplyFrame) and not answer.done():
                answer.set_result(reply_of(frame, payload))
        elif (stream := self._streams.get(frame.call_id)) is not None:
            self._take(stream, frame, payload)

    def _take(self, stream: Stream, frame: Answer, payload: bytes) -> None:
        """What the server sent on a stream; whatever comes says that it is open."""
        if isinstance(frame, ReplyFrame):
            del self._streams[frame.call_id]
            stream.finish(reply_of(frame, payload), frame.sequence)
        elif isinstance(frame, CreditFrame):
            stream.outgoing.granted(frame.credit)
        else:
            try:
                stream.incoming.put(frame.sequence, payload)
            except RpcError as error:
                stream.cancel(error)
        stream.accepted.set()

    def _on_event(self, parts: list[bytes]) -> None:
        if event_of(parts) == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._standing.set()
        elif self._standing.is_set() and not self._closed:
            self._standing.clear()
            self._pump.drain()  # an answer may have come just before
            self._fail(f"the connection to {self.endpoint} broke before an answer")
            self._shut()
            self._open()

    def _fail(self, why: str) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(Reply(RpcStatus.UNAVAILABLE, b"", why))
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.finish(Reply(RpcStatus.UNAVAILABLE, b"", why))


def _message(call: Call, deadline_ns: int, call_id: int, window: int = 0) -> bytes:
    """What opens a call; encoded when it is sent, as it says what time is left."""
    return encode_frame(frame_of(call, deadline_ns, call_id, window)) + call.payload
