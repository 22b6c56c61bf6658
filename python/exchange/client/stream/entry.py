"""Orders on a stream: the same requests as over HTTP, answered where updates come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Unpack

from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.rest.asks import Amount, Ask
from exchange.client.rest.errors import outcome_unknown
from exchange.client.rest.fields import OrderFields
from exchange.client.rest.requests import OrderName, RestRequests
from exchange.client.stream.connection import Broken
from exchange.errors import DeadlineExceeded, WireError


class OrderEntry:
    """Of one stream. Every write has a name, so that it can be sent again after `OutcomeUnknown`.

    All calls raise `RestError` where they are refused, `OutcomeUnknown` where the stream broke or ended
    before there was an answer, and `ServiceUnavailableError` where there is no connection: nothing was sent
    then.

    Args:
        ask: Sends a frame, and gives its answer; `Broken` where it may have been done without one.
        name: Begins the ids that it makes.
        account: Used where a request names none.
    """

    def __init__(self, ask: Callable[[s.Ask], Awaitable[s.Result]], name: str, account: int | None) -> None:
        self._ask = ask
        self.make = RestRequests(name, account)
        """Makes requests without sending them."""

    async def new_order(
        self,
        symbol: str,
        side: m.Side,
        qty: Amount | None = None,
        price: Amount | None = None,
        **fields: Unpack[OrderFields],
    ) -> m.OrderAnswer:
        """Enter an order; see `RestRequests.new_order`."""
        return await self._enter(self.make.new_order(symbol, side, qty, price, **fields))

    async def limit(
        self, symbol: str, side: m.Side, qty: Amount, price: Amount, **fields: Unpack[OrderFields]
    ) -> m.OrderAnswer:
        """Enter a limit order."""
        return await self._enter(self.make.limit(symbol, side, qty, price, **fields))

    async def market(
        self, symbol: str, side: m.Side, qty: Amount | None = None, **fields: Unpack[OrderFields]
    ) -> m.OrderAnswer:
        """Enter a market order."""
        return await self._enter(self.make.market(symbol, side, qty, **fields))

    async def cancel(
        self, order: OrderName, *, cancel_id: str | None = None, account: int | None = None
    ) -> m.OrderAnswer:
        """Cancel an order."""
        ask = self.make.cancel(order, cancel_id=cancel_id, account=account)
        return await self._cancel(ask, s.CancelOrder(order_id=ask.named["orderId"]))

    async def cancel_named(
        self, client_order_id: str, *, cancel_id: str | None = None, account: int | None = None
    ) -> m.OrderAnswer:
        """Likewise, by the client's id of the order."""
        ask = self.make.cancel_named(client_order_id, cancel_id=cancel_id, account=account)
        return await self._cancel(ask, s.CancelOrder(client_order_id=client_order_id))

    async def replace(
        self,
        order: OrderName,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        client_order_id: str | None = None,
        account: int | None = None,
    ) -> m.OrderAnswer:
        """Change a live order; see `RestRequests.replace`."""
        ask = self.make.replace(
            order,
            qty=qty,
            price=price,
            stop_price=stop_price,
            client_order_id=client_order_id,
            account=account,
        )
        return await self._order(s.ReplaceOrder(order_id=ask.named["orderId"], change=_change(ask)), ask.own)

    async def replace_named(
        self,
        client_order_id: str,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        new_client_order_id: str | None = None,
        account: int | None = None,
    ) -> m.OrderAnswer:
        """Likewise, by the client's id of the order."""
        ask = self.make.replace_named(
            client_order_id,
            qty=qty,
            price=price,
            stop_price=stop_price,
            new_client_order_id=new_client_order_id,
            account=account,
        )
        frame = s.ReplaceOrder(client_order_id=client_order_id, change=_change(ask))
        return await self._order(frame, ask.own)

    async def mass_cancel(
        self, *, symbol: str | None = None, side: m.Side | None = None, account: int | None = None
    ) -> int:
        """Cancel all orders of an account, or those of a symbol or a side; how many there were."""
        frame = s.MassCancel(symbol=symbol, side=side, account=account or self.make.account)
        cancelled = (await self._sent(frame, "")).cancelled
        if not isinstance(cancelled, int):
            raise WireError("the gateway does not say how many orders are cancelled")
        return cancelled

    async def _enter(self, ask: Ask[m.OrderAnswer]) -> m.OrderAnswer:
        if not isinstance(ask.body, m.NewOrder):
            raise TypeError(f"{ask.route} enters no order")
        return await self._order(s.EnterOrder(order=ask.body), ask.own)

    async def _cancel(self, ask: Ask[m.OrderAnswer], frame: s.CancelOrder) -> m.OrderAnswer:
        query = ask.query
        if isinstance(query, m.CancelQuery):
            frame.account, frame.cancel_id = query.account, query.client_order_id
        return await self._order(frame, ask.own)

    async def _order(self, frame: s.Ask, own: str) -> m.OrderAnswer:
        order = (await self._sent(frame, own)).order
        if not isinstance(order, m.OrderAnswer):
            raise outcome_unknown(own, "", "the gateway answers without an order")
        return order

    async def _sent(self, frame: s.Ask, own: str) -> s.Result:
        try:
            return await self._ask(frame)
        except (Broken, DeadlineExceeded) as error:
            raise outcome_unknown(own, "", str(error)) from error


def _change(ask: Ask[m.OrderAnswer]) -> m.ReplaceOrder:
    if not isinstance(ask.body, m.ReplaceOrder):
        raise TypeError(f"{ask.route} changes no order")
    return ask.body
