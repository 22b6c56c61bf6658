"""A session's own orders, folded from its reports."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange.client.records import Records
from exchange.client.results import LIVE, word, word_or_none
from exchange.domain.enums import ExecType, OrderStatus, OrderType, ReportFlag, Side, TimeInForce
from exchange.domain.queries import OrderRow

# Rows that wait to be folded until somebody looks.
_WAITING_ROWS_MAX: Final = 16_384
_HELD_ROWS_MAX: Final = 262_144
_AT: Final = {name: place for place, name in enumerate(EXECUTION_REPORT_DTYPE.names or ())}
# What a report has to be to change an order or make one known.
_QUIET: Final = frozenset({ExecType.REJECTED, ExecType.CANCEL_REJECTED, ExecType.DONE})


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


class OwnOrders:
    """The orders of one session: live ones, and the last that ended.

    Reports wait as arrays until somebody looks, or until there are many. Not thread-safe: the client locks.

    Args:
        ended_max: Ended orders that are remembered, the oldest forgotten first.
    """

    def __init__(self, ended_max: int = 1_000) -> None:
        self._live: dict[int, Order] = {}
        self._ended: OrderedDict[int, Order] = OrderedDict()
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
        if isinstance(order, int):
            return self._live.get(order) or self._ended.get(order)
        named = self._by_client_order_id.get(order)
        return None if named is None else self._live.get(named) or self._ended.get(named)

    def live(self) -> list[Order]:
        """The live ones, by order_id."""
        self._fold()
        return [self._live[order_id] for order_id in sorted(self._live)]

    def ended(self) -> list[Order]:
        """Those that ended, the last one last."""
        self._fold()
        return list(self._ended.values())

    def __iter__(self) -> Iterator[Order]:
        return iter(self.live())

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
        before = self._live
        self._live = {}
        self._asof = {order_id: upto[row.account] for order_id, row in (rows | ended).items()}
        for order_id, known in before.items():
            if order_id not in rows and (row := ended.get(order_id)) is not None:
                self._end(_of_row(row, known.cum_notional, known.event_sequence))
        for order_id, row in rows.items():
            self._ended.pop(order_id, None)
            seen = before.get(order_id)
            notional, event_sequence = (0, 0) if seen is None else (seen.cum_notional, seen.event_sequence)
            self._live[order_id] = _of_row(row, notional, event_sequence)
            self._by_client_order_id[row.client_order_id] = order_id
        self._fold()
        return True

    def as_held(self) -> list[Order]:
        """The live ones as they were when reports were last folded."""
        return list(self._live.values())

    @property
    def held(self) -> bool:
        """Whether reports are kept back."""
        return self._held

    def _fold(self) -> None:
        if self._held:
            return
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        for rows in waiting:
            for row in rows.tolist():
                self._apply(row)

    def _apply(self, row: tuple[Any, ...]) -> None:
        order_id: int = row[_AT["order_id"]]
        if row[_AT["exec_type"]] in _QUIET or order_id == 0 or row[_AT["order_status"]] == 0:
            return
        if row[_AT["sequence"]] <= self._asof.get(order_id, 0):
            return
        known = self._live.get(order_id)
        event_sequence: int = row[_AT["event_sequence"]]
        if order_id in self._ended or (known is not None and event_sequence <= known.event_sequence):
            return
        status = word(OrderStatus, row[_AT["order_status"]])
        flags: int = row[_AT["flags"]]
        traded = (
            row[_AT["last_qty"]] * row[_AT["last_price"]] if row[_AT["exec_type"]] == ExecType.TRADE else 0
        )
        order = Order(
            order_id=order_id,
            client_order_id=_client_order_id(row) if known is None else known.client_order_id,
            account=row[_AT["account"]],
            instrument_id=row[_AT["instrument_id"]],
            side=word_or_none(Side, row[_AT["side"]]),
            type=word_or_none(OrderType, row[_AT["type"]]),
            time_in_force=word_or_none(TimeInForce, row[_AT["time_in_force"]]),
            order_status=status,
            order_qty=row[_AT["order_qty"]],
            cum_qty=row[_AT["cum_qty"]],
            leaves_qty=row[_AT["leaves_qty"]],
            price=row[_AT["price"]] if flags & ReportFlag.PRICE else None,
            stop_price=row[_AT["stop_price"]] if flags & ReportFlag.STOP_PRICE else None,
            cum_notional=(0 if known is None else known.cum_notional) + traded,
            updated_at=row[_AT["timestamp"]],
            event_sequence=event_sequence,
        )
        if known is None:
            self._by_client_order_id[order.client_order_id] = order_id
        if status in LIVE:
            self._live[order_id] = order
        else:
            self._live.pop(order_id, None)
            self._end(order)

    def _end(self, order: Order) -> None:
        self._ended[order.order_id] = order
        if len(self._ended) > self._ended_max:
            _, gone = self._ended.popitem(last=False)
            if self._by_client_order_id.get(gone.client_order_id) == gone.order_id:
                del self._by_client_order_id[gone.client_order_id]


def _client_order_id(row: tuple[Any, ...]) -> str:
    text: bytes = row[_AT["client_order_id_head"]] + row[_AT["client_order_id_tail"]]
    return text.decode("ascii")


def _of_row(row: OrderRow, cum_notional: int, event_sequence: int) -> Order:
    return Order(
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
        cum_notional=cum_notional,
        updated_at=row.updated_at,
        event_sequence=event_sequence,
    )
