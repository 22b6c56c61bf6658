"""Writes commands of the matcher into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from cmatch.arrays import COMMAND_DTYPE, definitions
from cmatch.enums import CommandField, CommandKind, OrderType, Phase, TimeInForce
from cmatch.replay.effects import EffectFlag, EffectKind, Records

DEFINE = int(CommandKind.DEFINE_INSTRUMENT)
SET_PHASE = int(CommandKind.SET_PHASE)
NEW = int(CommandKind.NEW_ORDER)
REPLACE = int(CommandKind.REPLACE)
CANCEL = int(CommandKind.CANCEL)
MASS_CANCEL = int(CommandKind.MASS_CANCEL)
LIMIT, MARKET = int(OrderType.LIMIT), int(OrderType.MARKET)
GTC, IOC, AT_OPEN = int(TimeInForce.GTC), int(TimeInForce.IOC), int(TimeInForce.AT_OPEN)
PRE_OPEN, CONTINUOUS = int(Phase.PRE_OPEN), int(Phase.CONTINUOUS)
HALTED, CALL_AUCTION = int(Phase.HALTED), int(Phase.CALL_AUCTION)
HAS_PRICE, HAS_QTY = int(CommandField.PRICE), int(CommandField.QTY)
HAS_INSTRUMENT = int(CommandField.INSTRUMENT)

ACCOUNT = 1  # of all orders: a feed names nobody, and nobody is to be his own counterparty
_MAX_QTY = (1 << 63) - 1
_BLOCK = 1 << 16

_COLUMNS = (
    "timestamp",
    "instrument_id",
    "kind",
    "side",
    "time_in_force",
    "order_id",
    "qty",
    "price",
    "present",
    "phase",
)


def define(instrument_id: int, *, min_price: int, max_price: int, phase: int, timestamp: int) -> Records:
    """(1,) command that defines an instrument with steps of one tick and one lot, and wide bounds."""
    row = definitions(
        1,
        timestamp=timestamp,
        instrument_id=instrument_id,
        min_price=min_price,
        max_price=max_price,
        max_qty=_MAX_QTY,
        max_parts=1,
        max_pegs=1,
        phase=phase,
    )
    return row.view(COMMAND_DTYPE)


class CommandWriter:
    """Collects commands; `len()` is how many there are, the definitions included.

    Instrument k of the tape has the id k + 1.
    """

    def __init__(self, effects: Records, phases: list[int]) -> None:
        first = int(effects["timestamp"][0])
        owner = effects["instrument"]
        priced = np.isin(effects["kind"], (EffectKind.ADD, EffectKind.SET))
        priced &= effects["flags"] & EffectFlag.NO_PRICE == 0
        self._blocks: list[Records] = []
        for k, phase in enumerate(phases):
            prices = effects["price"][priced & (owner == k)]
            low, high = (int(prices.min()), int(prices.max())) if prices.size else (1, 1)
            self._blocks.append(
                define(k + 1, min_price=min(low, 1), max_price=high, phase=phase, timestamp=first)
            )
        self._rows: list[tuple[int, ...]] = []
        self._written = len(phases)
        self.new_orders = 0

    def __len__(self) -> int:
        return self._written + len(self._rows)

    def limit(
        self, now: int, instrument: int, side: int, order_id: int, qty: int, price: int, *, ioc: bool = False
    ) -> None:
        """A new limit order, resting or immediate-or-cancel."""
        self.new_orders += 1
        tif = IOC if ioc else GTC
        self._put((now, instrument + 1, NEW, side, tif, order_id, qty, price, HAS_PRICE, 0))

    def at_open(self, now: int, instrument: int, side: int, order_id: int, qty: int) -> None:
        """A new market order for the uncross."""
        self.new_orders += 1
        self._put((now, instrument + 1, NEW, side, AT_OPEN, order_id, qty, 0, 0, 0))

    def replace(self, now: int, instrument: int, order_id: int, order_qty: int, price: int) -> None:
        """New quantity, filled part included, and price of an order."""
        self._put((now, instrument + 1, REPLACE, 0, 0, order_id, order_qty, price, HAS_PRICE | HAS_QTY, 0))

    def cancel(self, now: int, instrument: int, order_id: int) -> None:
        """Cancels an order."""
        self._put((now, instrument + 1, CANCEL, 0, 0, order_id, 0, 0, 0, 0))

    def clear(self, now: int, instrument: int) -> None:
        """Cancels all orders of an instrument."""
        self._put((now, instrument + 1, MASS_CANCEL, 0, 0, 0, 0, 0, HAS_INSTRUMENT, 0))

    def phase(self, now: int, instrument: int, phase: int) -> None:
        """Moves an instrument into a phase."""
        self._put((now, instrument + 1, SET_PHASE, 0, 0, 0, 0, 0, 0, phase))

    def commands(self) -> Records:
        """(n,) all commands."""
        self._flush()
        return np.concatenate(self._blocks)

    def _put(self, row: tuple[int, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) == _BLOCK:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        table: Any = np.array(self._rows, np.int64)
        block: Records = np.zeros(len(self._rows), COMMAND_DTYPE)
        for k, name in enumerate(_COLUMNS):
            block[name] = table[:, k]
        new = block["kind"] == NEW
        block["type"][new] = np.where(block["present"][new] & HAS_PRICE, LIMIT, MARKET)
        block["account"] = np.where(np.isin(block["kind"], (NEW, REPLACE, CANCEL)), ACCOUNT, 0)
        self._blocks.append(block)
        self._written += len(self._rows)
        self._rows.clear()
