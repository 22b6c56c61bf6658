"""What this service needs of the kernels. Arrays are structured; their fields are those of the C++ views."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]


class AccountsPort(Protocol):
    """The ledger as the replica has it."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        ...

    def balances(self, account: int) -> Records:
        """(n,) of BALANCE, by asset."""
        ...

    def holds(self, account: int) -> Records:
        """(n,) of HOLD: transfer_id (low, high), asset, amount, expire_at (the largest: never)."""
        ...

    def open_orders(self, account: int, instrument_id: int) -> Records:
        """(n,) of VENUE_ORDER by order id; instrument 0 stands for all."""
        ...

    def accounts(self) -> Records:
        """(n,) of ACCOUNT, in order of opening: account, tenant, parent, killed, countdown_at (0: none)."""
        ...

    def assets(self) -> Records:
        """(n,) of ASSET, in order of definition."""
        ...
