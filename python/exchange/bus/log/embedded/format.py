"""Bytes of a segment: a head, then records. Little-endian, 8-byte aligned.

Segment head: magic (8), length of all of it (4), CRC-32 of what follows, begun with that length (4), then
JSON, padded with spaces: the topic, the first offset, the highest time before it, and by stream how far it is
and which epochs it came in: what the removed segments would have told. Also the topic's `seed`, random, with
which the CRCs of its records begin, so that no payload can hold a record of its own topic.

Record: 56 bytes of head, key, headers as JSON, payload, zeros up to a multiple of 8.

| at | bytes | field |
| ---: | ---: | --- |
| 0 | 4 | CRC-32 of all that follows |
| 4 | 4 | size of all of it |
| 8 | 8 | offset |
| 16 | 8 | epoch |
| 24 | 8 | first sequence |
| 32 | 8 | time, ns |
| 40 | 4 | count |
| 44 | 2 | stream |
| 46 | 2 | schema version |
| 48 | 4 | length of the payload |
| 52 | 2 | length of the headers |
| 54 | 1 | length of the key |
| 55 | 1 | version of this format: 1 |
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from exchange.bus.log.interface import RECORD_BYTES_MAX, STREAMS_MAX, Batch, Head
from exchange.errors import LogCorrupt, LogFault, LogRefused

MAGIC: Final = b"EXCHLOG1"
HEAD_BYTES_MAX: Final = 1 << 20
HEADERS_BYTES_MAX: Final = 4 << 10
KEY_BYTES_MAX: Final = 255
_VERSION: Final = 1
_SEGMENT: Final = struct.Struct("<8sII")
_RECORD: Final = struct.Struct("<IIQQQqIHHIHBB")
_AFTER_CRC: Final = struct.Struct("<IQQQqIHHIHBB")
RECORD_HEAD_BYTES: Final = _RECORD.size
SIZE_MAX: Final = RECORD_HEAD_BYTES + RECORD_BYTES_MAX + 8
_EPOCHS_KEPT: Final = 256
_UINT64: Final = 1 << 64


@dataclass(slots=True)
class StreamState:
    """How far a stream is, and in which epochs it came: (epoch, its first sequence), the oldest first."""

    last_seq: int
    epochs: list[tuple[int, int]]

    @property
    def head(self) -> Head:
        """How far it is."""
        return Head(self.epochs[-1][0], self.last_seq)

    def epoch_at(self, seq: int) -> int | None:
        """The epoch in which a sequence came; None where that is no longer known."""
        for epoch, first in reversed(self.epochs):
            if first <= seq:
                return epoch
        return None

    def extend(self, batch: Batch) -> None:
        """A batch was appended."""
        if batch.epoch != self.epochs[-1][0]:
            self.epochs.append((batch.epoch, batch.first_seq))
            del self.epochs[:-_EPOCHS_KEPT]
        self.last_seq = batch.last_seq


@dataclass(slots=True)
class TopicState:
    """What a topic's end is: the next offset, the highest time, its streams by number; and its seed."""

    seed: int
    offset: int = 0
    ts_ns: int = 0
    streams: dict[int, StreamState] = field(default_factory=dict)

    def copy(self) -> TopicState:
        """One that may go on by itself."""
        streams = {
            number: StreamState(known.last_seq, list(known.epochs)) for number, known in self.streams.items()
        }
        return TopicState(self.seed, self.offset, self.ts_ns, streams)

    def admit(self, batch: Batch) -> bool:
        """Whether a batch is new; False: the topic has it already.

        Raises:
            LogRefused: GAP, OVERLAP, DIVERGED, FENCED, or BAD_EVENT where its head makes no sense.
        """
        _check(batch)
        known = self.streams.get(batch.stream)
        if known is None:
            return True
        if batch.first_seq == known.last_seq + 1 and batch.epoch >= known.epochs[-1][0]:
            return True
        where = f"stream {batch.stream}: {batch.first_seq} to {batch.last_seq} of epoch {batch.epoch}"
        if batch.first_seq > known.last_seq + 1:
            raise LogRefused(LogFault.GAP, f"{where} comes after {known.last_seq}")
        if batch.first_seq <= known.last_seq:
            epoch = known.epoch_at(batch.first_seq)
            if epoch is not None and epoch != batch.epoch:
                raise LogRefused(LogFault.DIVERGED, f"{where} is there of epoch {epoch}")
            if batch.last_seq > known.last_seq:
                raise LogRefused(LogFault.OVERLAP, f"{where} is there up to {known.last_seq}")
            return False
        raise LogRefused(LogFault.FENCED, f"{where} comes after epoch {known.head.epoch}")

    def extend(self, batch: Batch) -> None:
        """A batch was appended."""
        known = self.streams.get(batch.stream)
        if known is None:
            self.streams[batch.stream] = StreamState(batch.last_seq, [(batch.epoch, batch.first_seq)])
        else:
            known.extend(batch)
        self.ts_ns = max(self.ts_ns, batch.ts_ns)
        self.offset += 1


def _check(batch: Batch) -> None:
    if not (
        0 < batch.stream < STREAMS_MAX
        and 0 <= batch.epoch < _UINT64
        and 0 < batch.first_seq < _UINT64
        and 0 < batch.count < 1 << 32
        and 0 <= batch.ts_ns < 1 << 63
        and 0 <= batch.schema_version < 1 << 16
    ):
        raise LogRefused(
            LogFault.BAD_EVENT,
            f"a batch of stream {batch.stream} has a number beyond its bounds in its head",
        )


def encode_segment_head(topic: str, state: TopicState) -> bytes:
    """The head of a segment that goes on from a state."""
    streams = {number: [known.last_seq, known.epochs] for number, known in state.streams.items()}
    content = {
        "topic": topic,
        "seed": state.seed,
        "offset": state.offset,
        "ts_ns": state.ts_ns,
        "streams": streams,
    }
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    body = body.ljust((len(body) + 7) // 8 * 8)
    length = _SEGMENT.size + len(body)
    return _SEGMENT.pack(MAGIC, length, crc32(body, length)) + body


def decode_segment_head(data: bytes, name: str) -> tuple[int, str, TopicState]:
    """The head of a segment.

    Args:
        data: The first HEAD_BYTES_MAX bytes of the file, or all of it.
        name: Of the file, for messages.

    Returns:
        Its length, the topic, and the state before its first record.

    Raises:
        LogCorrupt: It is none.
    """
    if len(data) < _SEGMENT.size:
        raise LogCorrupt(f"{name} has {len(data)} bytes, no head of a segment")
    magic, length, checked = _SEGMENT.unpack_from(data)
    if magic != MAGIC or not _SEGMENT.size < length <= min(len(data), HEAD_BYTES_MAX):
        raise LogCorrupt(f"{name} does not begin as a segment does")
    body = data[_SEGMENT.size : length]
    if crc32(body, length) != checked:
        raise LogCorrupt(f"the head of {name} is damaged")
    content = json.loads(body)
    streams = {
        int(number): StreamState(last_seq, [(epoch, first) for epoch, first in epochs])
        for number, (last_seq, epochs) in content["streams"].items()
    }
    return length, content["topic"], TopicState(content["seed"], content["offset"], content["ts_ns"], streams)


def encode_record(offset: int, batch: Batch, seed: int) -> list[bytes]:
    """A batch as the parts of a record, none of them empty, to be written one behind the other.

    Raises:
        LogRefused: TOO_LARGE.
    """
    key = batch.key.encode("utf-8")
    headers = _encode_headers(batch.headers)
    beyond = len(key) > KEY_BYTES_MAX or len(headers) > HEADERS_BYTES_MAX
    content = len(key) + len(headers) + len(batch.payload)
    if beyond or content > RECORD_BYTES_MAX:
        raise LogRefused(
            LogFault.TOO_LARGE,
            f"a batch has {len(batch.payload):,} bytes of payload, {len(headers):,} of headers and"
            f" {len(key)} of key: expected at most {HEADERS_BYTES_MAX:,}, {KEY_BYTES_MAX} and together"
            f" {RECORD_BYTES_MAX:,}",
        )
    padding = bytes(-content % 8)
    rest = _AFTER_CRC.pack(
        RECORD_HEAD_BYTES + content + len(padding),
        offset,
        batch.epoch,
        batch.first_seq,
        batch.ts_ns,
        batch.count,
        batch.stream,
        batch.schema_version,
        len(batch.payload),
        len(headers),
        len(key),
        _VERSION,
    )
    parts = [part for part in (rest, key, headers, batch.payload, padding) if part]
    checked = seed
    for part in parts:
        checked = crc32(part, checked)
    return [checked.to_bytes(4, "little"), *parts]


def _encode_headers(headers: Mapping[str, str]) -> bytes:
    return json.dumps(dict(headers), separators=(",", ":")).encode("ascii") if headers else b""


def record_size(data: memoryview, at: int) -> int | None:
    """How long the record at a place of a buffer says it is; None where none can be, or its head is cut."""
    if len(data) - at < RECORD_HEAD_BYTES:
        return None
    _, size, *_, payload, headers, key, version = _RECORD.unpack_from(data, at)
    content = payload + headers + key
    if version != _VERSION or size != RECORD_HEAD_BYTES + content + -content % 8 or size > SIZE_MAX:
        return None
    return int(size)


def is_whole(data: memoryview, at: int, size: int, seed: int) -> bool:
    """Whether a record of that size, of the topic with that seed, lies undamaged at a place of a buffer."""
    if len(data) - at < size:
        return False
    return crc32(data[at + 4 : at + size], seed) == int.from_bytes(data[at : at + 4], "little")


def decode_head(data: memoryview, at: int) -> tuple[int, Batch]:
    """Offset and batch of a whole record at a place of a buffer, without its payload, key and headers."""
    _, _, offset, epoch, first, ts_ns, count, stream, schema, *_ = _RECORD.unpack_from(data, at)
    return offset, Batch(
        stream=stream,
        epoch=epoch,
        first_seq=first,
        count=count,
        ts_ns=ts_ns,
        schema_version=schema,
        payload=b"",
    )


def decode_record(data: memoryview, at: int) -> tuple[int, Batch]:
    """Offset and batch of a whole record at a place of a buffer."""
    _, _, offset, epoch, first, ts_ns, count, stream, schema, payload, headers, key, _ = _RECORD.unpack_from(
        data, at
    )
    key_at = at + RECORD_HEAD_BYTES
    headers_at = key_at + key
    payload_at = headers_at + headers
    batch = Batch(
        stream=stream,
        epoch=epoch,
        first_seq=first,
        count=count,
        ts_ns=ts_ns,
        schema_version=schema,
        payload=bytes(data[payload_at : payload_at + payload]),
        key=str(data[key_at:headers_at], "utf-8"),
        headers=json.loads(bytes(data[headers_at:payload_at])) if headers else {},
    )
    return offset, batch
