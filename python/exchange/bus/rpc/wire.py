"""Calls and answers as messages of a socket: a frame and behind it a payload, in one part.

Two parts are read as well, but never sent. libzmq 4.3.5 ends the process (session_base.cpp:233) when a
connection breaks while its socket closes and a message of several parts is half sent, as to a slow reader.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from exchange.bus.rpc.calls import NS_A_US, Call, Reply
from exchange.errors import WireError
from exchange.schema.bus_frames import (
    FRAME_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    RETRY_MS_MAX,
    CallFrame,
    CancelFrame,
    CreditFrame,
    EndFrame,
    Frame,
    MessageFrame,
    ReplyFrame,
    decode_frame,
    read_message,
)

Request = CallFrame | CancelFrame | MessageFrame | EndFrame | CreditFrame
Answer = ReplyFrame | MessageFrame | CreditFrame


def check_payload(call: Call) -> None:
    """Refuse what no frame may carry.

    Raises:
        WireError: The payload is longer.
    """
    if len(call.payload) > PAYLOAD_BYTES_MAX:
        raise WireError(f"the payload has {len(call.payload)} bytes, more than {PAYLOAD_BYTES_MAX}")


def frame_of(call: Call, deadline_ns: int, call_id: int, window: int = 0) -> CallFrame:
    """A call as its client sends it; what travels of its deadline is the time that is left."""
    metadata = call.metadata
    return CallFrame(
        call_id,
        call.method,
        max(0, (deadline_ns - time.monotonic_ns()) // NS_A_US),
        metadata.correlation_id,
        metadata.tenant_id,
        metadata.user_id,
        metadata.security_context,
        call.streaming,
        window,
        metadata.traceparent,
    )


def reply_frame(call_id: int, reply: Reply, streamed: int = 0) -> ReplyFrame:
    """A reply as its server sends it, after so many messages of a stream."""
    retry_after_ms = reply.retry_after_ms
    if retry_after_ms is not None:
        retry_after_ms = min(max(0, retry_after_ms), RETRY_MS_MAX)
    return ReplyFrame(call_id, reply.status, reply.message, retry_after_ms, streamed)


def reply_of(frame: ReplyFrame, payload: bytes) -> Reply:
    """What a server replied."""
    return Reply(frame.status, payload, frame.message, frame.retry_after_ms)


def request_of(parts: Sequence[bytes]) -> tuple[Request, bytes]:
    """What a client sent to a server; `parts` begin with its address.

    Raises:
        WireError: It is nothing that servers take.
    """
    frame, payload = read_message(parts[1]) if len(parts) == 2 else _of_two(parts[1:])
    if isinstance(frame, ReplyFrame):
        raise WireError("servers take no replies")
    return frame, payload


def answer_of(parts: Sequence[bytes]) -> tuple[Answer, bytes]:
    """What a server sent to a client.

    Raises:
        WireError: It is nothing that clients take.
    """
    frame, payload = read_message(parts[0]) if len(parts) == 1 else _of_two(parts)
    if isinstance(frame, CallFrame | CancelFrame | EndFrame):
        raise WireError("clients take replies, messages and credit only")
    return frame, payload


def _of_two(parts: Sequence[bytes]) -> tuple[Frame, bytes]:
    if len(parts) != 2 or len(parts[0]) > FRAME_BYTES_MAX or len(parts[1]) > PAYLOAD_BYTES_MAX:
        raise WireError("a message is a frame of at most 64 KiB and a payload of at most 4 MiB")
    return decode_frame(parts[0]), parts[1]
