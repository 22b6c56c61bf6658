"""RPC frames as bytes, and back: the only place where `v1/bus/bus.capnp` meets pycapnp.

Reading is strict: one segment, no trailing bytes, every text within its bounds, nothing unset. No reader of
foreign bytes leaves this module, and none is ever printed: pycapnp may abort the process over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import capnp

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

_TRAVERSAL_WORDS: Final = FRAME_BYTES_MAX // 8
_NESTING: Final = 4
_CALL, _REPLY, _CANCEL = 1, 2, 3

_schema: Any = capnp.load(str(Path(__file__).parent / "v1" / "bus" / "bus.capnp"))


@dataclass(frozen=True, slots=True)
class CallFrame:
    """A client asks. Texts are printable ASCII; only `method` is never empty."""

    call_id: int
    method: str
    remaining_us: int
    correlation_id: str
    tenant_id: str
    user_id: str
    security_context: str


@dataclass(frozen=True, slots=True)
class ReplyFrame:
    """A server answers; `message` is for people and empty where all went well."""

    call_id: int
    status: RpcStatus
    message: str = ""
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CancelFrame:
    """A client no longer waits for a call."""

    call_id: int


Frame = CallFrame | ReplyFrame | CancelFrame


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame.

    Raises:
        WireError: A text or number is beyond its bounds.
    """
    message = _schema.Frame.new_message()
    message.callId = _number("callId", frame.call_id, CALL_ID_MAX)
    if isinstance(frame, CallFrame):
        message.kind = _CALL
        message.method = _ascii("method", frame.method, METHOD_BYTES_MAX, required=True)
        message.remainingUs = _number("remainingUs", frame.remaining_us, CALL_ID_MAX)
        message.correlationId = _ascii("correlationId", frame.correlation_id, CORRELATION_BYTES_MAX)
        message.tenantId = _ascii("tenantId", frame.tenant_id, IDENTITY_BYTES_MAX)
        message.userId = _ascii("userId", frame.user_id, IDENTITY_BYTES_MAX)
        message.securityContext = _ascii("securityContext", frame.security_context, CONTEXT_BYTES_MAX)
    elif isinstance(frame, ReplyFrame):
        message.kind = _REPLY
        message.status = int(frame.status)
        message.message = _cut(frame.message)
        if frame.retry_after_ms is not None:
            message.retryAfterMs = _number("retryAfterMs", frame.retry_after_ms, RETRY_MS_MAX)
            message.retryAfterKnown = True
    else:
        message.kind = _CANCEL
    encoded: bytes = message.to_bytes()
    return encoded


def decode_frame(frame: bytes) -> Frame:
    """The frame that these bytes are.

    Raises:
        WireError: They are none; the message says why.
    """
    _check_segment(frame)
    try:
        with _schema.Frame.from_bytes(
            frame, traversal_limit_in_words=_TRAVERSAL_WORDS, nesting_limit=_NESTING
        ) as reader:
            return _read(reader)
    except capnp.KjException:
        raise WireError("the frame is no valid Cap'n Proto message") from None
    except UnicodeDecodeError:
        raise WireError("the frame has a text that is not UTF-8") from None


def _read(reader: Any) -> Frame:
    kind = reader.kind.raw
    call_id: int = reader.callId
    if kind == _CALL:
        return CallFrame(
            call_id,
            _ascii("method", reader.method, METHOD_BYTES_MAX, required=True),
            reader.remainingUs,
            _ascii("correlationId", reader.correlationId, CORRELATION_BYTES_MAX),
            _ascii("tenantId", reader.tenantId, IDENTITY_BYTES_MAX),
            _ascii("userId", reader.userId, IDENTITY_BYTES_MAX),
            _ascii("securityContext", reader.securityContext, CONTEXT_BYTES_MAX),
        )
    if kind == _REPLY:
        message: str = reader.message
        if len(message.encode()) > MESSAGE_BYTES_MAX:
            raise WireError(f"message is longer than {MESSAGE_BYTES_MAX} bytes")
        try:
            status = RpcStatus(reader.status.raw)
        except ValueError:
            raise WireError(f"status {reader.status.raw} is not known here") from None
        return ReplyFrame(call_id, status, message, reader.retryAfterMs if reader.retryAfterKnown else None)
    if kind == _CANCEL:
        return CancelFrame(call_id)
    raise WireError(f"frames of kind {kind} are not known here")


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


def _ascii(name: str, text: str, bytes_max: int, *, required: bool = False) -> str:
    if len(text) > bytes_max:
        raise WireError(f"{name} is longer than {bytes_max} bytes")
    if not (text.isascii() and text.isprintable()):
        raise WireError(f"{name} is not printable ASCII")
    if required and not text:
        raise WireError(f"{name} is missing")
    return text


def _number(name: str, value: int, maximum: int) -> int:
    if not 0 <= value <= maximum:
        raise WireError(f"{name} is beyond 0..{maximum}")
    return value


def _cut(message: str) -> str:
    """The message, whole or up to its bound; a character is never halved."""
    return message.encode(errors="replace")[:MESSAGE_BYTES_MAX].decode(errors="ignore")
