"""Calls from a ROUTER socket to a dispatcher and back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Self

import zmq

from exchange.bus.curve import Authenticator, KeyPair, Principal
from exchange.bus.endpoints import check_reach
from exchange.bus.monitor import monitor
from exchange.bus.options import SocketOptions, configure
from exchange.bus.pump import Pump
from exchange.bus.rpc.calls import NS_A_US, Call, Metadata, Reply
from exchange.bus.rpc.dispatch import Dispatcher
from exchange.errors import RpcStatus, SecurityError, TransportError, WireError
from exchange.schema.bus_frames import (
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    RETRY_MS_MAX,
    CallFrame,
    CancelFrame,
    ReplyFrame,
    decode_frame,
    encode_frame,
)

# Whoever reaches a socket in a private directory, or in this process, is the user who runs it.
LOCAL = Principal("local", None, frozenset({"service"}))

# How long answers that were given last may take to leave; nobody waits for it but the end of the context.
_LINGER_MS: Final = 200


class RpcServer:
    """Serves a dispatcher on one endpoint, from the asyncio loop in which it is made.

    An endpoint that other users can reach (TCP) has to be protected by an authenticator; `ipc` endpoints lie
    in a private directory, which is made or checked. `async with` closes it.

    Args:
        context: The ZeroMQ context.
        endpoint: Where to listen: `ipc://…`, `inproc://…` or `tcp://…`; with port `*` see `endpoint`.
        dispatcher: What answers.
        authenticator: Who may come in; of the same context, and attached to this loop here.
        keys: The server's own keys; with an authenticator only.
        options: Of the socket.

    Raises:
        SecurityError: The endpoint is open to others and not protected, or its directory is not private.
        TransportError: It cannot be bound.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        dispatcher: Dispatcher,
        *,
        authenticator: Authenticator | None = None,
        keys: KeyPair | None = None,
        options: SocketOptions | None = None,
    ) -> None:
        if (authenticator is None) != (keys is None):
            raise SecurityError("an authenticator and the server's keys come together or not at all")
        check_reach(endpoint, protected=authenticator is not None)
        self.bad_frames = 0
        self.replies_lost = 0
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._calls: dict[tuple[bytes, int], asyncio.Task[Reply]] = {}
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
        try:
            configure(socket, options or SocketOptions())
            if authenticator is not None and keys is not None:
                authenticator.protect(socket, keys)
                authenticator.attach()
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            socket.close()
            raise TransportError(f"{endpoint} cannot be bound: {error}") from None
        except BaseException:
            socket.close()
            raise
        self.endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        self._context = context
        self._socket = socket
        self._pump = Pump(socket, self._on_message, parts_max=3)

    @property
    def running(self) -> int:
        """Calls under way on this endpoint."""
        return len(self._calls)

    async def close(self, grace_ms: int = 0) -> None:
        """Refuse new calls, give those under way this time to end, cancel the rest, close the socket."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_ms / 1000):
                await self._idle.wait()
        tasks = list(self._calls.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._pump.closed:
            await self._leave()
            self._pump.close()

    async def _leave(self) -> None:
        """Give the endpoint back, so that the next server can have it at once.

        libzmq closes what listens in a thread of its own; until it has, a TCP port is taken.
        """
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        if self.endpoint.startswith("inproc://"):
            return
        left = asyncio.Event()
        events = monitor(self._context, self._socket, zmq.EVENT_CLOSED | zmq.EVENT_CLOSE_FAILED)
        watching = Pump(events, lambda _: left.set(), parts_max=2)
        try:
            self._socket.unbind(self.endpoint)
            await left.wait()
        finally:
            self._socket.disable_monitor()
            watching.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _on_message(self, parts: list[zmq.Frame]) -> None:
        peer = parts[0].bytes
        try:
            frame = _request(parts)
        except WireError as error:
            self.bad_frames += 1
            self._reply(peer, 0, Reply(RpcStatus.INVALID_ARGUMENT, b"", str(error)))
            return
        if isinstance(frame, CancelFrame):
            if (task := self._calls.get((peer, frame.call_id))) is not None:
                task.cancel()
            return
        self._start(peer, frame, parts[2])

    def _start(self, peer: bytes, frame: CallFrame, payload: zmq.Frame) -> None:
        key = (peer, frame.call_id)
        if self._closing:
            refusal: Reply | None = Reply(RpcStatus.UNAVAILABLE, b"", "the service is closing")
        elif key in self._calls:
            refusal = Reply(RpcStatus.ALREADY_EXISTS, b"", "this call is under way already")
        else:
            refusal = self._dispatcher.admit(peer)
        if refusal is not None:
            self._reply(peer, frame.call_id, refusal)
            return
        call = Call(
            frame.method,
            payload.bytes,
            Metadata(frame.correlation_id, frame.tenant_id, frame.user_id, frame.security_context),
            self._dispatcher.deadline_within(frame.remaining_us * NS_A_US),
            LOCAL if self._authenticator is None else self._authenticator.principal(payload),
        )
        task = asyncio.get_running_loop().create_task(self._dispatcher.answer(call), name=frame.method)
        self._calls[key] = task
        self._idle.clear()
        task.add_done_callback(lambda done: self._ended(key, done))

    def _ended(self, key: tuple[bytes, int], task: asyncio.Task[Reply]) -> None:
        peer, call_id = key
        del self._calls[key]
        self._dispatcher.release(peer)
        if not self._calls:
            self._idle.set()
        if task.cancelled():
            code = RpcStatus.UNAVAILABLE if self._closing else RpcStatus.CANCELLED
            reply = Reply(code, b"", "the service is closing" if self._closing else "the call was cancelled")
        elif task.exception() is not None:
            reply = Reply(RpcStatus.INTERNAL, b"", "internal error")
        else:
            reply = task.result()
        self._reply(peer, call_id, reply)

    def _reply(self, peer: bytes, call_id: int, reply: Reply) -> None:
        if self._pump.closed:
            self.replies_lost += 1
            return
        retry_after_ms = reply.retry_after_ms
        if retry_after_ms is not None:
            retry_after_ms = min(max(0, retry_after_ms), RETRY_MS_MAX)
        frame = encode_frame(ReplyFrame(call_id, reply.status, reply.message, retry_after_ms))
        try:
            sent = self._pump.try_send([peer, frame, reply.payload])
        except zmq.ZMQError as error:
            # The peer is gone, and with it whoever waited.
            if error.errno != zmq.EHOSTUNREACH:
                raise
            sent = False
        if not sent:
            self.replies_lost += 1


def _request(parts: list[zmq.Frame]) -> CallFrame | CancelFrame:
    if len(parts) != 3 or len(parts[1]) > FRAME_BYTES_MAX or len(parts[2]) > PAYLOAD_BYTES_MAX:
        raise WireError("a message is a frame of at most 64 KiB and a payload of at most 4 MiB")
    frame = decode_frame(parts[1].bytes)
    if isinstance(frame, ReplyFrame):
        raise WireError("servers take no replies")
    return frame
