"""What carries a session's frames: `exchange.bus.dealer.Dealer`, or an embedded exchange."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
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

    @property
    def refused(self) -> bool:
        """Whether it is over because keys were not taken."""
        ...

    def close(self) -> None:
        """Close for good."""
        ...


class SocketLink(Link, Protocol):
    """A link of the operating system's, on which can be waited."""

    opened: int
    """How often it was opened: each time its descriptors are others, be their numbers the same."""

    def filenos(self) -> tuple[int, ...]:
        """Descriptors that become readable when there may be something to receive."""
        ...

    @property
    def readable(self) -> bool:
        """Whether a frame is there. Sending may use up what a descriptor has to tell: look here after it."""
        ...
