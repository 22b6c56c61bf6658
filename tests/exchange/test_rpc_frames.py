"""RPC frames: written and read alike, strict about everything else, and the schema's numbers are Python's."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

import capnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exchange
from exchange.domain.method import Streaming
from exchange.errors import RpcStatus, WireError
from exchange.schema.bus_frames import (
    DATA,
    POINTERS,
    CallFrame,
    CancelFrame,
    CreditFrame,
    EndFrame,
    Frame,
    MessageFrame,
    ReplyFrame,
    decode_frame,
    encode_frame,
)
from exchange.schema.codec import describe

SCHEMA = Path(exchange.__file__).parent / "schema" / "v1" / "bus" / "bus.capnp"
CALL = CallFrame(7, "risk.approve", 1_500, "corr-abc-123", "acme-corp", "trader-42", "eyJ2IjoxfQ==")
# What was written when the format was made; it has to be read for ever.
OLD_FRAMES: list[tuple[Frame, str]] = [
    (
        CALL,
        (
            "0000000015000000000000000400060001000000000000000700000000000000dc050000000000000000000000000000"
            "150000006a000000190000006a0000001d000000520000002100000052000000250000006a0000000000000000000000"
            "7269736b2e617070726f766500000000636f72722d6162632d3132330000000061636d652d636f727000000000000000"
            "7472616465722d34320000000000000065794a32496a6f7866513d3d00000000"
        ),
    ),
    (
        ReplyFrame(7, RpcStatus.UNAVAILABLE, "later", 50),
        (
            "000000000c000000000000000400060002000f0032000000070000000000000000000000000000000100000000000000"
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000100000032000000"
            "6c61746572000000"
        ),
    ),
    (
        CancelFrame(7),
        (
            "000000000b00000000000000040006000300000000000000070000000000000000000000000000000000000000000000"
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        ),
    ),
]


def ascii_text(most: int, least: int = 0) -> st.SearchStrategy[str]:
    """Printable ASCII."""
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=least, max_size=most)


CALLS = st.builds(
    CallFrame,
    st.integers(0, 2**64 - 1),
    ascii_text(128, 1),
    st.integers(0, 2**64 - 1),
    ascii_text(40),
    ascii_text(64),
    ascii_text(64),
    ascii_text(16_384),
    st.sampled_from(Streaming),
    st.integers(0, 2**32 - 1),
    ascii_text(64),
)
REPLIES = st.builds(
    ReplyFrame,
    st.integers(0, 2**64 - 1),
    st.sampled_from(RpcStatus),
    st.text(max_size=256),
    st.none() | st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
)
IDS = st.integers(0, 2**64 - 1)
FRAMES = st.one_of(
    CALLS,
    REPLIES,
    st.builds(CancelFrame, IDS),
    st.builds(MessageFrame, IDS, IDS),
    st.builds(EndFrame, IDS, IDS),
    st.builds(CreditFrame, IDS, st.integers(0, 2**32 - 1)),
)


@given(FRAMES)
def test_frame_that_is_written_reads_the_same(frame: Frame) -> None:
    """All kinds, in all their bounds."""
    assert decode_frame(encode_frame(frame)) == frame


def named(text: str) -> str:
    """`call_id` as the schema has it."""
    head, *rest = text.split("_")
    return head + "".join(word.capitalize() for word in rest)


@pytest.mark.req("E010")
@given(FRAMES)
def test_frame_is_what_pycapnp_reads_and_writes(frame: Frame) -> None:
    """By the schema, both ways: what we write it reads, and what it writes we read."""
    schema = capnp.load(str(SCHEMA)).Frame
    kind = type(frame).__name__.removesuffix("Frame").lower()
    fields = {named(name): getattr(frame, name) for name in frame.__dataclass_fields__}
    retry_ms = fields.pop("retryAfterMs", None)
    fields |= {"retryAfterMs": retry_ms or 0, "retryAfterKnown": retry_ms is not None}
    with schema.from_bytes(encode_frame(frame)) as reader:
        assert str(reader.kind) == kind
        for name, value in fields.items():
            found = getattr(reader, name)
            assert getattr(found, "raw", found) == value
    builder = schema.new_message(kind=kind)
    for name, value in fields.items():
        setattr(builder, name, int(value) if isinstance(value, IntEnum) else value)
    written = builder.to_bytes()
    if int.from_bytes(written[:4], "little") == 0:  # else it took several segments, which we never do
        assert decode_frame(written) == frame


def test_layout_that_is_written_by_hand_is_the_schema_s() -> None:
    """Every field at its place; one that is added is seen here."""
    (file,) = [file for file in describe() if file.domain == "bus"]
    (frame,) = file.structs
    assert (frame.words * 8, frame.pointers) == (DATA.size, POINTERS)
    data = [(field.name, field.offset, field.bits) for field in frame.fields if not field.is_pointer]
    assert sorted(data, key=lambda field: field[1]) == [
        ("kind", 0, 16),
        ("status", 16, 16),
        ("retryAfterMs", 32, 32),
        ("callId", 64, 64),
        ("remainingUs", 128, 64),
        ("retryAfterKnown", 192, 1),
        ("streaming", 208, 16),
        ("credit", 224, 32),
        ("sequence", 256, 64),
    ]
    texts = sorted((field.offset, field.name) for field in frame.fields if field.is_pointer)
    names = ("method", "correlationId", "tenantId", "userId", "securityContext", "message", "traceparent")
    assert texts == list(enumerate(names))


@given(FRAMES, st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=4))
def test_frame_that_was_changed_is_refused_or_read_within_its_bounds(
    frame: Frame, changes: list[tuple[int, int]]
) -> None:
    """Whatever is accepted could have been written: it is written and read once more."""
    spoiled = bytearray(encode_frame(frame))
    for at, mask in changes:
        spoiled[at % len(spoiled)] ^= mask
    try:
        read = decode_frame(bytes(spoiled))
    except WireError:
        return
    assert decode_frame(encode_frame(read)) == read


@given(st.binary(max_size=512))
def test_random_bytes_are_refused_or_read_within_their_bounds(junk: bytes) -> None:
    """Behind a segment table that fits, so that more than the first check is reached."""
    words = len(junk) // 8
    framed = bytes(4) + words.to_bytes(4, "little") + junk[: words * 8]
    for candidate in (junk, framed):
        try:
            read = decode_frame(candidate)
        except WireError:
            continue
        assert decode_frame(encode_frame(read)) == read


def test_every_shorter_or_longer_frame_is_refused() -> None:
    """Cut at each byte, and with anything behind it."""
    whole = encode_frame(CALL)
    for size in range(len(whole)):
        with pytest.raises(WireError):
            decode_frame(whole[:size])
    for tail in (b"\0", b"\0" * 8, whole):
        with pytest.raises(WireError):
            decode_frame(whole + tail)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b.replace(b"risk.approve", b"risk.appr\xffve"), "the frame has a text that is not UTF-8"),
        (lambda b: b.replace(b"risk.approve", b"risk.appr\nve"), "method is not printable ASCII"),
        (
            lambda b: b.replace(b"risk.approve\0", b"risk.approve!"),
            "the frame is no valid Cap'n Proto message",
        ),
        (lambda b: b.replace(b"acme-corp", "acmé-cor".encode()), "tenantId is not printable ASCII"),
        (lambda b: b[:16] + b"\x09" + b[17:], "frames of kind 9 are not known here"),
        (lambda b: b"\x01" + b[1:], "the frame is not one segment of its own length"),
        (lambda b: bytes(65_544), "the frame has 65544 bytes, more than 65536"),
    ],
)
def test_frame_with_a_fault_is_refused_with_its_reason(spoil: object, message: str) -> None:
    """The first that is found."""
    assert callable(spoil)
    with pytest.raises(WireError, match=f"^{re.escape(message)}$"):
        decode_frame(spoil(encode_frame(CALL)))


def test_reply_of_a_status_that_is_not_known_is_refused() -> None:
    """A newer server's; the number is named."""
    schema = capnp.load(str(SCHEMA))
    message = schema.Frame.new_message()
    message.kind = 2
    message.status = 99
    with pytest.raises(WireError, match=r"^status 99 is not known here$"):
        decode_frame(message.to_bytes())


def test_reply_message_that_is_too_long_is_cut_when_written_and_refused_when_read() -> None:
    """At 1 KiB, never within a character."""
    read = decode_frame(encode_frame(ReplyFrame(1, RpcStatus.INTERNAL, "é" * 600)))
    assert read == ReplyFrame(1, RpcStatus.INTERNAL, "é" * 512)
    message = capnp.load(str(SCHEMA)).Frame.new_message()
    message.kind = 2
    message.status = 1
    message.message = "x" * 1_025
    with pytest.raises(WireError, match=r"^message is longer than 1024 bytes$"):
        decode_frame(message.to_bytes())


@pytest.mark.parametrize(
    "frame",
    [
        CancelFrame(-1),
        CancelFrame(2**64),
        replace(CALL, remaining_us=-1),
        replace(CALL, method=""),
        replace(CALL, method="m" * 129),
        replace(CALL, user_id="u" * 65),
        replace(CALL, correlation_id="c" * 41),
        replace(CALL, security_context="x" * 16_385),
        ReplyFrame(1, RpcStatus.OK, retry_after_ms=2**32),
    ],
)
def test_frame_beyond_its_bounds_is_not_written(frame: Frame) -> None:
    """WireError, before anything is sent."""
    with pytest.raises(WireError):
        encode_frame(frame)


def test_schema_s_numbers_are_those_of_python() -> None:
    """Statuses by name and number, `unset` first; ids explicit."""
    schema = capnp.load(str(SCHEMA))
    numbers = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(): number
        for name, number in schema.Status.schema.enumerants.items()
    }
    assert numbers == {"UNSET": 0} | {status.name: status.value for status in RpcStatus}
    assert schema.FrameKind.schema.enumerants == {
        name: number
        for number, name in enumerate(("unset", "call", "reply", "cancel", "message", "end", "credit"))
    }
    ids = re.findall(r"^(?:enum|struct) \w+ @0x[0-9a-f]{16} \{$", SCHEMA.read_text(), re.MULTILINE)
    assert len(ids) == 4


@pytest.mark.parametrize(("frame", "written"), OLD_FRAMES)
def test_frame_of_the_first_release_reads_as_it_was_meant(frame: Frame, written: str) -> None:
    """Bytes that were kept."""
    assert decode_frame(bytes.fromhex(written)) == frame
