"""Two ways to a service: a DEALER socket, and a dispatcher in the same process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import Protocol

import zmq

from exchange.bus.curve import KeyPair, Principal, connect_with
from exchange.bus.endpoints import check_reach
from exchange.bus.monitor import event_of, monitor
from exchange.bus.options import SocketOptions, configure
from exchange.bus.pump import Pump
from exchange.bus.rpc.calls import NS_A_US, Call, Reply, loop_time
from exchange.bus.rpc.dispatch import Dispatcher
from exchange.errors import (
    DeadlineExceeded,
    RpcStatus,
    SecurityError,
    ServiceUnavailableError,
    TransportError,
    WireError,
)
from exchange.schema.bus_frames import (
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    CallFrame,
    CancelFrame,
    ReplyFrame,
    decode_frame,
    encode_frame,
)


class Channel(Protocol):
    """Carries one call to a service and its answer back, until the call's deadline."""

    async def ask(self, call: Call) -> Reply:
        """The service's answer.

        Raises:
            DeadlineExceeded: None came in time; the service was told to stop, and may have acted.
            ServiceUnavailableError: The call did not get there, or the connection broke before an answer.
            WireError: The call is beyond the bounds of a frame.
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

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        *,
        keys: KeyPair | None = None,
        server_public: str | None = None,
        options: SocketOptions | None = None,
    ) -> None:
        if (keys is None) != (server_public is None):
            raise SecurityError("a client's keys and its server's public key come together or not at all")
        check_reach(endpoint, protected=keys is not None)
        if endpoint.startswith("inproc://"):
            raise TransportError(f"{endpoint} tells of no connection: expected ipc:// or tcp://")
        self.endpoint = endpoint
        self.bad_frames = 0
        self._context = context
        self._keys = keys
        self._server_public = server_public
        self._options = replace(options or SocketOptions(), immediate=False)
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._standing = asyncio.Event()  # a connection stands, or none ever will again
        self._closed = False
        self._open()

    async def ask(self, call: Call) -> Reply:
        """See `Channel`."""
        _check_payload(call)
        call_id = next(self._ids)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        sent = False
        try:
            async with asyncio.timeout_at(loop_time(call.deadline_ns)):
                await self._send(call, call_id)
                sent = True
                self._waiting[call_id] = answer
                return await answer
        except TimeoutError:
            if not sent:
                raise ServiceUnavailableError(f"nobody answers at {self.endpoint}") from None
            raise DeadlineExceeded(f"{call.method} was not answered in time") from None
        finally:
            self._waiting.pop(call_id, None)
            if sent and answer.cancelled() and self._standing.is_set() and not self._closed:
                self._pump.try_send([encode_frame(CancelFrame(call_id)), b""])

    async def close(self) -> None:
        """See `Channel`."""
        if self._closed:
            return
        self._closed = True
        self._standing.set()
        self._fail(f"the channel to {self.endpoint} was closed")
        self._shut()

    async def _send(self, call: Call, call_id: int) -> None:
        """Send as soon as a connection stands and has room."""
        while not self._closed:
            pump = self._pump
            if not self._standing.is_set():
                await self._standing.wait()
            elif pump.try_send([encode_frame(_frame_of(call, call_id)), call.payload]):
                return
            else:
                await pump.writable()
        raise ServiceUnavailableError(f"the channel to {self.endpoint} is closed")

    def _open(self) -> None:
        """A new socket, which connects as soon as there is a server."""
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        configure(socket, self._options)
        if self._keys is not None and self._server_public is not None:
            connect_with(socket, self._keys, self._server_public)
        events = monitor(self._context, socket, zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._socket = socket
        self._pump = Pump(socket, self._on_message, parts_max=2)
        self._monitor = Pump(events, self._on_event, parts_max=2)
        socket.connect(self.endpoint)

    def _shut(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._pump.close()

    def _on_message(self, parts: list[zmq.Frame]) -> None:
        try:
            frame = _reply_frame(parts)
        except WireError:
            self.bad_frames += 1
            return
        answer = self._waiting.get(frame.call_id)
        if answer is not None and not answer.done():
            answer.set_result(Reply(frame.status, parts[1].bytes, frame.message, frame.retry_after_ms))

    def _on_event(self, parts: list[zmq.Frame]) -> None:
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


class LocalChannel:
    """The same within one process: bounds, deadlines, headers and statuses are those of the socket.

    Args:
        dispatcher: What answers.
        principal: Who the caller is.
    """

    def __init__(self, dispatcher: Dispatcher, principal: Principal) -> None:
        self._dispatcher = dispatcher
        self._principal = principal
        self._tasks: set[asyncio.Task[Reply]] = set()
        self._closed = False

    async def ask(self, call: Call) -> Reply:
        """See `Channel`."""
        if self._closed:
            raise ServiceUnavailableError("the channel is closed")
        _check_payload(call)
        encode_frame(_frame_of(call, 1))  # refuses what the wire would
        if (refusal := self._dispatcher.admit(self)) is not None:
            return refusal
        deadline_ns = self._dispatcher.deadline_within(call.remaining_ns)
        there = Call(call.method, call.payload, call.metadata, deadline_ns, self._principal)
        task = asyncio.get_running_loop().create_task(self._dispatcher.answer(there), name=call.method)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout_at(loop_time(call.deadline_ns)):
                await asyncio.wait({task})
        except TimeoutError:
            raise DeadlineExceeded(f"{call.method} was not answered in time") from None
        finally:
            task.cancel()
        if task.cancelled():
            raise ServiceUnavailableError("the call was given up with its channel")
        return task.result()

    async def close(self) -> None:
        """See `Channel`."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Reply]) -> None:
        self._tasks.discard(task)
        self._dispatcher.release(self)


def _reply_frame(parts: list[zmq.Frame]) -> ReplyFrame:
    if len(parts) != 2 or len(parts[0]) > FRAME_BYTES_MAX or len(parts[1]) > PAYLOAD_BYTES_MAX:
        raise WireError("a reply is a frame of at most 64 KiB and a payload of at most 4 MiB")
    frame = decode_frame(parts[0].bytes)
    if not isinstance(frame, ReplyFrame):
        raise WireError("clients take replies only")
    return frame


def _check_payload(call: Call) -> None:
    if len(call.payload) > PAYLOAD_BYTES_MAX:
        raise WireError(f"the payload has {len(call.payload)} bytes, more than {PAYLOAD_BYTES_MAX}")


def _frame_of(call: Call, call_id: int) -> CallFrame:
    metadata = call.metadata
    return CallFrame(
        call_id,
        call.method,
        max(0, call.remaining_ns // NS_A_US),
        metadata.correlation_id,
        metadata.tenant_id,
        metadata.user_id,
        metadata.security_context,
    )
