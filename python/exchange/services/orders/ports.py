"""What this service needs of the kernels. Arrays are structured; their fields are those of the C++ views."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from exchange.runtime.core_status import CoreStatus

Records = npt.NDArray[np.void]


class OrdersPort(Protocol):
    """Orders as the replica has them."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        ...

    def open_orders(self, account: int, instrument_id: int) -> Records:
        """(n,) of VENUE_ORDER by order id; instrument 0 stands for all."""
        ...

    def order_history(self, account: int, *, limit: int, **wanted: Any) -> Records:
        """(n,) of HISTORY_ORDER, the newest first.

        Args:
            account: whose.
            limit: at most so many.
            wanted: instrument_id, order_status, from_ns, to_ns, before (order id), client_order_id.
        """
        ...

    def order_of_history(self, order_id: int) -> Records:
        """(1,) of HISTORY_ORDER, or (0,) where it is not remembered."""
        ...

    @property
    def clock(self) -> int:
        """Journaled time of the last command that was applied, ns."""
        ...

    def shards(self) -> Records:
        """(n,) of SHARD, by number."""
        ...

    def state_hash(self) -> int:
        """Of the whole state, as of `sequence`."""
        ...

    @property
    def unposted_trades(self) -> int:
        """Trades that wait for a settlement service."""
        ...

    @property
    def settled_by_service(self) -> bool:
        """Whether one posts trades; else they are posted as they are made."""
        ...

    def venue_status(self) -> np.void:
        """One VENUE_STATUS."""
        ...

    def core_status(self) -> CoreStatus:
        """What the core says of itself."""
        ...
