"""Every request to the gateway, one method a route; both clients have the same, which send them.

Decimals go in as `Decimal` or str and come out as str, exactly as the gateway says them. Every write gets a
name where none is said, so that it may be sent again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, Unpack

import msgspec

from exchange.client.ids import Names, base36
from exchange.client.rest import models as m
from exchange.client.rest.asks import IDEMPOTENCY_HEADER, Amount, Ask, decimal_text, needed_decimal
from exchange.client.rest.fields import BatchFields, HistoryFields, OrderFields, as_sent
from exchange.client.rest.identity_requests import IdentityRequests
from exchange.client.rest.market_requests import MarketRequests
from exchange.client.rest.operator_requests import OperatorRequests

OrderName: TypeAlias = str | int | m.Order | m.OrderAnswer
"""An order by its id, or as an answer showed it."""
_ORDER: Final = "/v1/orders/{orderId}"
_OWN_ORDER: Final = "/v1/orders/client/{clientOrderId}"


class RestRequests(MarketRequests, IdentityRequests, OperatorRequests):
    """Makes the requests of one client.

    Args:
        name: Begins the ids that it makes.
        account: Used where a request names none; None: the one of the key.
    """

    def __init__(self, name: str, account: int | None) -> None:
        self.account = account
        # By chance, not by the time: two programs may begin in the same millisecond.
        self.names = Names(name, time.time_ns, base36(secrets.randbits(60)))

    def new_order(
        self,
        symbol: str,
        side: m.Side,
        qty: Amount | None = None,
        price: Amount | None = None,
        **fields: Unpack[OrderFields],
    ) -> Ask[m.OrderAnswer]:
        """Enter an order.

        Args:
            symbol: Of the instrument.
            side: buy or sell.
            qty: How much; of a market order `quote_qty` may say it instead.
            price: Its limit.
            fields: All else; see `exchange.client.rest.models.NewOrder`.
        """
        body = m.NewOrder(**self._order(symbol, side, qty, price, fields))
        return Ask(
            method="POST", path="/v1/orders", answers=m.OrderAnswer, body=body, own=body.client_order_id or ""
        )

    def limit(
        self, symbol: str, side: m.Side, qty: Amount, price: Amount, **fields: Unpack[OrderFields]
    ) -> Ask[m.OrderAnswer]:
        """Enter a limit order."""
        return self.new_order(symbol, side, qty, price, **fields)

    def market(
        self, symbol: str, side: m.Side, qty: Amount | None = None, **fields: Unpack[OrderFields]
    ) -> Ask[m.OrderAnswer]:
        """Enter a market order."""
        return self.new_order(symbol, side, qty, **(fields | {"type": "market"}))

    def batch_order(
        self,
        symbol: str,
        side: m.Side,
        qty: Amount | None = None,
        price: Amount | None = None,
        **fields: Unpack[BatchFields],
    ) -> m.BatchOrder:
        """An order for `new_orders`; it gets its name here."""
        return m.BatchOrder(**self._order(symbol, side, qty, price, fields))

    def new_orders(self, orders: Sequence[m.BatchOrder]) -> Ask[m.BatchAnswer]:
        """Enter up to 20 orders, each answered for itself; see `batch_order`."""
        named = [
            order
            if order.client_order_id is not None
            else msgspec.structs.replace(order, client_order_id=self.names.client_order_id())
            for order in orders
        ]
        body = m.Batch(orders=named)
        return Ask(method="POST", path="/v1/orders/batch", answers=m.BatchAnswer, body=body)

    def order(self, order: OrderName, *, account: int | None = None) -> Ask[m.Order]:
        """An order as it is now."""
        return self._one("GET", m.Order, order, m.OfAccount(account=self._account(account, order)))

    def order_named(self, client_order_id: str, *, account: int | None = None) -> Ask[m.Order]:
        """Likewise, by the client's id."""
        return self._own("GET", m.Order, client_order_id, m.OfAccount(account=account or self.account))

    def replace(
        self,
        order: OrderName,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        client_order_id: str | None = None,
        account: int | None = None,
    ) -> Ask[m.OrderAnswer]:
        """Change a live order. What is not said stays; `qty` counts what was filled.

        Args:
            order: Which.
            qty: What it becomes.
            price: Likewise.
            stop_price: Likewise.
            client_order_id: Its new one; one is made where none is said.
            account: Of the order.
        """
        body = self._change(qty, price, stop_price, client_order_id, self._account(account, order))
        return self._one("PATCH", m.OrderAnswer, order, body=body, own=body.client_order_id)

    def replace_named(
        self,
        client_order_id: str,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        new_client_order_id: str | None = None,
        account: int | None = None,
    ) -> Ask[m.OrderAnswer]:
        """Likewise, by the client's id of the order."""
        body = self._change(qty, price, stop_price, new_client_order_id, account or self.account)
        return self._own("PATCH", m.OrderAnswer, client_order_id, body=body, own=body.client_order_id)

    def cancel(
        self, order: OrderName, *, cancel_id: str | None = None, account: int | None = None
    ) -> Ask[m.OrderAnswer]:
        """Cancel an order.

        Args:
            order: Which.
            cancel_id: Names the cancel; one is made where none is said.
            account: Of the order.
        """
        query = self._named_cancel(cancel_id, self._account(account, order))
        return self._one("DELETE", m.OrderAnswer, order, query, own=query.client_order_id)

    def cancel_named(
        self, client_order_id: str, *, cancel_id: str | None = None, account: int | None = None
    ) -> Ask[m.OrderAnswer]:
        """Likewise, by the client's id of the order."""
        query = self._named_cancel(cancel_id, account or self.account)
        return self._own("DELETE", m.OrderAnswer, client_order_id, query, own=query.client_order_id)

    def mass_cancel(
        self,
        *,
        symbol: str | None = None,
        side: m.Side | None = None,
        cancel_id: str | None = None,
        account: int | None = None,
    ) -> Ask[m.MassCancelAnswer]:
        """Cancel all orders of an account, or those of a symbol or a side."""
        own = cancel_id or self.names.client_order_id()
        query = m.MassCancelQuery(
            symbol=symbol, side=side, client_order_id=own, account=account or self.account
        )
        return Ask(
            method="DELETE", path="/v1/orders", answers=m.MassCancelAnswer, query=query, own=own, cancels=True
        )

    def orders(
        self,
        *,
        symbol: str | None = None,
        order_status: m.OrderStatus | None = None,
        **fields: Unpack[HistoryFields],
    ) -> Ask[m.Orders]:
        """A page of orders, live and ended."""
        query = m.OrderHistoryQuery(symbol=symbol, order_status=order_status, **self._search(fields))
        return Ask(method="GET", path="/v1/orders", answers=m.Orders, query=query)

    def open_orders(
        self,
        *,
        symbol: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        account: int | None = None,
    ) -> Ask[m.Orders]:
        """A page of live orders."""
        query = m.OpenOrdersQuery(symbol=symbol, limit=limit, cursor=cursor, account=account or self.account)
        return Ask(method="GET", path="/v1/orders/open", answers=m.Orders, query=query)

    def executions(self, *, symbol: str | None = None, **fields: Unpack[HistoryFields]) -> Ask[m.Executions]:
        """A page of executions, one side of a trade each; needs a history."""
        query = m.HistoryQuery(symbol=symbol, **self._search(fields))
        return Ask(method="GET", path="/v1/executions", answers=m.Executions, query=query)

    def balances(self, *, account: int | None = None) -> Ask[m.Balances]:
        """What an account has."""
        return Ask(method="GET", path="/v1/balances", answers=m.Balances, query=self._of(account))

    def positions(self, *, account: int | None = None) -> Ask[m.Positions]:
        """What an account is long or short."""
        return Ask(method="GET", path="/v1/positions", answers=m.Positions, query=self._of(account))

    def limits(self, *, symbol: str | None = None, account: int | None = None) -> Ask[m.Limits]:
        """What binds an account."""
        query = m.SymbolQuery(symbol=symbol, account=account or self.account)
        return Ask(method="GET", path="/v1/limits", answers=m.Limits, query=query)

    def kill_switch(self, *, min_sequence: int = 0, account: int | None = None) -> Ask[m.AccountSwitch]:
        """Whether an account is stopped, as of that journal sequence or later, and by whom."""
        query = m.AccountSwitchQuery(min_sequence=min_sequence, account=account or self.account)
        return Ask(method="GET", path="/v1/kill-switch", answers=m.AccountSwitch, query=query)

    def stop_account(self, *, why: str = "", account: int | None = None) -> Ask[m.AccountSwitch]:
        """Block new orders of an account, whoever sends them, and cancel what rests."""
        body = m.ThrowAccountSwitch(on=True, why=why, account=account or self.account)
        # The same again changes nothing: it may be sent again.
        return Ask(method="POST", path="/v1/kill-switch", answers=m.AccountSwitch, body=body, cancels=True)

    def release_account(self, *, why: str = "", account: int | None = None) -> Ask[m.AccountSwitch]:
        """Let orders of an account in again; for a session of who stopped it."""
        body = m.ThrowAccountSwitch(on=False, why=why, account=account or self.account)
        return Ask(method="POST", path="/v1/kill-switch", answers=m.AccountSwitch, body=body, cancels=True)

    def transfer(
        self,
        asset: str,
        amount: Amount,
        to_account: int,
        *,
        idempotency_key: str | None = None,
        account: int | None = None,
    ) -> Ask[m.TransferAnswer]:
        """Move money to another account of the tenant.

        Args:
            asset: Of what.
            amount: How much.
            to_account: Where to.
            idempotency_key: Names the transfer for ever; one is made where none is said.
            account: Where from.
        """
        own = idempotency_key or self.names.client_order_id()
        body = m.TransferMoney(
            asset=asset,
            amount=needed_decimal("amount", amount),
            to_account=to_account,
            account=account or self.account,
        )
        return Ask(
            method="POST", path="/v1/transfers", answers=m.TransferAnswer, body=body, own=own,
            headers={IDEMPOTENCY_HEADER: own},
        )  # fmt: skip

    def _order(
        self,
        symbol: str,
        side: m.Side,
        qty: Amount | None,
        price: Amount | None,
        fields: OrderFields | BatchFields,
    ) -> dict[str, Any]:
        said = {
            "symbol": symbol,
            "side": side,
            "qty": decimal_text("qty", qty),
            "price": decimal_text("price", price),
            **as_sent(fields),
        }
        said["client_order_id"] = said.get("client_order_id") or self.names.client_order_id()
        said["account"] = said.get("account") or self.account
        return said

    def _change(
        self,
        qty: Amount | None,
        price: Amount | None,
        stop_price: Amount | None,
        own: str | None,
        account: int | None,
    ) -> m.ReplaceOrder:
        return m.ReplaceOrder(
            qty=decimal_text("qty", qty),
            price=decimal_text("price", price),
            stop_price=decimal_text("stop_price", stop_price),
            client_order_id=own or self.names.client_order_id(),
            account=account,
        )

    def _named_cancel(self, own: str | None, account: int | None) -> m.CancelQuery:
        return m.CancelQuery(client_order_id=own or self.names.client_order_id(), account=account)

    def _one(self, method: str, answers: Any, order: OrderName, query: Any = None, **more: Any) -> Ask[Any]:
        which = order.order_id if isinstance(order, m.Order | m.OrderAnswer) else str(order)
        return self._ask_order(method, _ORDER, {"orderId": which}, answers, query, **more)

    def _own(self, method: str, answers: Any, named: str, query: Any = None, **more: Any) -> Ask[Any]:
        return self._ask_order(method, _OWN_ORDER, {"clientOrderId": named}, answers, query, **more)

    def _ask_order(
        self, method: str, path: str, named: Mapping[str, str], answers: Any, query: Any, **more: Any
    ) -> Ask[Any]:
        return Ask(
            method=method,
            path=path,
            named=named,
            answers=answers,
            query=query,
            cancels=method == "DELETE",
            **more,
        )

    def _of(self, account: int | None) -> m.OfAccount:
        return m.OfAccount(account=account or self.account)

    def _account(self, account: int | None, order: OrderName) -> int | None:
        if account is None and isinstance(order, m.Order | m.OrderAnswer):
            return order.account
        return account or self.account

    def _search(self, fields: HistoryFields) -> dict[str, Any]:
        said: dict[str, Any] = dict(fields)
        if said.get("order_id") is not None:
            said["order_id"] = str(said["order_id"])
        said["account"] = said.get("account") or self.account
        return said
