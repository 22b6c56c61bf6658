"""Ids of events: UUIDs of version 7 that follow from where an event stands, so that a replay gives the same.

| bits | is |
| ---: | --- |
| 48 | milliseconds since 1970, of when it occurred |
| 4 | version: 7 |
| 12 | stream: who numbers (`exchange.bus.topics`) |
| 2 | variant: 2 |
| 62 | sequence in the stream |
"""

import re
from typing import Final, NamedTuple

STREAM_BITS: Final = 12
SEQUENCE_BITS: Final = 62
_MS_BITS: Final = 48
_NS_PER_MS: Final = 1_000_000
_FORM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class EventId(NamedTuple):
    """What an id says: milliseconds since 1970, stream, sequence."""

    time_ms: int
    stream: int
    sequence: int


def event_id(occurred_at: int, stream: int, sequence: int) -> str:
    """The id of an event, as a UUID is written.

    Args:
        occurred_at: ns since 1970.
        stream: From 1 to 4,095.
        sequence: In the stream, from 1.

    Raises:
        ValueError: One of them does not fit its bits.
    """
    time_ms = occurred_at // _NS_PER_MS
    if not (
        0 <= time_ms < 1 << _MS_BITS and 0 < stream < 1 << STREAM_BITS and 0 < sequence < 1 << SEQUENCE_BITS
    ):
        raise ValueError(f"no event id can have time {occurred_at}, stream {stream} and sequence {sequence}")
    text = f"{time_ms << 80 | 7 << 76 | stream << 64 | 2 << 62 | sequence:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def parse_event_id(text: str) -> EventId:
    """What an id says.

    Raises:
        ValueError: It is none of ours.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is no event id: expected a UUID of version 7 in lower case")
    number = int(text.replace("-", ""), 16)
    return EventId(number >> 80, number >> 64 & (1 << STREAM_BITS) - 1, number & (1 << SEQUENCE_BITS) - 1)
