"""The two questions that the core itself answers, over the order socket: one order, one balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from exchange.client.instruments import Directory
from exchange.client.records import Records
from exchange.client.requests import LAYOUTS, Request, checked_id, whole
from exchange.client.results import Balance, Reject, reject_of
from exchange.client.words import ORDER_TYPES, SIDES, STATUSES_OR_NONE, TIMES_IN_FORCE
from exchange.domain.enums import CommandList, OrderStatus, OrderType, ReportFlag, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as the core has it now. Ticks, lots, minor units, ns since 1970.

    Args:
        reject: Why the request was refused; None where it was not.
        reserved: In minor units of `reserved_asset`.
        sequence: Of the journal: as of.
    """

    order_id: int
    client_order_id: str
    account: int
    instrument_id: int
    side: Side | None
    type: OrderType | None
    time_in_force: TimeInForce | None
    order_status: OrderStatus | None
    reject: Reject | None
    order_qty: int
    cum_qty: int
    leaves_qty: int
    price: int | None
    stop_price: int | None
    reserved: int
    reserved_asset: int
    entered_at: int
    sequence: int


class CoreQueries:
    """Makes the questions; nothing is sent."""

    def __init__(self, directory: Directory, account: int | None) -> None:
        self._directory = directory
        self._account = account
        self._numbers = count(1)

    def order(self, order: int | str, *, account: int | None = None) -> Request[OrderState]:
        """Ask for an order by order_id or client order id; where it is unknown the answer has a reject."""
        named: dict[str, Any] = (
            {"client_order_id": checked_id("order", order).encode("ascii")}
            if isinstance(order, str)
            else {"order_id": whole("order", order)}
        )
        return self._request(CommandList.ORDER_QUERIES, account, named, _order_state)

    def balance(self, asset: int | str, *, account: int | None = None) -> Request[Balance]:
        """Ask for a balance; one that never changed is all zero."""
        which = {"asset": self._directory.asset_id(asset)}
        return self._request(CommandList.BALANCE_QUERIES, account, which, _balance)

    def _request(
        self, family: CommandList, account: int | None, fields: dict[str, Any], read: Any
    ) -> Request[Any]:
        if account is None:
            account = self._account
        if account is None:
            raise TypeError("account is needed: give it here, or to connect()")
        number = next(self._numbers)
        fields |= {"account": whole("account", account), "request": number}
        layout = LAYOUTS[family]
        return Request(family, layout.rows(layout.pack(fields)), read, [b"#%d" % number])


def _order_state(rows: Records, _: Sequence[int]) -> OrderState:
    row = rows[0]
    flags = int(row["flags"])
    return OrderState(
        order_id=int(row["order_id"]),
        client_order_id=row["client_order_id"].decode("ascii"),
        account=int(row["account"]),
        instrument_id=int(row["instrument_id"]),
        side=SIDES[int(row["side"])],
        type=ORDER_TYPES[int(row["type"])],
        time_in_force=TIMES_IN_FORCE[int(row["time_in_force"])],
        order_status=STATUSES_OR_NONE[int(row["order_status"])],
        reject=reject_of(int(row["reject"])),
        order_qty=int(row["order_qty"]),
        cum_qty=int(row["cum_qty"]),
        leaves_qty=int(row["leaves_qty"]),
        price=int(row["price"]) if flags & ReportFlag.PRICE else None,
        stop_price=int(row["stop_price"]) if flags & ReportFlag.STOP_PRICE else None,
        reserved=int(row["reserved_amount"]),
        reserved_asset=int(row["reserved_asset"]),
        entered_at=int(row["entered_at"]),
        sequence=int(row["sequence"]),
    )


def _balance(rows: Records, _: Sequence[int]) -> Balance:
    row = rows[0]
    return Balance(
        int(row["account"]),
        int(row["asset"]),
        int(row["total"]),
        int(row["reserved"]),
        int(row["version"]),
        int(row["sequence"]),
        reject_of(int(row["reject"])),
    )
