"""Calls from a ROUTER socket to a dispatcher and back."""

from __future__ import annotations

import asyncio
from typing import Final, Self

import zmq

from exchange.bus.curve import Authenticator, KeyPair, Principal
from exchange.bus.endpoints import check_reach
from exchange.bus.monitor import monitor
from exchange.bus.options import SocketOptions, configure
from exchange.bus.pump import Pump
from exchange.bus.rpc.calls import NS_A_US, Call, Metadata, Reply
from exchange.bus.rpc.dispatch import Dispatcher
from exchange.bus.rpc.eager import begin
from exchange.bus.rpc.running import CLOSING, Key, Running, RunningCalls
from exchange.bus.rpc.streams import Incoming, Outgoing, Stream
from exchange.bus.rpc.wire import reply_frame, request_of
from exchange.errors import RpcStatus, SecurityError, ServiceUnavailableError, TransportError, WireError
from exchange.schema.bus_frames import CallFrame, CancelFrame, CreditFrame, Frame, MessageFrame, encode_frame

# Whoever reaches a socket in a private directory, or in this process, is the user who runs it.
LOCAL = Principal("local", None, frozenset({"service"}))

# How long answers that were given last may take to leave; nobody waits for it but the end of the context.
_LINGER_MS: Final = 200
# How often the peers of streams are looked for, and how long a full queue is left alone.
_PROBE_S: Final = 0.5
_FULL_S: Final = 0.002
_ARE_YOU_THERE: Final = CreditFrame(0, 0)


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
        self._dispatcher = dispatcher
        self._authenticator = authenticator
        self._calls = RunningCalls()
        self._probe: asyncio.TimerHandle | None = None
        self._closing = False
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
        self._pump = Pump(socket, self._on_message, parts_max=3, keep_last=authenticator is not None)

    @property
    def running(self) -> int:
        """Calls under way on this endpoint."""
        return len(self._calls)

    async def close(self, grace_ms: int = 0) -> None:
        """Refuse new calls, give those under way this time to end, cancel the rest, close the socket."""
        self._closing = True
        await self._calls.idle(grace_ms / 1000)
        await self._calls.cancel()
        if self._probe is not None:
            self._probe.cancel()
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

    def _on_message(self, parts: list[bytes]) -> None:
        peer = parts[0]
        try:
            frame, payload = request_of(parts)
        except WireError as error:
            self.bad_frames += 1
            self._reply(peer, 0, Reply(RpcStatus.INVALID_ARGUMENT, b"", str(error)))
            return
        if isinstance(frame, CallFrame):
            self._start((peer, frame.call_id), frame, payload)
        elif (running := self._calls.get((peer, frame.call_id))) is None:
            pass  # it has ended meanwhile
        elif isinstance(frame, CancelFrame):
            running.end()
        elif running.stream is not None:
            running.take(frame, payload)

    def _start(self, key: Key, frame: CallFrame, payload: bytes) -> None:
        peer, call_id = key
        if self._closing:
            refusal: Reply | None = CLOSING
        elif key in self._calls:
            refusal = Reply(RpcStatus.ALREADY_EXISTS, b"", "this call is under way already")
        else:
            refusal = self._dispatcher.admit(peer)
        if refusal is not None:
            self._reply(peer, call_id, refusal)
            return
        call = Call(
            frame.method,
            payload,
            Metadata(
                frame.correlation_id,
                frame.tenant_id,
                frame.user_id,
                frame.security_context,
                frame.traceparent,
            ),
            self._dispatcher.deadline_within(frame.remaining_us * NS_A_US, frame.streaming),
            self._principal(),
            frame.streaming,
            self._stream(key, frame) if frame.streaming else None,
        )
        work = self._dispatcher.answer(call)
        context = None
        if self._dispatcher.is_eager(call):
            try:
                reply, context = begin(work)
            except asyncio.CancelledError:
                reply = Reply(RpcStatus.CANCELLED, b"", "the call was cancelled")
            if reply is not None:
                self._dispatcher.release(peer)
                self._reply(peer, call_id, reply)
                return
        task = asyncio.get_running_loop().create_task(work, name=frame.method, context=context)
        self._calls.add(key, Running(task, call.stream))
        task.add_done_callback(lambda _: self._ended(key))

    def _principal(self) -> Principal | None:
        """Who sent the message that is being taken in."""
        if self._authenticator is None:
            return LOCAL
        last = self._pump.last
        return None if last is None else self._authenticator.principal(last)

    def _stream(self, key: tuple[bytes, int], frame: CallFrame) -> Stream:
        """The server's side of a call with streams; the client is told that it is open."""
        peer, call_id = key
        window = self._dispatcher.limits.window_bytes if frame.streaming.client else 0

        async def grant(credit: int) -> None:
            await self._send(peer, CreditFrame(call_id, credit))

        async def put(sequence: int, payload: bytes) -> None:
            await self._send(peer, MessageFrame(call_id, sequence), payload)

        async def half_close() -> None:
            """A server closes its side with its reply."""

        self._post(peer, CreditFrame(call_id, window))
        if self._probe is None:
            self._probe = asyncio.get_running_loop().call_later(_PROBE_S, self._look_for_peers)
        return Stream(Incoming(window, grant), Outgoing(frame.credit, put), half_close, lambda: None)

    def _ended(self, key: Key) -> None:
        peer, call_id = key
        running = self._calls.pop(key)
        self._dispatcher.release(peer)
        reply, sent = running.finish(self._closing)
        if reply is not None:
            self._reply(peer, call_id, reply, sent)

    def _look_for_peers(self) -> None:
        """Give up the calls of those who are gone: nothing else tells that a stream's reader has vanished."""
        streaming = self._calls.streaming_peers()
        for peer in streaming:
            self._notify(peer, _ARE_YOU_THERE)
        self._probe = None
        if streaming:
            self._probe = asyncio.get_running_loop().call_later(_PROBE_S, self._look_for_peers)

    async def _send(self, peer: bytes, frame: Frame, payload: bytes = b"") -> None:
        """Send as soon as the peer's queue has room, which ends when the peer is gone.

        Raises:
            ServiceUnavailableError: It is gone.
        """
        while not self._notify(peer, frame, payload):  # noqa: ASYNC110 (nothing tells of a peer's queue)
            await asyncio.sleep(_FULL_S)

    def _post(self, peer: bytes, frame: Frame, payload: bytes = b"") -> None:
        """Send now or, where the peer's queue is full, as soon as it is not."""
        if not self._pump.closed and not self._notify(peer, frame, payload):
            asyncio.get_running_loop().call_later(_FULL_S, self._post, peer, frame, payload)

    def _notify(self, peer: bytes, frame: Frame, payload: bytes = b"") -> bool:
        """Send, unless the peer's queue is full; one that is gone loses its calls."""
        if self._pump.closed:
            raise ServiceUnavailableError("the service is closed")
        try:
            return self._pump.try_send([peer, encode_frame(frame) + payload])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._calls.lose(peer)
            return True

    def _reply(self, peer: bytes, call_id: int, reply: Reply, streamed: int | None = None) -> None:
        """Answer a call; that of a stream waits for room behind the stream's messages."""
        if self._pump.closed:
            return
        frame = reply_frame(call_id, reply, streamed or 0)
        if streamed is not None:
            self._post(peer, frame, reply.payload)
            return
        try:
            self._pump.try_send([peer, encode_frame(frame) + reply.payload])
        except zmq.ZMQError as error:
            # The peer is gone, and with it whoever waited.
            if error.errno != zmq.EHOSTUNREACH:
                raise
