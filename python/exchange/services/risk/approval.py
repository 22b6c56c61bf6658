"""What approves orders beyond the limits: a function of the operator's, by its name in `risk.approval`.

    def approve(view, orders):
        return orders["qty"] <= 100

`view` is a RiskPort: the state right before the orders. `orders` is (n,) of ORDER_COMMAND: the new and
replaced ones of a batch, or of a part of it. It returns (n,) of bool: which are approved. Its word is
journaled, so that no replay needs it: it need not be deterministic. It has to be quick: the core holds the
batch meanwhile.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cmatch.rejects import RejectCode
from exchange.errors import ConfigError
from exchange.runtime.log import log
from exchange.services.risk.ports import RiskPort

Records = npt.NDArray[np.void]
Codes = npt.NDArray[np.uint32]


def approval_of(name: str) -> Callable[[RiskPort, Records], Codes] | None:
    """What `risk.approval` names, as a stage asks it: the reject code of each order, 0 where it is approved.

    Orders are refused with RISK_UNAVAILABLE where the function raises, or returns something else.

    Args:
        name: `package.module:function`; empty: None.

    Raises:
        ConfigError: There is no such function.
    """
    if not name:
        return None
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a module raises while it is imported
        raise ConfigError(f"risk.approval is {name!r}, which cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigError(f"risk.approval is {name!r}, which is no function")
    return Approval(name, found)


class Approval:
    """The function, with what its mistakes come to."""

    def __init__(self, name: str, approve: Callable[[RiskPort, Records], object]) -> None:
        self._name = name
        self._approve = approve

    def __call__(self, view: RiskPort, orders: Records) -> Codes:
        """(n,) of RejectCode: 0, RISK_REFUSED or, where the function failed, RISK_UNAVAILABLE."""
        try:
            approved = _checked(np.asarray(self._approve(view, orders.copy())), orders.shape)
        except Exception as error:  # noqa: BLE001 (it is not ours, and no order may pass for it)
            log("approval failed", level=logging.ERROR, approval=self._name, orders=len(orders), error=error)
            return np.full(len(orders), int(RejectCode.RISK_UNAVAILABLE), np.uint32)
        return np.where(approved, 0, int(RejectCode.RISK_REFUSED)).astype(np.uint32)


def _checked(approved: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if approved.dtype != np.bool_ or approved.shape != shape:
        raise TypeError(f"expected {shape} of bool, got {approved.shape} of {approved.dtype}")
    return approved
