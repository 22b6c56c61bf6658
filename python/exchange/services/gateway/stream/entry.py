"""Orders on a stream: the handlers of HTTP answer them, with the same budgets, checks and ids.

What was entered on a stream is remembered while it lives, for those who want it cancelled when the stream
ends (Deribit's scope `connection`): orders of the same account that came another way stay. It is remembered
before it is sent, by its client order id, as nobody may be there any more when its answer comes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from exchange.client.face import Makers, OrdersView
from exchange.client.requests import Request
from exchange.client.rest import models as m
from exchange.client.rest import streams as s
from exchange.client.results import ExecutionReport
from exchange.errors import ExchangeError, GatewayFault
from exchange.observability.correlation import correlated, new_correlation_id
from exchange.runtime.log import log
from exchange.security.principal import Principal
from exchange.services.gateway import orders
from exchange.services.gateway.calls import Answer, Call, Exchange, Handler
from exchange.services.gateway.refusal import Refusal

OrderOp = s.EnterOrder | s.CancelOrder | s.ReplaceOrder | s.MassCancel
_CANCELS_AT_ONCE: Final = 100
_REMEMBERED_MAX: Final = 4_096
_OF_THE_SERVER: Final = 500  # statuses from there on say nothing of whether it was done


def is_cancel(frame: s.Ask) -> bool:
    """Whether it is paid from the larger budgets."""
    return isinstance(frame, s.CancelOrder | s.MassCancel)


@dataclass(frozen=True, slots=True)
class Entered:
    """What names an order in a command; `order_id` is 0 until it is answered."""

    order_id: int
    account: int
    instrument_id: int
    client_order_id: str


class OrderEntry:
    """The orders of one stream.

    Args:
        exchange: What is behind the gateway.
        principal: Who asks.
        connection_id: Of the stream: a request without a client order id is named by it.
    """

    def __init__(self, exchange: Exchange, principal: Principal, connection_id: str) -> None:
        self._exchange = exchange
        self._principal = principal
        self._connection_id = connection_id
        self._asked = 0
        self._entered: dict[tuple[int, str], Entered] = {}  # by account and client order id
        self.cancels = False
        """Whether orders end with the stream."""

    async def answer(self, frame: OrderOp) -> s.Result:
        """What became of a request.

        Raises:
            Refusal: It was refused.
            ExchangeError: Nobody answered.
        """
        self._asked += 1
        correlation_id = new_correlation_id()
        with correlated(correlation_id):
            handler, path, query, body = _routed(frame)
            nonce = f"{self._connection_id}-{self._asked}".encode("ascii")
            call = Call(self._exchange, correlation_id, {}, path, query, body, self._principal, nonce)
            if self.cancels and isinstance(frame, s.EnterOrder):
                answer = await self._enter(call)
            else:
                answer = await handler(call)
        if isinstance(answer.body, m.MassCancelAnswer):
            return s.Result(id=frame.id, status=answer.status, cancelled=answer.body.cancelled)
        return s.Result(id=frame.id, status=answer.status, order=answer.body)

    async def cancel_all(self) -> int:
        """Cancels what was entered here and still lives; how many cancels were sent."""
        if not (self.cancels and self._entered):
            return 0
        try:
            trader = await self._exchange.upstream.trader(self._principal.tenant)
            live = self._live(trader.client.orders)
            make = trader.client.make
            for at in range(0, len(live), _CANCELS_AT_ONCE):
                some = live[at : at + _CANCELS_AT_ONCE]

                def batch(_: str, some: list[Entered] = some) -> Request[list[ExecutionReport]]:
                    return make.batch([_cancel_of(each, make) for each in some])

                await trader.send(new_correlation_id(), batch, "")
        except ExchangeError as error:
            log("orders of a stream were not cancelled", level=logging.ERROR, reason=error)
            return 0
        return len(live)

    def _live(self, known: OrdersView) -> list[Entered]:
        """Those that the session does not know to have ended."""
        found = []
        for entered in self._entered.values():
            order = known.find(entered.order_id) if entered.order_id else None
            if order is None or order.live:
                found.append(entered)
        return found

    async def _enter(self, call: Call) -> Answer:
        """Enters an order, which is remembered until it is known not to live."""
        body: m.NewOrder = call.body
        instrument = await call.instrument(body.symbol)
        own, account = call.request_id(body.client_order_id), call.account(body.account)
        key = account, own
        await self._make_room()
        is_new = key not in self._entered
        if is_new:
            self._entered[key] = Entered(0, account, instrument.instrument_id, own)
        try:
            answer = await orders.new_order(call)
        except Refusal as refusal:
            # What was refused is not there, and an order of that name, if there is one, came another way.
            if is_new and refusal.http_status < _OF_THE_SERVER:
                self._entered.pop(key, None)
            raise
        order: m.OrderAnswer = answer.body
        if order.leaves_qty.strip("0."):
            self._entered[key] = Entered(int(order.order_id), account, instrument.instrument_id, own)
        else:
            self._entered.pop(key, None)
        return answer

    async def _make_room(self) -> None:
        if len(self._entered) >= _REMEMBERED_MAX:
            trader = await self._exchange.upstream.trader(self._principal.tenant)
            live = self._live(trader.client.orders)
            self._entered = {(each.account, each.client_order_id): each for each in live}


def _cancel_of(entered: Entered, make: Makers) -> Request[ExecutionReport]:
    return make.orders.cancel(
        entered if entered.order_id else entered.client_order_id,
        account=entered.account,
        instrument=entered.instrument_id,
    )


def _routed(frame: OrderOp) -> tuple[Handler, dict[str, str], Any, Any]:
    """The handler of HTTP, and what it is given."""
    if isinstance(frame, s.EnterOrder):
        return orders.new_order, {}, m.NoQuery(), frame.order
    if isinstance(frame, s.MassCancel):
        query = m.MassCancelQuery(account=frame.account, symbol=frame.symbol, side=frame.side)
        return orders.mass_cancel, {}, query, None
    if bool(frame.order_id) == (frame.client_order_id is not None):
        raise Refusal(GatewayFault.INVALID_BODY, "expected orderId, or clientOrderId")
    path = {"orderId": frame.order_id} if frame.order_id else {"clientOrderId": frame.client_order_id or ""}
    if isinstance(frame, s.CancelOrder):
        named = m.CancelQuery(account=frame.account, client_order_id=frame.cancel_id)
        return orders.cancel_order, path, named, None
    return orders.replace_order, path, m.NoQuery(), frame.change
