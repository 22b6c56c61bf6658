"""Why a stream ended, and whether to connect again."""

from __future__ import annotations

from typing import Final

from exchange.client.rest.closing import Close
from exchange.errors import TransportError

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
        number: The close code, or the status of HTTP that the handshake was answered with.
        reason: In words.
    """

    def __init__(self, number: int, reason: str) -> None:
        self.code = _KNOWN.get(number)
        """What it is known as; None of a status."""
        name = f" {self.code.name}" if self.code is not None else ""
        super().__init__(f"the stream ended: {number}{name} {reason}".rstrip())
        self.number = number
        self.reason = reason
