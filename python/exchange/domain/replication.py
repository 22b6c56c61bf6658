"""What a standby asks of its leader's replica: the journal's files and snapshots."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRequest:
    """Records after a sequence (0: all), whose own record has that epoch where it is the asker's."""

    after_sequence: int = 0
    epoch: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReply:
    """Records up to `sequence`: their payloads, each behind its length in 8 bytes, little-endian."""

    sequence: int = 0
    more: bool = False
    batches: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest:
    """A part of a snapshot's file, from an offset in bytes on; sequence 0: the newest.

    `history`: of the file beside it, which has what the replica remembers of orders.
    """

    sequence: int = 0
    offset: int = 0
    history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReply:
    """That part; `size` is of the whole file."""

    sequence: int = 0
    size: int = 0
    content: bytes = b""
