"""Why a stream is closed: WebSocket close codes, those of RFC 6455 and our own."""

from __future__ import annotations

from enum import IntEnum


class Close(IntEnum):
    """Append only."""

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
    RIGHTS_CHANGED = 4011

    @property
    def meaning(self) -> str:
        """In words."""
        return _MEANINGS[self]


_MEANINGS = {
    Close.NORMAL: "the program closed it",
    Close.GOING_AWAY: "the gateway stops: connect again",
    Close.ABNORMAL: "the connection broke, and nobody said why",
    Close.TOO_LARGE: "a frame was larger than is taken",
    Close.NOT_AUTHENTICATED: "the credential of the handshake counts for nothing, or three logons did not",
    Close.SESSION_ENDED: "the key or session expired, was revoked or logged off",
    Close.LOGON_TIMEOUT: "nobody logged on within 5 s",
    Close.MALFORMED: "20 frames were none, or a message came in parts that are not taken",
    Close.RATE_LIMITED: "100 more requests were beyond the budget than within it, or pings beyond theirs",
    Close.TOO_SLOW: "what waits for its reader reached the bound twice within a minute, or for 10 s",
    Close.REPLACED: "the session opened a newer stream",
    Close.TOO_MANY_STREAMS: "the key has as many streams as it may",
    Close.RIGHTS_CHANGED: "what its user may do was changed: connect again",
}
