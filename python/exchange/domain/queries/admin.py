"""What administrators changed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangeRow:
    """A change that an administrator made, or wished and was refused; its key is `change_id`."""

    change_id: str = ""
    changed_at: int = 0
    change: str = ""
    entity_type: str = ""
    entity_id: str = ""
    who: str = ""
    why: str = ""
    before: str = ""
    afterwards: str = ""
    reject: int = 0
    sequence: int = 0
    version: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangesRequest:
    """The history of what administrators changed, the newest first unless `oldest_first`."""

    min_seq: int = 0
    entity_type: str = ""
    entity_id: str = ""
    who: str = ""
    correlation_id: str = ""
    from_ns: int = 0
    to_ns: int = 0
    refused: bool = False
    oldest_first: bool = False
    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminChangesReply:
    """A page of changes."""

    sequence: int = 0
    changes: tuple[AdminChangeRow, ...] = ()
    more: bool = False
