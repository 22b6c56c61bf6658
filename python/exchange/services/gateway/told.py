"""What the exchange answers, as programs are told it: rows and reports in, messages of HTTP out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from exchange.client.core_queries import OrderState
from exchange.client.instruments import Directory, Instrument
from exchange.client.past import order_record
from exchange.client.rest import models as m
from exchange.client.results import ExecutionReport
from exchange.domain import queries as q
from exchange.domain.enums import CancelReason
from exchange.services.gateway.known import decimal, decimal_or_none, instant


def word(value: object) -> str | None:
    """A member of an enum by its name."""
    return None if value is None else str(value)


def order_answer(
    report: ExecutionReport,
    instrument: Instrument,
    directory: Directory,
    *,
    now: ExecutionReport | None = None,
    executions: Sequence[ExecutionReport] | None = None,
) -> m.OrderAnswer:
    """What became of a request about an order.

    Args:
        report: The exchange's answer.
        instrument: Of the order.
        directory: Knows assets.
        now: Of the last thing that the request did to the order; None: the answer itself.
        executions: What it traded at once; None: not asked for.
    """
    qty, price = instrument.qty_scale, instrument.price_scale
    now = now or report
    return m.OrderAnswer(
        order_id=str(report.order_id),
        client_order_id=report.client_order_id,
        account=report.account,
        symbol=instrument.symbol,
        exec_type=str(report.exec_type),
        order_status=word(now.order_status),
        order_qty=decimal(now.order_qty, qty),
        cum_qty=decimal(now.cum_qty, qty),
        leaves_qty=decimal(now.leaves_qty, qty),
        price=decimal_or_none(now.price, price),
        stop_price=decimal_or_none(now.stop_price, price),
        sequence=str(report.sequence),
        timestamp=instant(report.timestamp),
        durability=word(report.durability),
        duplicate=report.duplicate,
        executions=UNSET
        if executions is None
        else [_execution(each, instrument, directory) for each in executions],
    )


def _execution(report: ExecutionReport, instrument: Instrument, directory: Directory) -> m.Execution:
    fee, asset = fee_of(report.fee, report.fee_asset, directory)
    return m.Execution(
        trade_id=str(report.trade_id),
        last_qty=decimal(report.last_qty, instrument.qty_scale),
        last_price=decimal(report.last_price, instrument.price_scale),
        fee=fee,
        fee_asset=asset,
        liquidity=word(report.liquidity),
        timestamp=instant(report.timestamp),
    )


def fee_of(fee: int, asset: int, directory: Directory) -> tuple[str, str]:
    """A fee and the symbol of its asset; of none, 0 of nothing."""
    if not asset:
        return str(fee), ""
    try:
        known = directory.asset(asset)
    except LookupError:
        return str(fee), f"#{asset}"
    return decimal(fee, known.scale), known.symbol


def order_of_state(state: OrderState, instrument: Instrument) -> m.Order:
    """An order as the core has it, of which nothing was filled."""
    return _order(state, instrument, entered_at=state.entered_at or None)


def order_of_row(row: q.OrderRow, instrument: Instrument) -> m.Order:
    """An order as the replica has it."""
    return _order_of_row(row, instrument, decimal_or_none(row.average_price, instrument.price_scale))


def order_of_history(row: q.HistoryOrderRow, instrument: Instrument, directory: Directory) -> m.Order:
    """An order as the history has it; its average price has four more places than prices."""
    average = order_record(row, directory)["average_price"]
    return _order_of_row(row, instrument, None if average is None else str(average))


def order_of_report(
    report: ExecutionReport, instrument: Instrument, entered_at: int, average_price: int | None
) -> m.Order:
    """An order as its last report says.

    Args:
        report: Of it.
        instrument: Of it.
        entered_at: When it was entered, ns.
        average_price: Of what was filled, in ticks.
    """
    return _order(
        report,
        instrument,
        average_price=decimal_or_none(average_price, instrument.price_scale),
        reject=0 if report.reject is None else report.reject.number,
        cancel_reason=report.cancel_reason,
        entered_at=entered_at,
        updated_at=report.timestamp,
    )


def _order_of_row(
    row: q.OrderRow | q.HistoryOrderRow, instrument: Instrument, average_price: str | None
) -> m.Order:
    return _order(
        row,
        instrument,
        average_price=average_price,
        reject=row.reject,
        cancel_reason=row.cancel_reason,
        entered_at=row.entered_at,
        updated_at=row.updated_at,
    )


def _order(
    order: OrderState | q.OrderRow | q.HistoryOrderRow | ExecutionReport,
    instrument: Instrument,
    *,
    entered_at: int | None,
    updated_at: int | None = None,
    average_price: str | None = None,
    reject: int = 0,
    cancel_reason: CancelReason | None = None,
) -> m.Order:
    qty, price = instrument.qty_scale, instrument.price_scale
    return m.Order(
        order_id=str(order.order_id),
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=instrument.symbol,
        side=word(order.side),
        type=word(order.type),
        time_in_force=word(order.time_in_force),
        order_status=word(order.order_status),
        order_qty=decimal(order.order_qty, qty),
        cum_qty=decimal(order.cum_qty, qty),
        leaves_qty=decimal(order.leaves_qty, qty),
        price=decimal_or_none(order.price, price),
        stop_price=decimal_or_none(order.stop_price, price),
        average_price=average_price,
        reject=reject,
        cancel_reason=word(cancel_reason),
        entered_at=None if entered_at is None else instant(entered_at),
        updated_at=None if updated_at is None else instant(updated_at),
        sequence=str(order.sequence),
    )


def execution_of_report(
    report: ExecutionReport, instrument: Instrument, directory: Directory
) -> m.PastExecution:
    """One side of a trade, as its report says."""
    return _past_execution(report, report.event_sequence, instrument, directory)


def execution_of_history(
    row: q.HistoryExecutionRow, instrument: Instrument, directory: Directory
) -> m.PastExecution:
    """An execution as the history has it."""
    return _past_execution(row, row.exec_id, instrument, directory)


def _past_execution(
    row: ExecutionReport | q.HistoryExecutionRow, exec_id: int, instrument: Instrument, directory: Directory
) -> m.PastExecution:
    qty, price = instrument.qty_scale, instrument.price_scale
    fee, asset = fee_of(row.fee, row.fee_asset, directory)
    return m.PastExecution(
        exec_id=str(exec_id),
        trade_id=str(row.trade_id),
        order_id=str(row.order_id),
        client_order_id=row.client_order_id,
        account=row.account,
        symbol=instrument.symbol,
        side=word(row.side),
        last_qty=decimal(row.last_qty, qty),
        last_price=decimal(row.last_price, price),
        cum_qty=decimal(row.cum_qty, qty),
        leaves_qty=decimal(row.leaves_qty, qty),
        fee=fee,
        fee_asset=asset,
        liquidity=word(row.liquidity),
        timestamp=instant(row.timestamp),
        sequence=str(row.sequence),
    )


def trade_of_row(row: q.MarketTradeRow, instrument: Instrument) -> m.Trade:
    """A trade, as everybody may see it."""
    return m.Trade(
        trade_id=str(row.trade_id),
        symbol=instrument.symbol,
        price=decimal(row.price, instrument.price_scale),
        qty=decimal(row.qty, instrument.qty_scale),
        taker_side=word(row.taker_side),
        auction=row.auction,
        timestamp=instant(row.timestamp),
        sequence=str(row.sequence),
    )


def candle_of_row(row: q.MarketCandleRow, instrument: Instrument) -> m.Candle:
    """A candle."""
    price, qty = instrument.price_scale, instrument.qty_scale
    return m.Candle(
        start=instant(row.start_ns),
        open=decimal(row.open_price, price),
        high=decimal(row.high_price, price),
        low=decimal(row.low_price, price),
        close=decimal(row.close_price, price),
        volume=decimal(row.volume, qty),
        quote_volume=decimal(row.quote_volume, price + qty),
        trades=row.trades,
    )


def balance_of_row(row: q.BalanceRow) -> m.Balance:
    """What an account has of an asset."""
    return m.Balance(
        asset=row.symbol,
        total=decimal(row.total, row.scale),
        available=decimal(row.available, row.scale),
        reserved=decimal(row.reserved, row.scale),
        version=str(row.version),
    )


def position_of_row(row: q.PositionRow, instrument: Instrument) -> m.Position:
    """What an account is long or short of an instrument."""
    scale = instrument.qty_scale
    return m.Position(
        symbol=instrument.symbol,
        position=decimal(row.position, scale),
        open_buy_qty=decimal(row.open_buy_qty, scale),
        open_sell_qty=decimal(row.open_sell_qty, scale),
        open_orders=row.open_orders,
    )
