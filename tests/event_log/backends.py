"""What the conformance suite needs of a backend, and the topics that it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from exchange.bus.log.embedded import EmbeddedLog
from exchange.bus.log.interface import Batch, EventLog
from exchange.bus.topics import Retention, Topic, TopicTable

SECOND_NS = 1_000_000_000
SEGMENT_BYTES = 4 << 10
KEPT_BYTES = 64 << 10

TOPICS = TopicTable(
    "test",
    (
        Topic("hot.stream", "id", {"orders": 1, "matching": 2}, (), Retention(None, 1 << 30), synced=False),
        Topic("cold.stream", "id", {"admin": 3}, (), Retention(None, 1 << 30)),
        Topic("short.stream", "id", {"orders": 4}, (), Retention(60 * SECOND_NS, KEPT_BYTES), synced=False),
    ),
)
HOT, COLD, SHORT = "test.hot.stream.v1", "test.cold.stream.v1", "test.short.stream.v1"


class Backend(Protocol):
    """One engine with empty topics; every log that it opens is of the same ones, as of another process."""

    def open(self) -> EventLog:
        """Another log of the same topics."""
        ...


class Embedded:
    """The embedded log in a directory, of small segments."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: list[EmbeddedLog] = []

    def open(self) -> EventLog:
        """Another log of the same directory."""
        log = EmbeddedLog(self.root / "log", self.root / "run", TOPICS, segment_bytes=SEGMENT_BYTES)
        self._opened.append(log)
        return log

    def close(self) -> None:
        """Closes all."""
        for log in self._opened:
            log.close()


def batch(
    first_seq: int,
    count: int = 1,
    *,
    stream: int = 1,
    epoch: int = 1,
    ts_ns: int | None = None,
    size: int = 100,
) -> Batch:
    """A batch whose numbers determine everything else of it."""
    said = f"{stream}:{first_seq}+{count}:".encode("ascii")
    return Batch(
        stream=stream,
        epoch=epoch,
        first_seq=first_seq,
        count=count,
        ts_ns=first_seq * SECOND_NS if ts_ns is None else ts_ns,
        payload=(said * (size // len(said) + 1))[:size],
        key=f"key-{first_seq}",
        headers={"traceparent": f"00-{first_seq:032x}"} if first_seq % 2 else {},
    )
