"""A connection to a core, as those need it who speak over one: a `Dealer`, or one over memory."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """One connection at a time; nothing here waits."""

    def open(self) -> None:
        """Connect, anew where it was connected before; where there are several places, to the next one."""
        ...

    def send(self, frame: bytes) -> bool:
        """Send one frame; False where that is not possible now."""
        ...

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """The frames that are there, in order."""
        ...

    @property
    def broken(self) -> bool:
        """Whether the connection is over, as of the last `receive`."""
        ...


class SocketConnection(Connection, Protocol):
    """One of the operating system's, on which can be waited."""

    def filenos(self) -> tuple[int, ...]:
        """Descriptors that become readable when there may be something to receive."""
        ...

    @property
    def readable(self) -> bool:
        """Whether a frame is there. Sending may use up what a descriptor has to tell: look here after it."""
        ...
