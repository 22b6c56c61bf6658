"""RPC frames as bytes, and back: `v1/bus/bus.capnp`, read and written by hand.

pycapnp takes 10 to 20 us for each of a call's four steps, more than the rest of a call in one process; these
take a few. The tests hold both against each other, and the layout below against the schema. Where texts lie
depends on their lengths alone, and calls of one client have the same ones again and again: so that is worked
out once (`_Shape`, `_places`), and the frame is written and read in one step.

Reading is strict: one segment, no trailing bytes, every text within its bounds, nothing unset.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from exchange.domain.method import Streaming
from exchange.errors import RpcStatus, WireError

FRAME_BYTES_MAX: Final = 64 * 1024
PAYLOAD_BYTES_MAX: Final = 4 * 1024 * 1024
METHOD_BYTES_MAX: Final = 128
CORRELATION_BYTES_MAX: Final = 40
IDENTITY_BYTES_MAX: Final = 64
CONTEXT_BYTES_MAX: Final = 16 * 1024
MESSAGE_BYTES_MAX: Final = 1024
TRACEPARENT_BYTES_MAX: Final = 64
CALL_ID_MAX: Final = 2**64 - 1
RETRY_MS_MAX: Final = 2**32 - 1
CREDIT_MAX: Final = 2**32 - 1
SEQUENCE_MAX: Final = 2**64 - 1

_CALL, _REPLY, _CANCEL, _MESSAGE, _END, _CREDIT = range(1, 7)

# The struct: kind, status, retryAfterMs, callId, remainingUs, retryAfterKnown, streaming, credit, sequence.
DATA: Final = struct.Struct("<HHIQQBxHIQ")
POINTERS: Final = 7
_METHOD, _CORRELATION, _TENANT, _USER, _CONTEXT, _TEXT, _TRACEPARENT = range(POINTERS)
_WORDS: Final = DATA.size // 8 + POINTERS
_HEAD: Final = struct.Struct("<IIQ")
_POINTERS: Final = struct.Struct(f"<{POINTERS}Q")
_ROOT: Final = DATA.size // 8 << 32 | POINTERS << 48
_ROOT_BYTES: Final = _ROOT.to_bytes(8, "little")
_AT: Final = 16  # where the data of a root that we write begins
_FIRST: Final = _AT + DATA.size
_TEXTS_AT: Final = _FIRST + _POINTERS.size
_SHAPES_MAX: Final = 1024
_NO_POINTERS: Final = bytes(_POINTERS.size)
_NO_TEXTS: Final = [""] * POINTERS
_INVALID: Final = "the frame is no valid Cap'n Proto message"


@dataclass(slots=True)
class CallFrame:
    """A client asks. Texts are printable ASCII; only `method` is never empty. `credit` in bytes.

    Not frozen, as one is made for every call and that would take three times as long.
    """

    call_id: int
    method: str
    remaining_us: int
    correlation_id: str
    tenant_id: str
    user_id: str
    security_context: str
    streaming: Streaming = Streaming.UNARY
    credit: int = 0
    traceparent: str = ""


@dataclass(slots=True)
class ReplyFrame:
    """A server answers; `message` is for people and empty where all went well.

    `sequence` is how many messages of its stream it sent before.
    """

    call_id: int
    status: RpcStatus
    message: str = ""
    retry_after_ms: int | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class CancelFrame:
    """A client no longer waits for a call."""

    call_id: int


@dataclass(frozen=True, slots=True)
class MessageFrame:
    """The next message of a stream, numbered from 1."""

    call_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class EndFrame:
    """A client sends no more of its stream; `sequence` messages were all."""

    call_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class CreditFrame:
    """The other side may send so many bytes more."""

    call_id: int
    credit: int


Frame = CallFrame | ReplyFrame | CancelFrame | MessageFrame | EndFrame | CreditFrame


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame.

    Raises:
        WireError: A text or number is beyond its bounds.
    """
    call_id = _number("callId", frame.call_id, CALL_ID_MAX)
    if isinstance(frame, CallFrame):
        remaining = _number("remainingUs", frame.remaining_us, CALL_ID_MAX)
        credit = _number("credit", frame.credit, CREDIT_MAX)
        texts = (
            frame.method,
            frame.correlation_id,
            frame.tenant_id,
            frame.user_id,
            frame.security_context,
            "",
            frame.traceparent,
        )
        check_texts(*texts[:5], frame.traceparent)
        numbers = (_CALL, 0, 0, call_id, remaining, 0, frame.streaming, credit, 0)
        return _written(numbers, tuple(map(str.encode, texts)))
    if isinstance(frame, ReplyFrame):
        retry_ms = _number("retryAfterMs", frame.retry_after_ms or 0, RETRY_MS_MAX)
        known = frame.retry_after_ms is not None
        sequence = _number("sequence", frame.sequence, SEQUENCE_MAX)
        replied = (_REPLY, frame.status, retry_ms, call_id, 0, known, 0, 0, sequence)
        if not frame.message:
            return _written(replied, None)
        return _written(replied, (b"", b"", b"", b"", b"", _cut(frame.message), b""))
    if isinstance(frame, CancelFrame):
        return _written((_CANCEL, 0, 0, call_id, 0, 0, 0, 0, 0), None)
    if isinstance(frame, CreditFrame):
        credit = _number("credit", frame.credit, CREDIT_MAX)
        return _written((_CREDIT, 0, 0, call_id, 0, 0, 0, credit, 0), None)
    kind = _MESSAGE if isinstance(frame, MessageFrame) else _END
    sequence = _number("sequence", frame.sequence, SEQUENCE_MAX)
    return _written((kind, 0, 0, call_id, 0, 0, 0, 0, sequence), None)


def check_texts(
    method: str,
    correlation_id: str,
    tenant_id: str,
    user_id: str,
    security_context: str,
    traceparent: str = "",
) -> None:
    """See that the texts of a call may be sent.

    Raises:
        WireError: One is too long, or not printable ASCII; or `method` is empty.
    """
    if (
        0 < len(method) <= METHOD_BYTES_MAX
        and len(correlation_id) <= CORRELATION_BYTES_MAX
        and len(tenant_id) <= IDENTITY_BYTES_MAX
        and len(user_id) <= IDENTITY_BYTES_MAX
        and len(traceparent) <= TRACEPARENT_BYTES_MAX
        and _is_context(security_context)
    ):
        every = f"{method}{correlation_id}{tenant_id}{user_id}{traceparent}"
        if every.isascii() and every.isprintable():
            return
    _ascii("method", method, METHOD_BYTES_MAX)  # what is wrong, by name
    if not method:
        raise WireError("method is missing")
    _ascii("correlationId", correlation_id, CORRELATION_BYTES_MAX)
    _ascii("tenantId", tenant_id, IDENTITY_BYTES_MAX)
    _ascii("userId", user_id, IDENTITY_BYTES_MAX)
    _ascii("securityContext", security_context, CONTEXT_BYTES_MAX)
    _ascii("traceparent", traceparent, TRACEPARENT_BYTES_MAX)


@lru_cache(maxsize=64)
def _is_context(text: str) -> bool:
    """Whether a security context may be sent: they are long, and few are in use at a time."""
    return len(text) <= CONTEXT_BYTES_MAX and text.isascii() and text.isprintable()


def read_message(message: bytes) -> tuple[Frame, bytes]:
    """The frame of a message and the payload behind it.

    Raises:
        WireError: It is shorter than its frame says, either is beyond its bound, or the frame is none.
    """
    if len(message) < _AT:
        raise WireError(f"the message has {len(message)} bytes, which is no frame")
    segments, words, _ = _HEAD.unpack_from(message)
    size = 8 + words * 8
    if segments != 0 or not _AT <= size <= len(message):
        raise WireError("the frame is not one segment within its message")
    if size > FRAME_BYTES_MAX or len(message) - size > PAYLOAD_BYTES_MAX:
        raise WireError("a message is a frame of at most 64 KiB and a payload of at most 4 MiB")
    return _decoded(message[:size]), message[size:]


def decode_frame(frame: bytes) -> Frame:
    """The frame that these bytes are.

    Raises:
        WireError: They are none; the message says why.
    """
    _check_segment(frame)
    return _decoded(frame)


def _decoded(frame: bytes) -> Frame:
    data, texts = _parts(frame)
    kind, status, retry_ms, call_id, remaining, known, streaming, credit, sequence = data
    if kind == _CALL:
        method, correlation, tenant, user, context, _, trace = texts
        check_texts(method, correlation, tenant, user, context, trace)
        if (kind_of_call := _STREAMINGS.get(streaming)) is None:
            raise WireError(f"streaming {streaming} is not known here")
        return CallFrame(
            call_id, method, remaining, correlation, tenant, user, context, kind_of_call, credit, trace
        )
    if kind == _REPLY:
        message = texts[_TEXT]
        if len(message.encode()) > MESSAGE_BYTES_MAX:
            raise WireError(f"message is longer than {MESSAGE_BYTES_MAX} bytes")
        if (code := _STATUSES.get(status)) is None:
            raise WireError(f"status {status} is not known here")
        return ReplyFrame(call_id, code, message, retry_ms if known & 1 else None, sequence)
    if kind == _CANCEL:
        return CancelFrame(call_id)
    if kind == _MESSAGE:
        return MessageFrame(call_id, sequence)
    if kind == _END:
        return EndFrame(call_id, sequence)
    if kind == _CREDIT:
        return CreditFrame(call_id, credit)
    raise WireError(f"frames of kind {kind} are not known here")


_STATUSES: Final = {int(status): status for status in RpcStatus}
_STREAMINGS: Final = {int(streaming): streaming for streaming in Streaming}


class _Shape(NamedTuple):
    """How a frame is written whose texts have certain lengths: `whole` packs all of it."""

    whole: struct.Struct
    words: int
    pointers: bytes


@lru_cache(maxsize=_SHAPES_MAX)
def _shape(*lengths: int) -> _Shape:
    """One segment: the root's pointer, its data, its pointers, and the texts in their order."""
    pointers, form, at = [], f"<IIQ{DATA.format[1:]}{_POINTERS.size}s", 0
    for place, length in enumerate(lengths):
        if not length:
            pointers.append(0)
            form += "0s"
            continue
        size = length + 1
        words = size + 7 >> 3
        # `at` is in words from the end of the pointers.
        pointers.append(1 | at + POINTERS - 1 - place << 2 | 2 << 32 | size << 35)
        form += f"{words * 8}s"
        at += words
    return _Shape(struct.Struct(form), 1 + _WORDS + at, _POINTERS.pack(*pointers))


def _written(numbers: tuple[int, ...], texts: tuple[bytes, ...] | None) -> bytes:
    if texts is None:
        return _HEAD.pack(0, 1 + _WORDS, _ROOT) + DATA.pack(*numbers) + _NO_POINTERS
    shape = _shape(*map(len, texts))
    return shape.whole.pack(0, shape.words, _ROOT, *numbers, shape.pointers, *texts)


def _parts(frame: bytes) -> tuple[tuple[int, ...], list[str]]:
    """The numbers and texts: what a newer writer added is passed over, what an older one lacks is zero."""
    if frame[8:_AT] == _ROOT_BYTES and len(frame) >= _TEXTS_AT:
        data = DATA.unpack_from(frame, _AT)
        pointers = frame[_FIRST:_TEXTS_AT]
        if pointers == _NO_POINTERS:
            return data, _NO_TEXTS
        return data, _texts(frame, _places(pointers, _FIRST, len(frame)))
    (root,) = struct.unpack_from("<Q", frame, 8)
    at = _AT + _offset(root) * 8
    data_bytes, count = (root >> 32 & 0xFFFF) * 8, root >> 48
    first = at + data_bytes
    if root & 3 or not _AT <= at <= len(frame) or first + count * 8 > len(frame):
        raise WireError(_INVALID)
    data = DATA.unpack(frame[at : min(first, at + DATA.size)].ljust(DATA.size, b"\0"))
    pointers = frame[first : first + min(count, POINTERS) * 8].ljust(_POINTERS.size, b"\0")
    return data, _texts(frame, _places(pointers, first, len(frame)))


@lru_cache(maxsize=_SHAPES_MAX)
def _places(pointers: bytes, first: int, size: int) -> tuple[tuple[int, int], ...]:
    """Where the texts lie to which pointers point that begin at `first` of a frame of so many bytes.

    Each begins at its first byte and ends at its zero; one that is absent does both at byte 0, which is zero
    in every frame.
    """
    return tuple(
        _place(first + 8 * place, pointer, size) if pointer else (0, 0)
        for place, pointer in enumerate(_POINTERS.unpack(pointers))
    )


def _place(at: int, pointer: int, size: int) -> tuple[int, int]:
    """Where the text is to which a pointer, which lies at this byte of the frame, points."""
    start = at + 8 + _offset(pointer) * 8
    length = pointer >> 35
    end = start + length - 1
    if pointer & 3 != 1 or pointer >> 32 & 7 != 2 or not length or start < _AT or end >= size:
        raise WireError(_INVALID)
    return start, end


def _texts(frame: bytes, places: tuple[tuple[int, int], ...]) -> list[str]:
    try:
        found = [frame[start:end].decode() for start, end in places]
    except UnicodeDecodeError:
        raise WireError("the frame has a text that is not UTF-8") from None
    for _, end in places:
        if frame[end]:
            raise WireError(_INVALID)
    return found


def _offset(pointer: int) -> int:
    """The signed distance in words from the end of a pointer to what it points to."""
    offset = pointer >> 2 & 0x3FFFFFFF
    return offset - (1 << 30) if offset >> 29 else offset


def _check_segment(frame: bytes) -> None:
    """One segment that fills the frame: what we write, and all that we read."""
    size = len(frame)
    if size > FRAME_BYTES_MAX:
        raise WireError(f"the frame has {size} bytes, more than {FRAME_BYTES_MAX}")
    if size < 16 or size % 8:
        raise WireError(f"the frame has {size} bytes, which is no whole message")
    segments, words = int.from_bytes(frame[:4], "little"), int.from_bytes(frame[4:8], "little")
    if segments != 0 or words * 8 != size - 8:
        raise WireError("the frame is not one segment of its own length")


def _ascii(name: str, text: str, bytes_max: int) -> None:
    if len(text) > bytes_max:
        raise WireError(f"{name} is longer than {bytes_max} bytes")
    if not (text.isascii() and text.isprintable()):
        raise WireError(f"{name} is not printable ASCII")


def _number(name: str, value: int, maximum: int) -> int:
    if not 0 <= value <= maximum:
        raise WireError(f"{name} is beyond 0..{maximum}")
    return value


def _cut(message: str) -> bytes:
    """The message, whole or up to its bound; a character is never halved."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= MESSAGE_BYTES_MAX:
        return encoded
    return encoded[:MESSAGE_BYTES_MAX].decode(errors="ignore").encode()
