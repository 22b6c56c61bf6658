"""Orders: entered, changed, cancelled over the tenant's session with the core."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from exchange.client.core_queries import OrderState
from exchange.client.ids import is_id
from exchange.client.instruments import Instrument
from exchange.client.ordering import Placed
from exchange.client.requests import Request
from exchange.client.rest import models as m
from exchange.client.results import ExecutionReport
from exchange.domain.enums import ExecType, RejectCode
from exchange.errors import GatewayFault
from exchange.services.gateway import known
from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.past import past_order
from exchange.services.gateway.refusal import Refusal, refusal_of
from exchange.services.gateway.told import order_answer, order_of_state
from exchange.services.gateway.upstream import Trader


async def new_order(call: Call) -> Answer:
    """POST /v1/orders."""
    body: m.NewOrder = call.body
    instrument = await call.instrument(body.symbol)
    own, directory = call.request_id(body.client_order_id), call.exchange.known.directory
    trader = await call.trader()
    make = _new(call, trader, body, instrument, own)
    if body.resp_type == "ACK":
        report = _taken(await trader.send(call.correlation_id, make, own))
        return _created(order_answer(report, instrument, directory))
    with trader.reports_of(call.account(body.account), own) as reports:
        report = _taken(await trader.send(call.correlation_id, make, own))
        # A connection has one order: what is answered behind a question comes behind all that the order did.
        await trader.ask(trader.client.make.core.order(report.order_id, account=report.account))
        found = [each for each in reports.found if each.sequence == report.sequence]
    executions = [each for each in found if each.exec_type is ExecType.TRADE]
    return _created(
        order_answer(
            report,
            instrument,
            directory,
            now=found[-1] if found else report,
            executions=executions if body.resp_type == "FULL" else None,
        )
    )


async def new_orders(call: Call) -> Answer:
    """POST /v1/orders/batch."""
    batch: m.Batch = call.body
    trader = await call.trader()
    instruments = [await call.instrument(each.symbol) for each in batch.orders]
    # An order without a name gets that of the request with its place in the batch.
    own = [
        f"{call.request_id(None)}-{place}"
        if each.client_order_id is None
        else call.request_id(each.client_order_id)
        for place, each in enumerate(batch.orders)
    ]
    if len(set(own)) < len(own):
        raise Refusal(GatewayFault.INVALID_BODY, "two orders of the batch have one clientOrderId")
    makes = [_new(call, trader, *each) for each in zip(batch.orders, instruments, own, strict=True)]

    def make(correlation_id: str) -> Request[list[ExecutionReport]]:
        return trader.client.make.batch([each(correlation_id) for each in makes])

    reports = await trader.send(call.correlation_id, make, "")
    results = []
    for report, instrument in zip(reports, instruments, strict=True):
        if report.reject is None:
            made = order_answer(report, instrument, call.exchange.known.directory)
            results.append(m.BatchResult(status=201, order=made))
        else:
            refusal = refusal_of(report.reject, {"clientOrderId": report.client_order_id})
            problem = refusal.problem(call.correlation_id)
            results.append(m.BatchResult(status=refusal.http_status, error=problem))
    return Answer(m.BatchAnswer(results=results))


async def one_order(call: Call) -> Answer:
    """GET /v1/orders/{orderId}, and by client order id."""
    account, which = call.account(call.query.account), order_named(call)
    trader = await call.trader()
    state = await _state(trader, account, which)
    # What the core forgot, and the average price of what was filled, the replica has.
    if state is None or state.cum_qty or not state.entered_at:
        order = await past_order(call, trader, account, which if state is None else state.order_id)
        if order is not None:
            return Answer(order)
    if state is None:
        raise Refusal(RejectCode.UNKNOWN_ORDER)
    instrument = await call.exchange.known.by_id(state.instrument_id)
    return Answer(order_of_state(state, instrument))


async def cancel_order(call: Call) -> Answer:
    """DELETE /v1/orders/{orderId}, and by client order id."""
    query: m.CancelQuery = call.query
    account, own = call.account(query.account), call.request_id(query.client_order_id)
    trader = await call.trader()
    placed = await _placed(trader, account, order_named(call))
    make = partial(trader.client.make.orders.cancel, placed, account=account, client_order_id=own)
    report = _taken(await trader.send(call.correlation_id, lambda each: make(correlation_id=each), own))
    instrument = await call.exchange.known.by_id(placed.instrument_id)
    return Answer(order_answer(report, instrument, call.exchange.known.directory))


async def replace_order(call: Call) -> Answer:
    """PATCH and PUT /v1/orders/{orderId}, and by client order id."""
    body: m.ReplaceOrder = call.body
    account, own = call.account(body.account), call.request_id(body.client_order_id)
    trader = await call.trader()
    placed = await _placed(trader, account, order_named(call))
    instrument = await call.exchange.known.by_id(placed.instrument_id)
    make = partial(
        trader.client.make.orders.replace,
        placed,
        qty=known.lots(instrument, "qty", body.qty),
        price=known.ticks(instrument, "price", body.price),
        stop_price=known.ticks(instrument, "stopPrice", body.stop_price),
        account=account,
        client_order_id=own,
    )
    report = _taken(await trader.send(call.correlation_id, lambda each: make(correlation_id=each), own))
    return Answer(order_answer(report, instrument, call.exchange.known.directory))


async def mass_cancel(call: Call) -> Answer:
    """DELETE /v1/orders."""
    query: m.MassCancelQuery = call.query
    account, own = call.account(query.account), call.request_id(query.client_order_id)
    instrument = None if query.symbol is None else await call.instrument(query.symbol)
    trader = await call.trader()
    make = partial(
        trader.client.make.orders.mass_cancel,
        instrument=None if instrument is None else instrument.instrument_id,
        side=query.side,
        account=account,
        client_order_id=own,
    )
    report = _taken(await trader.send(call.correlation_id, lambda each: make(correlation_id=each), own))
    return Answer(
        m.MassCancelAnswer(
            cancelled=report.last_qty,
            client_order_id=report.client_order_id,
            account=report.account,
            sequence=str(report.sequence),
            timestamp=known.instant(report.timestamp),
            duplicate=report.duplicate,
        )
    )


def _new(
    call: Call, trader: Trader, body: m.NewOrder, instrument: Instrument, own: str
) -> Callable[[str], Request[ExecutionReport]]:
    """What makes a new order, of its correlation id.

    Raises:
        Refusal: A decimal, a time, or the account is none.
    """
    quote = None
    if body.quote_qty is not None:
        quote = known.units(call.exchange.known.directory.asset(instrument.quote), "quoteQty", body.quote_qty)
    qty, price = known.lots(instrument, "qty", body.qty), known.ticks(instrument, "price", body.price)
    account = call.account(body.account)
    stop_price = known.ticks(instrument, "stopPrice", body.stop_price)
    trail = known.ticks(instrument, "trail", body.trail)
    offset = known.ticks(instrument, "offset", body.offset)
    display_qty = known.lots(instrument, "displayQty", body.display_qty)
    min_qty = known.lots(instrument, "minQty", body.min_qty)
    expire_at = known.nanoseconds("expireAt", body.expire_at)

    def made(correlation_id: str) -> Request[ExecutionReport]:
        try:
            return trader.client.make.orders.new_order(
                instrument.instrument_id,
                body.side,
                qty,
                price,
                account=account,
                type=body.type,
                time_in_force=body.time_in_force,
                stop_price=stop_price,
                trail=trail,
                peg=body.peg,
                offset=offset,
                display_qty=display_qty,
                min_qty=min_qty,
                quote_qty=quote,
                expire_at=expire_at,
                post_only=body.post_only,
                reduce_only=body.reduce_only,
                hidden=body.hidden,
                stp_mode=body.stp_mode,
                stp_group=body.stp_group,
                client_order_id=own,
                correlation_id=correlation_id,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise Refusal(RejectCode.INVALID_FIELD, str(error)) from None

    return made


def order_named(call: Call) -> int | str:
    """The order that the path names: by its id, or by the client's.

    Raises:
        Refusal: UNKNOWN_ORDER: no order can have such a name.
    """
    own = call.path.get("clientOrderId")
    if own is not None:
        if not is_id(own):
            raise Refusal(RejectCode.UNKNOWN_ORDER)
        return own
    text = call.path["orderId"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and 0 < int(text) < 2**64):
        raise Refusal(RejectCode.UNKNOWN_ORDER)
    return int(text)


async def _state(trader: Trader, account: int, which: int | str) -> OrderState | None:
    """An order as the core has it; None where it knows none of the account, or the id names a mass cancel."""
    state = await trader.ask(trader.client.make.core.order(which, account=account))
    return None if state.reject is not None or not state.order_id else state


async def _placed(trader: Trader, account: int, which: int | str) -> Placed:
    """What names an order in a command; the session's own need not be asked for.

    Raises:
        Refusal: UNKNOWN_ORDER.
    """
    if isinstance(which, int):
        own = trader.client.orders.find(which)
        if own is not None and own.account == account:
            return own
    state = await _state(trader, account, which)
    if state is None:
        raise Refusal(RejectCode.UNKNOWN_ORDER)
    return state


def _taken(report: ExecutionReport) -> ExecutionReport:
    """A report that refuses nothing.

    Raises:
        Refusal: What the exchange said.
    """
    if report.reject is None:
        return report
    details = {"clientOrderId": report.client_order_id}
    if report.order_id:
        details["orderId"] = str(report.order_id)
    raise refusal_of(report.reject, details)


def _created(answer: m.OrderAnswer) -> Answer:
    location = (b"location", f"/v1/orders/{answer.order_id}".encode("ascii"))
    return Answer(answer, 201, (location,))
