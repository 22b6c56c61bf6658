"""RPC frames as bytes, and back: `v1/bus/bus.capnp`, read and written by hand.

pycapnp takes 10 to 20 us for each of a call's four steps, more than the rest of a call in one process; these
take a few. The tests hold both against each other, and the layout below against the schema.

Reading is strict: one segment, no trailing bytes, every text within its bounds, nothing unset.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from exchange.domain.contracts.method import Streaming
from exchange.errors import RpcStatus, WireError

FRAME_BYTES_MAX: Final = 64 * 1024
PAYLOAD_BYTES_MAX: Final = 4 * 1024 * 1024
METHOD_BYTES_MAX: Final = 128
CORRELATION_BYTES_MAX: Final = 40
IDENTITY_BYTES_MAX: Final = 64
CONTEXT_BYTES_MAX: Final = 16 * 1024
MESSAGE_BYTES_MAX: Final = 1024
CALL_ID_MAX: Final = 2**64 - 1
RETRY_MS_MAX: Final = 2**32 - 1
CREDIT_MAX: Final = 2**32 - 1
SEQUENCE_MAX: Final = 2**64 - 1

_CALL, _REPLY, _CANCEL, _MESSAGE, _END, _CREDIT = range(1, 7)

# The struct: kind, status, retryAfterMs, callId, remainingUs, retryAfterKnown, streaming, credit, sequence.
DATA: Final = struct.Struct("<HHIQQBxHIQ")
POINTERS: Final = 6
_METHOD, _CORRELATION, _TENANT, _USER, _CONTEXT, _TEXT = range(POINTERS)
_WORDS: Final = DATA.size // 8 + POINTERS
_HEAD: Final = struct.Struct("<IIQ")
_POINTERS: Final = struct.Struct(f"<{POINTERS}Q")
_ROOT: Final = DATA.size // 8 << 32 | POINTERS << 48
_NO_POINTERS: Final = bytes(_POINTERS.size)
_INVALID: Final = "the frame is no valid Cap'n Proto message"


@dataclass(frozen=True, slots=True)
class CallFrame:
    """A client asks. Texts are printable ASCII; only `method` is never empty. `credit` in bytes."""

    call_id: int
    method: str
    remaining_us: int
    correlation_id: str
    tenant_id: str
    user_id: str
    security_context: str
    streaming: Streaming = Streaming.UNARY
    credit: int = 0


@dataclass(frozen=True, slots=True)
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
        check_texts(
            frame.method, frame.correlation_id, frame.tenant_id, frame.user_id, frame.security_context
        )
        texts = (
            frame.method,
            frame.correlation_id,
            frame.tenant_id,
            frame.user_id,
            frame.security_context,
            "",
        )
        return _written((_CALL, 0, 0, call_id, remaining, 0, frame.streaming, credit, 0), texts)
    if isinstance(frame, ReplyFrame):
        retry_ms = _number("retryAfterMs", frame.retry_after_ms or 0, RETRY_MS_MAX)
        known = frame.retry_after_ms is not None
        sequence = _number("sequence", frame.sequence, SEQUENCE_MAX)
        numbers = (_REPLY, frame.status, retry_ms, call_id, 0, known, 0, 0, sequence)
        return _written(numbers, ("", "", "", "", "", _cut(frame.message)))
    if isinstance(frame, CancelFrame):
        return _written((_CANCEL, 0, 0, call_id, 0, 0, 0, 0, 0), None)
    if isinstance(frame, CreditFrame):
        credit = _number("credit", frame.credit, CREDIT_MAX)
        return _written((_CREDIT, 0, 0, call_id, 0, 0, 0, credit, 0), None)
    kind = _MESSAGE if isinstance(frame, MessageFrame) else _END
    sequence = _number("sequence", frame.sequence, SEQUENCE_MAX)
    return _written((kind, 0, 0, call_id, 0, 0, 0, 0, sequence), None)


def check_texts(
    method: str, correlation_id: str, tenant_id: str, user_id: str, security_context: str
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
        and len(security_context) <= CONTEXT_BYTES_MAX
    ):
        every = f"{method}{correlation_id}{tenant_id}{user_id}{security_context}"
        if every.isascii() and every.isprintable():
            return
    _ascii("method", method, METHOD_BYTES_MAX)  # what is wrong, by name
    if not method:
        raise WireError("method is missing")
    _ascii("correlationId", correlation_id, CORRELATION_BYTES_MAX)
    _ascii("tenantId", tenant_id, IDENTITY_BYTES_MAX)
    _ascii("userId", user_id, IDENTITY_BYTES_MAX)
    _ascii("securityContext", security_context, CONTEXT_BYTES_MAX)


def split_message(message: memoryview) -> tuple[bytes, bytes]:
    """The frame of a message and the payload behind it.

    Raises:
        WireError: It is shorter than its frame says, or either is beyond its bound.
    """
    if len(message) < _HEAD.size:
        raise WireError(f"the message has {len(message)} bytes, which is no frame")
    segments, words = struct.unpack_from("<II", message)
    size = 8 + words * 8
    if segments != 0 or size > len(message):
        raise WireError("the frame is not one segment within its message")
    if size > FRAME_BYTES_MAX or len(message) - size > PAYLOAD_BYTES_MAX:
        raise WireError("a message is a frame of at most 64 KiB and a payload of at most 4 MiB")
    return bytes(message[:size]), bytes(message[size:])


def decode_frame(frame: bytes) -> Frame:
    """The frame that these bytes are.

    Raises:
        WireError: They are none; the message says why.
    """
    _check_segment(frame)
    data, texts = _parts(frame)
    kind, status, retry_ms, call_id, remaining, known, streaming, credit, sequence = data
    if kind == _CALL:
        method, correlation, tenant, user, context = texts[:_TEXT]
        check_texts(method, correlation, tenant, user, context)
        if streaming > Streaming.BIDIRECTIONAL:
            raise WireError(f"streaming {streaming} is not known here")
        return CallFrame(
            call_id, method, remaining, correlation, tenant, user, context, Streaming(streaming), credit
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


def _written(numbers: tuple[int, ...], texts: tuple[str, ...] | None) -> bytes:
    """One segment: the root's pointer, its data, its pointers, and the texts in their order."""
    if texts is None or not any(texts):
        return _HEAD.pack(0, 1 + _WORDS, _ROOT) + DATA.pack(*numbers) + _NO_POINTERS
    pointers, tail, at = [], [], 0  # `at` in words from the end of the pointers
    for place, text in enumerate(texts):
        if not text:
            pointers.append(0)
            continue
        encoded = text.encode()
        size = len(encoded) + 1
        words = size + 7 >> 3
        pointers.append(1 | at + POINTERS - 1 - place << 2 | 2 << 32 | size << 35)
        tail.append(encoded.ljust(words * 8, b"\0"))
        at += words
    head = _HEAD.pack(0, 1 + _WORDS + at, _ROOT)
    return b"".join((head, DATA.pack(*numbers), _POINTERS.pack(*pointers), *tail))


def _parts(frame: bytes) -> tuple[tuple[int, ...], list[str]]:
    """The numbers and texts: what a newer writer added is passed over, what an older one lacks is zero."""
    (root,) = struct.unpack_from("<Q", frame, 8)
    at = 16 + _offset(root) * 8
    data_bytes, pointers = (root >> 32 & 0xFFFF) * 8, root >> 48
    first = at + data_bytes
    if root & 3 or not 16 <= at <= len(frame) or first + pointers * 8 > len(frame):
        raise WireError(_INVALID)
    if data_bytes >= DATA.size:
        data = DATA.unpack_from(frame, at)
    else:
        data = DATA.unpack(frame[at:first].ljust(DATA.size, b"\0"))
    if pointers >= POINTERS:
        found = _POINTERS.unpack_from(frame, first)
    else:
        found = _POINTERS.unpack(frame[first : first + pointers * 8].ljust(_POINTERS.size, b"\0"))
    return data, [
        _text(frame, first + 8 * place, pointer) if pointer else "" for place, pointer in enumerate(found)
    ]


def _text(frame: bytes, at: int, pointer: int) -> str:
    """The text to which a pointer, which lies at this byte of the frame, points."""
    start = at + 8 + _offset(pointer) * 8
    size = pointer >> 35
    end = start + size - 1
    if (
        pointer & 3 != 1
        or pointer >> 32 & 7 != 2
        or not size
        or start < 16
        or end >= len(frame)
        or frame[end]
    ):
        raise WireError(_INVALID)
    try:
        return frame[start:end].decode()
    except UnicodeDecodeError:
        raise WireError("the frame has a text that is not UTF-8") from None


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


def _cut(message: str) -> str:
    """The message, whole or up to its bound; a character is never halved."""
    return message.encode(errors="replace")[:MESSAGE_BYTES_MAX].decode(errors="ignore")
