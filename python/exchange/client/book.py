"""A session's own orders, folded from its reports."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange.client.records import Records, joined
from exchange.client.results import LIVE
from exchange.client.words import ORDER_TYPES, SIDES, STATUSES, TIMES_IN_FORCE
from exchange.domain.enums import ExecType, OrderStatus, OrderType, ReportFlag, Side, TimeInForce
from exchange.domain.queries import OrderRow

# Rows that wait to be folded until somebody looks. They are folded in one go, for which all else waits.
_WAITING_ROWS_MAX: Final = 32
_HELD_ROWS_MAX: Final = 262_144
# Reports that say nothing of an order's state.
_QUIET: Final = frozenset({0, int(ExecType.CANCEL_REJECTED), int(ExecType.DONE)})
_REJECTED: Final = int(ExecType.REJECTED)
_TRADE: Final = int(ExecType.TRADE)
_LIVE: Final = frozenset(map(int, LIVE))
_PRICE: Final = int(ReportFlag.PRICE)
_STOP_PRICE: Final = int(ReportFlag.STOP_PRICE)


@dataclass(frozen=True, slots=True)
class Order:
    """One order as of its last report. Prices are ticks, quantities lots, times ns since 1970.

    Args:
        cum_notional: Sum of price times quantity of its fills that this client saw, in ticks times lots.
        updated_at: Journaled time of the report; `event_sequence` is that report's.
    """

    order_id: int
    client_order_id: str
    account: int
    instrument_id: int
    side: Side | None
    type: OrderType | None
    time_in_force: TimeInForce | None
    order_status: OrderStatus
    order_qty: int
    cum_qty: int
    leaves_qty: int
    price: int | None
    stop_price: int | None
    cum_notional: int
    updated_at: int
    event_sequence: int

    @property
    def live(self) -> bool:
        """Whether it is in the book, or waits to be."""
        return self.order_status in LIVE


class _Entry:
    """An order as it is kept: its last report, of which an `Order` is made when somebody looks."""

    __slots__ = ("at", "client_order_id", "cum_notional", "event_sequence", "known", "row")

    def __init__(self, client_order_id: str) -> None:
        self.client_order_id = client_order_id
        self.cum_notional = 0
        self.event_sequence = 0
        self.at = 0
        self.row = b""
        self.known: Order | None = None

    def order(self) -> Order:
        """The order."""
        if self.known is None:
            self.known = _of_report(self.row, self)
        return self.known


class OwnOrders:
    """The orders of one session: live ones, and the last that ended.

    Reports wait as arrays until somebody looks, or until there are many. Not thread-safe: the client locks.

    Args:
        ended_max: Ended orders that are remembered, the oldest forgotten first.
    """

    def __init__(self, ended_max: int = 1_000) -> None:
        self._live: dict[int, _Entry] = {}
        self._ended: OrderedDict[int, _Entry] = OrderedDict()
        self._ended_max = ended_max
        self._by_client_order_id: dict[str, int] = {}
        self._waiting: list[Records] = []
        self._waiting_rows = 0
        self._held = False
        self._holds = 0
        # Orders taken over from the replica: the last command that it had seen.
        self._asof: dict[int, int] = {}

    def add(self, rows: Records) -> None:
        """Reports, in causal order, each for the first time."""
        if len(rows):
            self._waiting.append(rows)
            self._waiting_rows += len(rows)
            if self._waiting_rows > (_HELD_ROWS_MAX if self._held else _WAITING_ROWS_MAX):
                self._held = False
                self._fold()

    def find(self, order: int | str) -> Order | None:
        """The order of this order_id or client order id, live or ended not long ago."""
        self._fold()
        order_id = order if isinstance(order, int) else self._by_client_order_id.get(order, 0)
        entry = self._live.get(order_id) or self._ended.get(order_id)
        return None if entry is None else entry.order()

    def live(self) -> list[Order]:
        """The live ones, by order_id."""
        self._fold()
        return [self._live[order_id].order() for order_id in sorted(self._live)]

    def ended(self) -> list[Order]:
        """Those that ended, the last one last."""
        self._fold()
        return [entry.order() for entry in self._ended.values()]

    def __len__(self) -> int:
        self._fold()
        return len(self._live)

    def hold(self) -> int:
        """From now on keep reports back until `reconcile`; gives what to call that with.

        Where too many wait, they are folded after all and the hold is over.
        """
        self._fold()
        self._holds += 1
        self._held = True
        return self._holds

    def reconcile(
        self, hold: int, rows: dict[int, OrderRow], ended: dict[int, OrderRow], upto: dict[int, int]
    ) -> bool:
        """Take over what the replica says after reports were lost, then fold what was kept back.

        Args:
            hold: What `hold` gave.
            rows: This session's open orders.
            ended: Orders that were thought live and are not, as far as the replica still knows them.
            upto: By account, the last command that the replica had seen: `rows` has what older reports say.

        Returns:
            Whether it was taken over; False where the hold is over.
        """
        if not self._held or hold != self._holds:
            return False
        self._held = False
        before, self._live = self._live, {}
        self._asof = {order_id: upto[row.account] for order_id, row in (rows | ended).items()}
        for order_id, row in ended.items():
            if order_id in before and order_id not in rows:
                self._end(order_id, _taken_over(row, before[order_id]))
        for order_id, row in rows.items():
            self._ended.pop(order_id, None)
            self._live[order_id] = _taken_over(row, before.get(order_id))
            self._by_client_order_id[row.client_order_id] = order_id
        self._fold()
        return True

    def as_held(self) -> list[Order]:
        """The live ones as they were when reports were last folded."""
        return [entry.order() for entry in self._live.values()]

    def _fold(self) -> None:
        if self._held or not self._waiting:
            return
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        # Frames of a few rows each are one array: what a fold costs beside its rows is more than ten rows.
        self._fold_rows(np.frombuffer(b"".join(rows.tobytes() for rows in waiting), waiting[0].dtype))

    def _fold_rows(self, rows: Records) -> None:
        touched: dict[int, _Entry] = {}
        columns = (
            rows[name].tolist()
            for name in (
                "exec_type",
                "order_status",
                "order_id",
                "sequence",
                "event_sequence",
                "last_qty",
                "last_price",
            )
        )
        ids = joined(rows, "client_order_id")
        for at, (exec_type, status, order_id, sequence, event, qty, price) in enumerate(
            zip(*columns, strict=True)
        ):
            if exec_type in _QUIET or not order_id or not status or order_id in self._ended:
                continue
            if self._asof and sequence <= self._asof.get(order_id, 0):
                continue
            entry = self._live.get(order_id)
            if entry is None and exec_type == _REJECTED:
                continue  # one that waited for the engine was known, and had been accepted
            if entry is None:
                entry = self._live[order_id] = self._known(order_id, ids[at])
            elif event <= entry.event_sequence:
                continue
            entry.event_sequence = event
            entry.at = at
            if exec_type == _TRADE:
                entry.cum_notional += qty * price
            touched[order_id] = entry
            if status not in _LIVE:
                del self._live[order_id]
                self._end(order_id, entry)
        content, size = rows.tobytes(), rows.itemsize
        for entry in touched.values():
            # A copy: a row of the array would keep all of its frame.
            entry.row = content[entry.at * size : (entry.at + 1) * size]
            entry.known = None

    def _known(self, order_id: int, client_order_id: bytes) -> _Entry:
        entry = _Entry(client_order_id.decode("ascii"))
        self._by_client_order_id[entry.client_order_id] = order_id
        return entry

    def _end(self, order_id: int, entry: _Entry) -> None:
        self._ended[order_id] = entry
        if len(self._ended) > self._ended_max:
            forgotten, gone = self._ended.popitem(last=False)
            self._asof.pop(forgotten, None)
            if self._by_client_order_id.get(gone.client_order_id) == forgotten:
                del self._by_client_order_id[gone.client_order_id]


def _of_report(content: bytes, entry: _Entry) -> Order:
    row = np.frombuffer(content, EXECUTION_REPORT_DTYPE)[0]
    flags = int(row["flags"])
    return Order(
        order_id=int(row["order_id"]),
        client_order_id=entry.client_order_id,
        account=int(row["account"]),
        instrument_id=int(row["instrument_id"]),
        side=SIDES[int(row["side"])],
        type=ORDER_TYPES[int(row["type"])],
        time_in_force=TIMES_IN_FORCE[int(row["time_in_force"])],
        order_status=STATUSES[int(row["order_status"])],
        order_qty=int(row["order_qty"]),
        cum_qty=int(row["cum_qty"]),
        leaves_qty=int(row["leaves_qty"]),
        price=int(row["price"]) if flags & _PRICE else None,
        stop_price=int(row["stop_price"]) if flags & _STOP_PRICE else None,
        cum_notional=entry.cum_notional,
        updated_at=int(row["timestamp"]),
        event_sequence=entry.event_sequence,
    )


def _taken_over(row: OrderRow, seen: _Entry | None) -> _Entry:
    """An order as the replica has it; what only reports tell is kept of what was seen."""
    entry = _Entry(row.client_order_id)
    if seen is not None:
        entry.cum_notional, entry.event_sequence = seen.cum_notional, seen.event_sequence
    entry.known = Order(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        account=row.account,
        instrument_id=row.instrument_id,
        side=row.side,
        type=row.type,
        time_in_force=row.time_in_force,
        order_status=row.order_status or OrderStatus.OPEN,
        order_qty=row.order_qty,
        cum_qty=row.cum_qty,
        leaves_qty=row.leaves_qty,
        price=row.price,
        stop_price=row.stop_price,
        cum_notional=entry.cum_notional,
        updated_at=row.updated_at,
        event_sequence=entry.event_sequence,
    )
    return entry
