"""What a signal stops: whichever loop the core process is in."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Stoppable(Protocol):
    """A loop."""

    stopping: bool


L = TypeVar("L", bound=Stoppable)


class Life:
    """The loops of one process, one after the other."""

    def __init__(self) -> None:
        self._loop: Stoppable | None = None
        self._stopped = False

    def runs(self, loop: L) -> L:
        """This loop is the one to be stopped from now on."""
        self._loop = loop
        loop.stopping = self._stopped
        return loop

    def stop(self, *_: object) -> None:
        """Asks for an orderly stop; may be a signal handler."""
        self._stopped = True
        if self._loop is not None:
            self._loop.stopping = True
