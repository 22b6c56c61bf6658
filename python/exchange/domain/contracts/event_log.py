"""Messages of EventLogService."""

from dataclasses import dataclass

from exchange.domain.enums import TailStart


@dataclass(frozen=True, slots=True, kw_only=True)
class TailEventsRequest:
    """Asks for the records of a topic, and for those that come."""

    topic: str = ""
    start: TailStart | None = None
    back: int = 0
    offset: int = 0
    ts_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHeader:
    """One header of a batch."""

    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBatch:
    """One record of a topic: a batch of events, whose frame the payload is."""

    offset: int = 0
    epoch: int = 0
    first_seq: int = 0
    count: int = 0
    stream: int = 0
    schema_version: int = 0
    ts_ns: int = 0
    key: str = ""
    headers: tuple[EventHeader, ...] = ()
    payload: bytes = b""
