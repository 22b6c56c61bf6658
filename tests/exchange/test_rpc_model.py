"""One connection against a model: any frames in any order, and peers that do not keep to the rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zmq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from exchange.bus.endpoints import ipc_endpoint
from exchange.bus.rpc import (
    Call,
    Dispatcher,
    DispatchLimits,
    RpcClient,
    RpcServer,
    SocketChannel,
    Streaming,
    bidirectional,
    client_streaming,
)
from exchange.errors import RpcError, RpcStatus
from exchange.schema.bus_frames import (
    CallFrame,
    CancelFrame,
    CreditFrame,
    EndFrame,
    Frame,
    MessageFrame,
    ReplyFrame,
    decode_frame,
    encode_frame,
    read_message,
)
from tests.exchange.rpc_world import METADATA, context, policy_of, run

WINDOW = 5_000
IDS = st.integers(1, 4)


@dataclass
class Open:
    """A stream of the model: what was sent on it both ways."""

    sent: int = 0
    echoed: int = 0


def call_frame(call_id: int, method: str, streaming: Streaming, credit: int = 1 << 20) -> CallFrame:
    """A call with the headers of the tests."""
    headers = (
        METADATA.correlation_id,
        METADATA.tenant_id,
        METADATA.user_id,
        METADATA.security_context,
    )
    return CallFrame(call_id, method, 30_000_000, *headers, streaming, credit)


class Host:
    """A server in a loop of its own, which runs while the test asks, and a bare socket to it."""

    def __init__(self, path: Path) -> None:
        self.running = 0
        self.sent = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._loop = asyncio.new_event_loop()

        @bidirectional
        async def echo(_: Call, requests: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
            self.running += 1
            try:
                async for request in requests:
                    yield request
                yield b"bye"
            finally:
                self.running -= 1

        async def say(call: Call) -> bytes:
            return call.payload

        endpoint = ipc_endpoint(path / "run", "a")

        async def start() -> RpcServer:
            limits = DispatchLimits(window_bytes=WINDOW)
            return RpcServer(
                self._context, endpoint, Dispatcher({"a.echo": echo, "a.say": say}, limits=limits)
            )

        self._server = self._loop.run_until_complete(start())
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.connect(endpoint)

    def send(self, frame: bytes, payload: bytes = b"") -> None:
        """A message as it is, in one part or in two."""
        self.sent += 1
        self._socket.send_multipart([frame, payload] if self.sent % 2 else [frame + payload])

    def receive(self) -> tuple[Frame, bytes]:
        """The next one; credit that follows from reading aside."""

        async def take() -> tuple[Frame, bytes]:
            async with asyncio.timeout(30):
                while True:
                    try:
                        (message,) = self._socket.recv_multipart(zmq.NOBLOCK)
                    except zmq.Again:
                        await asyncio.sleep(0.0005)
                        continue
                    read, payload = read_message(message)
                    if not (isinstance(read, CreditFrame) and read.credit != WINDOW):
                        return read, payload

        return self._loop.run_until_complete(take())

    def close(self) -> None:
        """End all; what is still under way is counted before."""
        try:
            assert self._server.running == self.running == 0
        finally:
            self._loop.run_until_complete(self._server.close())
            self._loop.close()
            self._socket.close(0)
            self._context.term()


class Connection(RuleBasedStateMachine):
    """What a client may do, sensible or not; every step says what comes back, and that nothing else does."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = TemporaryDirectory()
        self.host = Host(Path(self._directory.name))
        self.open: dict[int, Open] = {}

    def expect(self, *frames: tuple[Frame, bytes]) -> None:
        """These come next, and then the answer to a call that is sent behind."""
        for frame in frames:
            got, payload = self.host.receive()
            if isinstance(got, ReplyFrame):
                got = ReplyFrame(got.call_id, got.status, "", None, got.sequence)
            assert (got, payload) == frame
        self.host.send(encode_frame(call_frame(99, "a.say", Streaming.UNARY)), b"there")
        assert self.host.receive() == (ReplyFrame(99, RpcStatus.OK), b"there")

    def ends(self, call_id: int, status: RpcStatus) -> tuple[Frame, bytes]:
        """The reply to a stream that ends otherwise than well."""
        return ReplyFrame(call_id, status, "", None, self.open.pop(call_id).echoed), b""

    @rule(call_id=IDS)
    def start(self, call_id: int) -> None:
        """A stream; an id that is under way is refused, and the call that has it goes on."""
        self.host.send(encode_frame(call_frame(call_id, "a.echo", Streaming.BIDIRECTIONAL)))
        if call_id in self.open:
            self.expect((ReplyFrame(call_id, RpcStatus.ALREADY_EXISTS), b""))
        else:
            self.open[call_id] = Open()
            self.expect((CreditFrame(call_id, WINDOW), b""))

    @rule(call_id=IDS, payload=st.binary(max_size=2_000))
    def say(self, call_id: int, payload: bytes) -> None:
        """A message comes back; one of no stream is passed over."""
        stream = self.open.get(call_id)
        self.host.send(encode_frame(MessageFrame(call_id, stream.sent + 1 if stream else 1)), payload)
        if stream is None:
            self.expect()
        else:
            stream.sent += 1
            stream.echoed += 1
            self.expect((MessageFrame(call_id, stream.echoed), payload))

    @rule(call_id=IDS, number=st.integers(0, 50))
    def skip(self, call_id: int, number: int) -> None:
        """A message out of its order ends its stream."""
        stream = self.open.get(call_id)
        if stream is not None and number == stream.sent + 1:
            return
        self.host.send(encode_frame(MessageFrame(call_id, number)), b"?")
        self.expect(*([] if stream is None else [self.ends(call_id, RpcStatus.DATA_LOSS)]))

    @rule(call_id=IDS, missing=st.integers(0, 1))
    def end(self, call_id: int, missing: int) -> None:
        """Half-close: the handler says its last; where messages were lost on the way the stream is."""
        stream = self.open.get(call_id)
        self.host.send(encode_frame(EndFrame(call_id, (stream.sent if stream else 0) + missing)))
        if stream is None:
            self.expect()
        elif missing:
            self.expect(self.ends(call_id, RpcStatus.DATA_LOSS))
        else:
            last = stream.echoed + 1
            del self.open[call_id]
            reply = ReplyFrame(call_id, RpcStatus.OK, "", None, last)
            self.expect((MessageFrame(call_id, last), b"bye"), (reply, b""))

    @rule(call_id=IDS)
    def cancel(self, call_id: int) -> None:
        """Also of what never was, or has ended: as when a cancel comes before its call."""
        self.host.send(encode_frame(CancelFrame(call_id)))
        self.expect(*([self.ends(call_id, RpcStatus.CANCELLED)] if call_id in self.open else []))

    @rule(call_id=IDS, credit=st.integers(0, 2**32 - 1))
    def grant(self, call_id: int, credit: int) -> None:
        """Credit, asked for or not."""
        self.host.send(encode_frame(CreditFrame(call_id, credit)))
        self.expect()

    @rule(junk=st.binary(max_size=64))
    def garbage(self, junk: bytes) -> None:
        """Bytes that are no frame are answered so, and change nothing."""
        self.host.send(junk)
        self.expect((ReplyFrame(0, RpcStatus.INVALID_ARGUMENT), b""))

    @rule(call_id=IDS)
    def unary(self, call_id: int) -> None:
        """A unary call shares the ids."""
        self.host.send(encode_frame(call_frame(call_id, "a.say", Streaming.UNARY)), b"x")
        under_way = call_id in self.open
        status = RpcStatus.ALREADY_EXISTS if under_way else RpcStatus.OK
        self.expect((ReplyFrame(call_id, status), b"" if under_way else b"x"))

    def teardown(self) -> None:
        """Nothing is left when all were cancelled."""
        try:
            for call_id in list(self.open):
                self.cancel(call_id)
        finally:
            self.host.close()
            self._directory.cleanup()


TestConnection = pytest.mark.req("E031")(Connection.TestCase)
TestConnection.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_client_that_sends_without_credit_is_ended_and_takes_no_memory(tmp_path: Path) -> None:
    """RESOURCE_EXHAUSTED at the first message too many; the handler is cancelled."""

    async def play() -> None:
        entered, gone = asyncio.Event(), asyncio.Event()

        @client_streaming
        async def deaf(_: Call, __: AsyncIterator[bytes]) -> bytes:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                gone.set()
            return b""

        limits = DispatchLimits(window_bytes=WINDOW)
        dispatcher = Dispatcher({"a.deaf": deaf}, limits=limits)
        async with context() as sockets, bare(sockets, zmq.DEALER) as socket:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            async with RpcServer(sockets, endpoint, dispatcher) as server:
                socket.connect(endpoint)
                socket.send_multipart([encode_frame(call_frame(1, "a.deaf", Streaming.CLIENT)), b""])
                await entered.wait()
                for number in range(1, 100):
                    socket.send_multipart([encode_frame(MessageFrame(1, number)), bytes(1_000)])
                frames = [decode_frame((await taken(socket))[0]) for _ in range(2)]
                assert frames[0] == CreditFrame(1, WINDOW)
                assert isinstance(frames[1], ReplyFrame)
                assert frames[1].status is RpcStatus.RESOURCE_EXHAUSTED
                assert frames[1].message == "a message came without credit for it"
                await gone.wait()
                socket.send_multipart([encode_frame(call_frame(2, "health.check", Streaming.UNARY)), b""])
                answer = decode_frame((await taken(socket))[0])  # behind all that came without credit
                assert answer == ReplyFrame(2, RpcStatus.OK)
                assert server.running == 0

    run(play())


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda number: MessageFrame(number, 2), "DATA_LOSS: message 2 of a stream came behind message 0"),
        (lambda number: ReplyFrame(number, RpcStatus.OK, sequence=3), "DATA_LOSS: 3 messages were sent"),
    ],
)
def test_client_of_a_server_that_loses_messages_is_told(
    tmp_path: Path, frames: Callable[[int], Frame], words: str
) -> None:
    """Whatever was lost on the way is no short stream."""

    async def play() -> None:
        async with context() as sockets, bare(sockets, zmq.ROUTER) as socket:
            endpoint = ipc_endpoint(tmp_path / "run", "a")
            socket.bind(endpoint)
            client = RpcClient(SocketChannel(sockets, endpoint), policy_of())

            async def serve() -> None:
                peer, frame = await taken(socket)
                call = decode_frame(frame)
                socket.send_multipart([peer, encode_frame(CreditFrame(call.call_id, 0)), b""])
                socket.send_multipart([peer, encode_frame(frames(call.call_id)), b""])

            serving = asyncio.create_task(serve())
            async with client.stream("a.b", Streaming.SERVER, metadata=METADATA) as stream:
                with pytest.raises(RpcError, match=words):
                    await anext(stream)
            await serving
            await client.close()

    run(play())


@asynccontextmanager
async def bare(sockets: zmq.Context[zmq.Socket[bytes]], kind: int) -> AsyncIterator[zmq.Socket[bytes]]:
    """A socket that keeps to no rules."""
    socket: zmq.Socket[bytes] = sockets.socket(kind)
    try:
        yield socket
    finally:
        socket.close(0)


async def taken(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The next message of a bare socket."""
    while True:
        try:
            return socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            await asyncio.sleep(0.001)
