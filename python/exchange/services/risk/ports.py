"""What this service needs of the kernels. Arrays are structured; their fields are those of the C++ views."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]


class RiskPort(Protocol):
    """Positions and limits as the replica has them."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied."""
        ...

    def tenant_of(self, account: int) -> int | None:
        """The tenant of an account; None where it is not open."""
        ...

    def positions(self, account: int) -> Records:
        """(n,) of POSITION by instrument."""
        ...

    def limits(self, account: int, instrument_id: int) -> Records:
        """The limits that bind: (1,) of LIMITS, or (0,) where the account is not open."""
        ...
