"""One connection of a stream, from its handshake to its end: frames both ways, and who asked what."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.rest.closing import Close
from exchange.client.rest.credentials import ApiKeyAuth, BearerAuth
from exchange.client.rest.errors import error_of_problem, retry_after_ms_of
from exchange.client.stream.closing import StreamEnded, is_final
from exchange.errors import DeadlineExceeded, ServiceUnavailableError, WireError

TIMEOUT_S: Final = 10.0
_FRAME_BYTES_MAX: Final = 64 << 20
_SILENT_BEATS: Final = 3
_CLIENT_ERROR: Final = range(400, 500)
_PASSING: Final = frozenset({408, 425, 429})
"""Client errors that say: later."""
_LOGONS_MAX: Final = 2
_DIGITS_MAX: Final = 10
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_Frame = s.Welcome | s.Subscribed | s.Unsubscribed | s.Pong | s.Result | s.Failed | s.Heartbeat | s.Updates
_decode: Final = msgspec.json.Decoder(_Frame).decode
_problem: Final = msgspec.json.Decoder(m.Problem).decode
Reply = TypeVar("Reply", bound=s.Replied)


class _Kind(msgspec.Struct):
    """What any frame has, of whatever release the gateway is."""

    type: str


class _Updates(msgspec.Struct):
    """Updates of any channel, those of a newer gateway among them."""

    at: str
    updates: list[dict[str, Any]]


_kind: Final = msgspec.json.Decoder(_Kind).decode
_updates: Final = msgspec.json.Decoder(_Updates).decode
_KINDS: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(_Frame))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """What may be said of a client of streams beside where the gateway is and who asks.

    Args:
        account: Used where an order names none; None: the one of the key.
        name: Begins the client order ids that it makes; at most 16 characters.
        timeout_s: For an answer, and for a connection.
        events_max: How many trades, orders and executions wait for their reader; the oldest are dropped.
        cancel_on_disconnect: Orders that were entered here end with the connection.
        first_pause_s: Before it connects again; doubles with each failure.
        longest_pause_s: No pause is longer.
        verify: Of TLS: by what the gateway's certificate is checked; None: the system's authorities.
    """

    account: int | None = None
    name: str = "stream"
    timeout_s: float = TIMEOUT_S
    events_max: int = 10_000
    cancel_on_disconnect: bool = False
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    verify: ssl.SSLContext | None = None


class Broken(ServiceUnavailableError):
    """The connection broke; another may be made."""


class Connection:
    """One connection. Belongs to one event loop.

    Args:
        socket: Over which it goes.
        timeout_s: For an answer.
    """

    def __init__(self, socket: ClientConnection, timeout_s: float) -> None:
        self._socket = socket
        self._timeout_s = timeout_s
        self._silence_s = timeout_s
        self._asked: dict[str, tuple[asyncio.Future[s.Replied], Callable[[Any], None]]] = {}
        self._numbers = 0

    @classmethod
    async def open(cls, url: str, path: str, options: StreamOptions) -> Connection:
        """Connect.

        Raises:
            Broken: Nobody answers; it may be tried again.
            StreamEnded: The gateway does not take it.
        """
        at = httpx.URL(url).join(path)
        secure = at.scheme in {"https", "wss"}
        uri = str(at.copy_with(scheme="wss" if secure else "ws"))
        try:
            socket = await connect(
                uri,
                ssl=options.verify if secure else None,
                compression=None,
                proxy=None,
                open_timeout=options.timeout_s,
                close_timeout=options.timeout_s,
                ping_interval=None,  # the gateway's heartbeats say more: that it works, not only its host
                max_size=_FRAME_BYTES_MAX,
            )
        except InvalidStatus as error:
            status, body = error.response.status_code, bytes(error.response.body or b"")
            if status in _CLIENT_ERROR and status not in _PASSING:
                raise StreamEnded(status, body.decode(errors="replace")) from None
            after_ms = _later_ms(body, error.response.headers.get("Retry-After", ""))
            raise Broken(f"the gateway answers {status}", after_ms) from None
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            raise Broken(f"the gateway cannot be reached: {error!r}") from None
        return cls(socket, options.timeout_s)

    async def log_on(
        self, auth: ApiKeyAuth | BearerAuth, *, cancel_on_disconnect: bool, resume: s.Resume | None
    ) -> s.Welcome:
        """Say who asks. Where the clock is wrong it learns by how much, and asks once more.

        Raises:
            RestError: They are not let in.
            Broken: There is no answer.
        """
        for left in reversed(range(_LOGONS_MAX)):
            self._numbers += 1
            frame = s.Logon(id=str(self._numbers), cancel_on_disconnect=cancel_on_disconnect, resume=resume)
            if isinstance(auth, BearerAuth):
                frame.token = auth.token
            else:
                headers = auth.headers("GET", s.STREAM_PATH.encode("ascii"), b"")
                frame.api_key, frame.timestamp, frame.nonce, frame.signature = headers.values()
            await self._send(frame)
            while True:
                told = await self.read()
                if isinstance(told, s.Welcome):
                    return self.welcomed(told)
                if isinstance(told, s.Failed) and told.error.name != "BAD_RESUME_TOKEN":
                    break  # a bad token is followed by WELCOME: the session goes on empty
            if not (left and isinstance(auth, ApiKeyAuth) and auth.learns(told.error)):
                raise error_of_problem(told.error)
        raise AssertionError  # the last one left or was raised

    def welcomed(self, welcome: s.Welcome) -> s.Welcome:
        """It is heard of in this rhythm from now on."""
        self._silence_s = _SILENT_BEATS * welcome.heartbeat_ms / 1_000
        return welcome

    async def ask(
        self, frame: s.Ask, kind: type[Reply], take: Callable[[Reply], None] = lambda _: None
    ) -> Reply:
        """The answer to a frame.

        Args:
            frame: What is asked.
            kind: Of its answer.
            take: Called with it before anything that comes behind it is read.

        Raises:
            RestError: It was refused.
            Broken: The connection broke before there was one.
            DeadlineExceeded: None came in time.
            WireError: It is another one than expected.
        """
        self._numbers += 1
        frame.id = str(self._numbers)
        future: asyncio.Future[s.Replied] = asyncio.get_running_loop().create_future()
        self._asked[frame.id] = (future, lambda told: take(told) if isinstance(told, kind) else None)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(frame)
                told = await future
        except TimeoutError:
            raise DeadlineExceeded("the gateway did not answer in time") from None
        finally:
            self._asked.pop(frame.id, None)
        if isinstance(told, s.Failed):
            raise error_of_problem(told.error)
        if not isinstance(told, kind):
            raise WireError(f"expected {kind.__name__}, the gateway answered {type(told).__name__}")
        return told

    async def updates(self) -> AsyncIterator[s.Update]:
        """What is told, for ever; answers go to who asked.

        Raises:
            Broken: The connection broke, or nothing was heard for too long.
            StreamEnded: The gateway ended it for good.
        """
        while True:
            told = await self.read()
            if isinstance(told, s.Updates):
                for update in told.updates:
                    yield update
            elif isinstance(told, s.Replied):
                future, take = self._asked.get(told.id, (None, None))
                if future is not None and take is not None and not future.done():
                    take(told)
                    future.set_result(told)

    async def read(self) -> _Frame:
        """The next frame of a kind that is known; those of a newer gateway are passed over.

        Raises:
            Broken: See `updates`.
            StreamEnded: See `updates`.
        """
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    text = await self._socket.recv()
            except TimeoutError:
                raise Broken(f"nothing was heard for {self._silence_s:g} s") from None
            except ConnectionClosed as error:
                raise self._ended(error) from None
            try:
                frame = _frame_of(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Broken(f"a frame cannot be read: {error}") from None
            if frame is not None:
                return frame

    async def close(self, error: Exception) -> None:
        """End it; who waits for an answer is told why there is none."""
        for future, _ in self._asked.values():
            if not future.done():
                future.set_exception(error)
        await self._socket.close()

    async def _send(self, frame: s.Ask) -> None:
        try:
            await self._socket.send(_encode(frame).decode())
        except ConnectionClosed as error:
            raise self._ended(error) from None

    def _ended(self, error: ConnectionClosed) -> Broken | StreamEnded:
        code = Close.ABNORMAL if error.rcvd is None else error.rcvd.code
        reason = "" if error.rcvd is None else error.rcvd.reason
        if is_final(code):
            return StreamEnded(code, reason)
        return Broken(f"the connection ended: {code} {reason}")


def _frame_of(text: str | bytes) -> _Frame | None:
    """A frame; None: of a kind that is not known here. Updates of channels that are not are left out."""
    try:
        frame: _Frame = _decode(text)
    except msgspec.ValidationError:
        kind = _kind(text).type
        if kind not in _KINDS:
            return None
        if kind != s.Updates.__struct_config__.tag:
            raise
        told = _updates(text)
        known = [each for each in told.updates if str(each.get("channel")) in s.DATA]
        return s.Updates(at=told.at, updates=msgspec.convert(known, list[s.Update]))
    return frame


def _later_ms(body: bytes, header: str) -> int | None:
    """When the gateway, or who stands before it, may be asked again."""
    try:
        said = retry_after_ms_of(_problem(body))
    except msgspec.DecodeError:
        said = None
    is_number = header.isdecimal() and len(header) < _DIGITS_MAX
    return int(header) * 1_000 if said is None and is_number else said
