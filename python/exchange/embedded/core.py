"""The core of an embedded exchange: one life of it, from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cmatch._core import (
    Disk,
    Journal,
    JournalReader,
    MemoryTransport,
    Sequencer,
    SharedStats,
    Venue,
    VirtualClock,
)
from exchange.resilience import Policies, SystemClock
from exchange.services.orders.loop import CoreLoop
from exchange.services.orders.stage import StageUnavailableError, WatchedStage

_NS_A_S: Final = 1_000_000_000
_FRAMES_MAX: Final = 1 << 16
_WRITE_BYTES: Final = (1 << 21, 1 << 22)  # room for a batch of the most compact frames, in large segments
_SEGMENT_HEADER_BYTES: Final = 4_096


class Stage:
    """The matching stage as a test wishes it: there, or away."""

    def __init__(self) -> None:
        self.away = False

    def ping(self) -> None:
        """Say whether it is there."""
        if self.away:
            raise StageUnavailableError("the matching stage is away")


@dataclass(frozen=True, slots=True)
class Options:
    """Of an embedded exchange; see `Exchange.embedded`."""

    durable: bool
    segment_bytes: int
    limits: dict[str, Any]
    sequencer: dict[str, Any]


class Core:
    """One life of the core: from a journal, until it stops or is killed.

    Args:
        disk: Where the journal is.
        directory: Its directory there.
        clock: The time.
        stage: The matching stage.
        options: `durable`, `segment_bytes`, `limits` of the venue, `sequencer`.
    """

    def __init__(
        self, disk: Disk, directory: Path, clock: VirtualClock, stage: Stage, options: Options
    ) -> None:
        self.journal = Journal(
            str(directory),
            disk=disk,
            segment_bytes=options.segment_bytes,
            write_bytes=min(
                max(_WRITE_BYTES[0], options.segment_bytes - _SEGMENT_HEADER_BYTES), _WRITE_BYTES[1]
            ),
        )
        self.venue = Venue(**options.limits)
        self.transport = MemoryTransport(_FRAMES_MAX)
        self.stats = SharedStats()
        self.sequencer = Sequencer(
            self.venue,
            self.journal,
            self.transport,
            clock,
            self.stats,
            epoch=self.journal.epoch,
            durability=2 if options.durable else 1,
            **options.sequencer,
        )
        self.sequencer.replay(JournalReader(str(directory), disk=disk), self.journal.written_sequence)
        self.sequencer.begin()
        policies = Policies(SystemClock(lambda: clock.now_ns() / _NS_A_S))
        self.loop = CoreLoop(self.sequencer, WatchedStage(stage, policies.of("orders", "matching")))

    @property
    def stage_is_away(self) -> bool:
        """Whether the venue was told that the matching stage is away."""
        return bool(self.venue.away)
