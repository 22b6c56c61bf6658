"""A connection to an embedded core, which a test may cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.embedded.core import Core

if TYPE_CHECKING:
    from exchange.embedded.exchange import Exchange


class MemoryLink:
    """A connection to an embedded core. `lose` may take frames that are on their way to the client.

    Args:
        exchange: Whose.
        user_id: What keys would have said.
    """

    def __init__(self, exchange: Exchange, user_id: str) -> None:
        self._exchange = exchange
        self._user_id = user_id
        self._core: Core | None = None
        self._connection = 0
        self._broken = False
        # Whether a connection can be made; `cut` breaks the one that there is.
        self.up = True
        # What the network makes of each frame to the client; all of it by default.
        self.network: Callable[[bytes], list[bytes]] | None = None

    def open(self) -> None:
        """Connect, anew where it was connected before."""
        self.cut()
        self._core = self._exchange.core if self.up else None
        self._broken = self._core is None
        if self._core is not None:
            self._connection = self._core.transport.open(self._user_id)

    def cut(self) -> None:
        """Break the connection."""
        if self._core is not None:
            self._core.transport.close(self._connection)
        self._core = None
        self._broken = True

    def send(self, frame: bytes) -> bool:
        """Send one frame; False where that is not possible now."""
        return (
            self._alive
            and self._core is not None
            and bool(self._core.transport.push(self._connection, frame))
        )

    def receive(self, frames_max: int = 256) -> list[bytes]:
        """The frames that are there, in order."""
        frames: list[bytes] = []
        while self._alive and self._core is not None and len(frames) < frames_max:
            frame = self._core.transport.take(self._connection)
            if frame is None:
                break
            frames.extend([frame] if self.network is None else self.network(frame))
        return frames

    @property
    def broken(self) -> bool:
        """Whether the connection is over."""
        return self._broken or not self._alive

    @property
    def refused(self) -> bool:
        """Keys are not looked at in the same program."""
        return False

    def close(self) -> None:
        """Close for good."""
        self.cut()

    @property
    def _alive(self) -> bool:
        return self._core is not None and self._core is self._exchange.core
