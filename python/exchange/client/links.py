"""What carries a session's frames: `exchange.bus.dealer.Dealer`, or an embedded exchange."""

from __future__ import annotations

from typing import Protocol

from exchange.bus.connection import Connection, SocketConnection


class Link(Connection, Protocol):
    """A client's connection."""

    @property
    def refused(self) -> bool:
        """Whether it is over because keys were not taken."""
        ...

    def close(self) -> None:
        """Close for good."""
        ...


class SocketLink(Link, SocketConnection, Protocol):
    """A link of the operating system's."""

    opened: int
    """How often it was opened: each time its descriptors are others, be their numbers the same."""
