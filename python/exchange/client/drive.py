"""A session and its link, one turn at a time; shared by all who drive one."""

from __future__ import annotations

from typing import Final

from exchange.client.links import Link
from exchange.client.session import Event, Session, State
from exchange.errors import SecurityError, TransportError, WireError

_FRAMES_MAX: Final = 256


class Drive:
    """Moves frames between a session and its link. Not thread-safe.

    Args:
        session: The session.
        link: Its link; closed with the session.
    """

    def __init__(self, session: Session, link: Link) -> None:
        self.session = session
        self.link = link
        self._link_closed = False

    def open(self, now: int) -> None:
        """Connect and log on.

        Raises:
            ConfigError: The endpoint is none.
        """
        self.link.open()
        self.session.opened(now)
        self.flush()

    def turn(self, now: int) -> tuple[list[Event], bool]:
        """Take in what is there, let time pass, send what is to be sent.

        Returns:
            What happened, and whether another turn is due at once: not all that was there was taken, or
            something was sent, which may use up what a descriptor has to tell of what came in.
        """
        session, link = self.session, self.link
        frames = link.receive(_FRAMES_MAX)
        try:
            for frame in frames:
                session.receive(frame, now)
        except WireError as error:
            session.close(now, error)
        if link.refused:
            session.close(now, SecurityError("the core refused this client's CURVE keys"))
        elif link.broken:
            session.lost(now)
        session.tick(now)
        if session.reopen_at is not None and now >= session.reopen_at:
            link.open()
            session.opened(now)
        waiting = len(session.outbox)
        self.flush()
        has_sent = len(session.outbox) < waiting
        if session.state is State.CLOSED and not self._link_closed:
            self._link_closed = True
            link.close()
        return session.take(), has_sent or len(frames) == _FRAMES_MAX

    def flush(self) -> bool:
        """Send what can be sent now; whether that was all."""
        outbox = self.session.outbox
        while outbox:
            if not self.link.send(outbox[0]):
                return False
            outbox.popleft()
        return True

    def close(self, now: int, why: TransportError | None = None) -> None:
        """Log off and close."""
        self.session.close(now, why)
        self.flush()
