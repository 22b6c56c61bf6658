"""Requests about orders, made of keywords: all that there is, and short names for what is usual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from exchange.client.ids import Names
from exchange.client.instruments import Amount, Directory
from exchange.client.records import Records, halves
from exchange.client.requests import LAYOUTS, Request, checked_id, number_of, whole
from exchange.client.results import ExecutionReport, report
from exchange.domain.enums import (
    CommandList,
    OrderAction,
    OrderField,
    OrderFlag,
    OrderType,
    Peg,
    Side,
    StpMode,
    TimeInForce,
)

_LAYOUT: Final = LAYOUTS[CommandList.ORDERS]
_AT_ONCE: Final = frozenset({OrderType.MARKET, OrderType.MARKET_TO_LIMIT})


class Placed(Protocol):
    """Anything that names an order: an `Order`, or an `ExecutionReport` of it."""

    @property
    def order_id(self) -> int:
        """Of the order."""
        ...

    @property
    def account(self) -> int:
        """Whose it is."""
        ...

    @property
    def instrument_id(self) -> int:
        """In which book."""
        ...


Target = int | str | Placed


def first_report(rows: Records, durability: Sequence[int]) -> ExecutionReport:
    """The answer of a request with one record."""
    return report(rows.tolist()[0], durability[0])


class OrderRequests:
    """Makes requests about orders; nothing is sent.

    An int is ticks, lots or minor units; a str or Decimal is a decimal that the instrument's scales convert.
    An enum may be given as its member or its lower-case word. Ids and `sent_at` are made where not given.

    Args:
        names: Makes ids.
        directory: Converts decimals and symbols.
        account: Used where a request names none; None: every request has to.
        find: Finds an order of the session's own by either id.
    """

    def __init__(
        self,
        names: Names,
        directory: Directory,
        account: int | None,
        find: Callable[[int | str], Placed | None],
    ) -> None:
        self._find = find
        self._names = names
        self._directory = directory
        self._account = account

    def new_order(
        self,
        instrument: int | str,
        side: Side | str,
        qty: Amount | None = None,
        price: Amount | None = None,
        *,
        account: int | None = None,
        type: OrderType | str = OrderType.LIMIT,  # noqa: A002
        time_in_force: TimeInForce | str | None = None,
        stop_price: Amount | None = None,
        trail: Amount | None = None,
        peg: Peg | str | None = None,
        offset: Amount | None = None,
        display_qty: Amount | None = None,
        min_qty: Amount | None = None,
        quote_qty: Amount | None = None,
        expire_at: int | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        hidden: bool = False,
        stp_mode: StpMode | str = StpMode.NONE,
        stp_group: int | None = None,
        client_order_id: str | None = None,
        correlation_id: str | None = None,
        sent_at: int | None = None,
    ) -> Request[ExecutionReport]:
        """Make a new order.

        Args:
            instrument: Its id or symbol.
            side: Buy or sell.
            qty: How much; a market buy may give `quote_qty` instead.
            price: The limit; of a market order none.
            account: The client's where not given.
            type: Limit, market, stop, ...
            time_in_force: By default gtc, and ioc for market and market_to_limit.
            stop_price: What triggers a stop.
            trail: How far a trailing stop follows behind.
            peg: What a pegged order follows.
            offset: Of a trailing stop's limit from its stop price, or of a peg from what it follows.
            display_qty: What an iceberg shows at a time.
            min_qty: The least that has to trade at once.
            quote_qty: Spend this much of the quote asset; market buys with ioc only.
            expire_at: When a gtd order ends, ns since 1970.
            post_only: Refused where it would take.
            reduce_only: Refused where it would make the position larger.
            hidden: Not shown in the book.
            stp_mode: What happens when it meets an order of its owner.
            stp_group: Orders of one group count as one owner's.
            client_order_id: Names this request within the account; made where not given.
            correlation_id: On all that it causes; made where not given.
            sent_at: Now where not given, ns since 1970; the same request has to have the same.

        Raises:
            TypeError, ValueError, OverflowError: What is given can be no order, whatever the market.
            LookupError: A symbol or a decimal of an instrument that this client has not heard of.
        """
        kind = number_of(OrderType, type, "type")
        if time_in_force is None:
            time_in_force = TimeInForce.IOC if kind in _AT_ONCE else TimeInForce.GTC
        if qty is None and quote_qty is None:
            raise TypeError("a new order needs qty or quote_qty")
        know = self._directory
        present: dict[str, Any] = {
            "price": None if price is None else know.ticks(instrument, price),
            "stop_price": None if stop_price is None else know.ticks(instrument, stop_price),
            "trail": None if trail is None else know.ticks(instrument, trail),
            "peg": None if peg is None else number_of(Peg, peg, "peg"),
            "offset": None if offset is None else know.ticks(instrument, offset),
            "display_qty": None if display_qty is None else know.lots(instrument, display_qty),
            "min_qty": None if min_qty is None else know.lots(instrument, min_qty),
            "expire_at": None if expire_at is None else whole("expire_at", expire_at),
            "stp_group": None if stp_group is None else whole("stp_group", stp_group),
            "quote_qty": None if quote_qty is None else know.quote_units(instrument, quote_qty),
        }
        flags = (
            (OrderFlag.POST_ONLY if post_only else 0)
            | (OrderFlag.REDUCE_ONLY if reduce_only else 0)
            | (OrderFlag.HIDDEN if hidden else 0)
        )
        return self._request(
            OrderAction.NEW_ORDER,
            account,
            client_order_id,
            correlation_id,
            sent_at,
            present,
            instrument_id=know.instrument_id(instrument),
            side=number_of(Side, side, "side"),
            type=kind,
            time_in_force=number_of(TimeInForce, time_in_force, "time_in_force"),
            qty=0 if qty is None else know.lots(instrument, qty),
            flags=int(flags),
            stp_mode=number_of(StpMode, stp_mode, "stp_mode"),
        )

    def limit(
        self,
        instrument: int | str,
        side: Side | str,
        qty: Amount,
        price: Amount,
        *,
        account: int | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        post_only: bool = False,
        client_order_id: str | None = None,
    ) -> Request[ExecutionReport]:
        """Make a limit order; `new_order` knows the rest."""
        return self.new_order(
            instrument,
            side,
            qty,
            price,
            account=account,
            time_in_force=time_in_force,
            post_only=post_only,
            client_order_id=client_order_id,
        )

    def market(
        self,
        instrument: int | str,
        side: Side | str,
        qty: Amount | None = None,
        *,
        quote_qty: Amount | None = None,
        account: int | None = None,
        client_order_id: str | None = None,
    ) -> Request[ExecutionReport]:
        """Make a market order for `qty`, or a buy that spends `quote_qty`; the rest is cancelled."""
        return self.new_order(
            instrument,
            side,
            qty,
            account=account,
            type=OrderType.MARKET,
            quote_qty=quote_qty,
            client_order_id=client_order_id,
        )

    def stop(
        self,
        instrument: int | str,
        side: Side | str,
        qty: Amount,
        stop_price: Amount,
        price: Amount | None = None,
        *,
        account: int | None = None,
        client_order_id: str | None = None,
    ) -> Request[ExecutionReport]:
        """Make a stop that becomes a market order, or with `price` a limit order, when it is triggered."""
        return self.new_order(
            instrument,
            side,
            qty,
            price,
            account=account,
            type=OrderType.STOP if price is None else OrderType.STOP_LIMIT,
            stop_price=stop_price,
            client_order_id=client_order_id,
        )

    def replace(
        self,
        order: Target,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        instrument: int | str | None = None,
        account: int | None = None,
        client_order_id: str | None = None,
        correlation_id: str | None = None,
        sent_at: int | None = None,
    ) -> Request[ExecutionReport]:
        """Make a change of a live order; what is not given stays.

        Args:
            order: An `Order`, one of its reports, its order_id, or the client order id that created it.
            qty: The new order quantity, what was filled included.
            price: The new limit.
            stop_price: The new trigger.
            instrument: Needed where `order` is the id of an order that is not this session's.
            account: The order's, or the client's.
            client_order_id: Names this request within the account; made where not given.
            correlation_id: On all that it causes; made where not given.
            sent_at: Now where not given, ns since 1970.
        """
        target, account, instrument = self._target(order, account, instrument)
        know = self._directory
        if instrument is None and not all(
            value is None or isinstance(value, int) for value in (qty, price, stop_price)
        ):
            raise TypeError("a replace by id with decimals needs the instrument")
        of = 0 if instrument is None else instrument
        present = {
            "qty": None if qty is None else know.lots(of, qty),
            "price": None if price is None else know.ticks(of, price),
            "stop_price": None if stop_price is None else know.ticks(of, stop_price),
        }
        return self._request(
            OrderAction.REPLACE, account, client_order_id, correlation_id, sent_at, present, **target
        )

    def cancel(
        self,
        order: Target,
        *,
        instrument: int | str | None = None,
        account: int | None = None,
        client_order_id: str | None = None,
        correlation_id: str | None = None,
        sent_at: int | None = None,
    ) -> Request[ExecutionReport]:
        """Make a cancel of a live order.

        Args:
            order: An `Order`, one of its reports, its order_id, or the client order id that created it.
            instrument: Needed where `order` is the id of an order that is not this session's.
            account: The order's, or the client's.
            client_order_id: Names this request within the account; made where not given.
            correlation_id: On all that it causes; made where not given.
            sent_at: Now where not given, ns since 1970.
        """
        target, account, _ = self._target(order, account, instrument)
        return self._request(
            OrderAction.CANCEL, account, client_order_id, correlation_id, sent_at, {}, **target
        )

    def mass_cancel(
        self,
        *,
        instrument: int | str | None = None,
        side: Side | str | None = None,
        account: int | None = None,
        client_order_id: str | None = None,
        correlation_id: str | None = None,
        sent_at: int | None = None,
    ) -> Request[ExecutionReport]:
        """Make a cancel of all live orders of an account, or of one instrument or side of it.

        Its answer is `done`, whose last_qty says how many; each order's own report follows.
        """
        present = {
            "instrument_id": None if instrument is None else self._directory.instrument_id(instrument),
            "side": None if side is None else number_of(Side, side, "side"),
        }
        return self._request(
            OrderAction.MASS_CANCEL, account, client_order_id, correlation_id, sent_at, present
        )

    def _request(
        self,
        action: OrderAction,
        account: int | None,
        client_order_id: str | None,
        correlation_id: str | None,
        sent_at: int | None,
        optional: dict[str, Any],
        **fields: Any,
    ) -> Request[ExecutionReport]:
        present = 0
        for name, value in optional.items():
            if value is not None:
                fields[name] = value
                present |= _PRESENT[name]
        names = self._names
        own = (
            names.client_order_id()
            if client_order_id is None
            else checked_id("client_order_id", client_order_id)
        )
        correlation = (
            names.correlation_id() if correlation_id is None else checked_id("correlation_id", correlation_id)
        )
        key, own_key = correlation.encode("ascii"), own.encode("ascii")
        fields["correlation_id_head"], fields["correlation_id_tail"] = halves(key)
        fields["client_order_id_head"], fields["client_order_id_tail"] = halves(own_key)
        fields["kind"] = int(action)
        fields["present"] = present
        fields["account"] = whose = self.account(account)
        fields["sent_at"] = names.sent_at() if sent_at is None else whole("sent_at", sent_at)
        return Request(
            CommandList.ORDERS,
            _LAYOUT.rows(_LAYOUT.pack(fields)),
            first_report,
            [key],
            [own_key],
            [int(action)],
            [whose],
        )

    def _target(
        self, order: Target, account: int | None, instrument: int | str | None
    ) -> tuple[dict[str, Any], int | None, int | str | None]:
        """The fields that name an order, whose it is, and its instrument where that is known."""
        if isinstance(order, (float, Decimal)):
            raise TypeError("order must be an id, an Order or a report")
        placed = self._find(order) if isinstance(order, (int, str)) else order
        if isinstance(order, str):
            head, tail = halves(checked_id("order", order).encode("ascii"))
            fields: dict[str, Any] = {"orig_client_order_id_head": head, "orig_client_order_id_tail": tail}
        else:
            order_id = whole("order", order) if isinstance(order, int) else order.order_id
            if order_id < 1:
                raise ValueError("order names none: order_id is 0")
            fields = {"order_id": order_id}
        if placed is not None:
            account = placed.account if account is None else account
            instrument = placed.instrument_id if instrument is None else instrument
        if instrument is not None:
            fields["instrument_id"] = self._directory.instrument_id(instrument)
        return fields, account, instrument

    def account(self, account: int | None) -> int:
        """The account that is meant.

        Raises:
            TypeError: None is given and the client has no account of its own.
        """
        if account is None:
            account = self._account
        if account is None:
            raise TypeError("account is needed: give it here, or to connect()")
        return whole("account", account)


_PRESENT: Final = {
    "price": int(OrderField.PRICE),
    "stop_price": int(OrderField.STOP_PRICE),
    "trail": int(OrderField.TRAIL),
    "peg": int(OrderField.PEG),
    "offset": int(OrderField.OFFSET),
    "display_qty": int(OrderField.DISPLAY_QTY),
    "min_qty": int(OrderField.MIN_QTY),
    "expire_at": int(OrderField.EXPIRE_AT),
    "stp_group": int(OrderField.STP_GROUP),
    "qty": int(OrderField.QTY),
    "instrument_id": int(OrderField.INSTRUMENT),
    "side": int(OrderField.SIDE),
    "quote_qty": int(OrderField.QUOTE_QTY),
}
