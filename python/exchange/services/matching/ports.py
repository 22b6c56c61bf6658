"""What this service needs of the kernels. Arrays are structured; their fields are those of the C++ views."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]


class MatchingPort(Protocol):
    """Books, trades and instruments as the replica has them."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    @property
    def clock(self) -> int:
        """Journaled time of that command, ns."""
        ...

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        ...

    def instruments(self) -> Records:
        """(n,) of INSTRUMENT_COMMAND by id: as last defined, with the phase of now."""
        ...

    def assets(self) -> Records:
        """(n,) of ASSET, in order of definition."""
        ...

    def prices(self, instrument_id: int) -> tuple[int | None, int | None, int | None]:
        """Reference, mark and last price, ticks."""
        ...

    def book(self, instrument_id: int, depth: int) -> tuple[Records, Records]:
        """Bids and asks, best first: (n,) of LEVEL; depth 0 stands for all."""
        ...

    def book_orders(self, instrument_id: int, limit: int) -> tuple[Records, Records]:
        """Displayed orders of bids and asks, best first, then by time: (n,) of L3; limit 0 stands for all."""
        ...

    def trades(self, instrument_id: int, *, limit: int, before: int) -> Records:
        """(n,) of HISTORY_TRADE, the newest first, of trade ids below `before` (0: all)."""
        ...

    def fills(self, account: int, *, limit: int, before: int, instrument_id: int) -> Records:
        """(n,) of HISTORY_FILL, the newest first; likewise."""
        ...
