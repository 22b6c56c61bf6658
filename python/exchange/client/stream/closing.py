"""Why a stream ended, and whether to connect again."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from exchange.errors import TransportError


class Close(IntEnum):
    """Close codes of a stream: those of RFC 6455 that occur, and the gateway's own. Append only."""

    NORMAL = 1000
    GOING_AWAY = 1001
    ABNORMAL = 1006
    TOO_LARGE = 1009
    NOT_AUTHENTICATED = 4001
    SESSION_ENDED = 4002
    LOGON_TIMEOUT = 4003
    MALFORMED = 4004
    RATE_LIMITED = 4005
    TOO_SLOW = 4006
    REPLACED = 4009
    TOO_MANY_STREAMS = 4010


_KNOWN: Final = {int(code): code for code in Close}
_FINAL: Final = frozenset(
    {
        Close.NOT_AUTHENTICATED,
        Close.SESSION_ENDED,
        Close.MALFORMED,
        Close.TOO_LARGE,
        Close.REPLACED,
        Close.TOO_MANY_STREAMS,
    }
)


def is_final(code: int) -> bool:
    """Whether the same would happen again: a credential that ended, a place that another took."""
    return code in _FINAL


class StreamEnded(TransportError):
    """The gateway closed the stream for good.

    Args:
        code: Why, where it is known: of `Close`.
        number: The number of the close code, or of the gateway's refusal.
        reason: In words.
    """

    def __init__(self, number: int, reason: str) -> None:
        self.code = _KNOWN.get(number)
        name = f" {self.code.name}" if self.code is not None else ""
        super().__init__(f"the stream ended: {number}{name} {reason}".rstrip())
        self.number = number
        self.reason = reason
