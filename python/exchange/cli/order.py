"""`exchange order WHAT`."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal

from cmatch.cli.words import UINT32_MAX, counted, whole
from exchange.cli.common import as_json, name_of, name_or_all, table
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.client import Client, ExecutionReport, Order, Reject
from exchange.domain.enums import OrderStatus, OrderType, Side, TimeInForce
from exchange.domain.queries import OrderRow
from exchange.errors import ConfigError

DESCRIPTION = """Enter, change, cancel and list the orders of an account. An order is named by its order_id
(a number) or by the client order id that created it. Prices and quantities are decimals."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, each with its options."""
    chosen = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    new = chosen.add_parser("new", help="enter an order", description="Enter an order.")
    new.add_argument("instrument", metavar="INSTRUMENT", help="by symbol or number")
    new.add_argument("side", choices=[str(side) for side in Side], help="buy or sell")
    new.add_argument("qty", metavar="QTY", help="how much")
    new.add_argument("price", nargs="?", metavar="PRICE", help="the limit; none for a market order")
    new.add_argument(
        "--type", choices=[str(kind) for kind in OrderType], help="limit, or market without PRICE"
    )
    new.add_argument(
        "--time-in-force", choices=[str(word) for word in TimeInForce], help="gtc, or ioc for market"
    )
    new.add_argument("--stop-price", metavar="PRICE", help="what triggers a stop")
    new.add_argument("--display-qty", metavar="QTY", help="what an iceberg shows at a time")
    new.add_argument("--min-qty", metavar="QTY", help="the least that has to trade at once")
    new.add_argument("--expire-at", type=whole(), metavar="NS", help="when a gtd order ends, ns since 1970")
    new.add_argument("--post-only", action="store_true", help="refuse it where it would trade at once")
    new.add_argument("--reduce-only", action="store_true", help="refuse it where it would grow the position")
    replace = chosen.add_parser("replace", help="change a live order", description="Change a live order.")
    replace.add_argument("order", metavar="ORDER", help="order_id or client order id")
    replace.add_argument("--instrument", metavar="INSTRUMENT", required=True, help="of the order")
    replace.add_argument("--qty", metavar="QTY", help="the new quantity, what was filled included")
    replace.add_argument("--price", metavar="PRICE", help="the new limit")
    replace.add_argument("--stop-price", metavar="PRICE", help="the new stop price")
    cancel = chosen.add_parser(
        "cancel", help="cancel a live order", description="Cancel a live order, or all."
    )
    cancel.add_argument("order", nargs="?", metavar="ORDER", help="order_id or client order id")
    cancel.add_argument("--all", action="store_true", help="all live orders of the account")
    cancel.add_argument("--instrument", metavar="INSTRUMENT", help="with --all: only of this one")
    cancel.add_argument("--side", choices=[str(side) for side in Side], help="with --all: only of this side")
    listing = chosen.add_parser("list", help="list orders", description="List the live orders of an account.")
    listing.add_argument("--instrument", metavar="INSTRUMENT", help="only of this one")
    listing.add_argument("--history", action="store_true", help="ended ones too, the newest first")
    listing.add_argument(
        "--status", choices=[str(word) for word in OrderStatus], help="with --history: only these"
    )
    listing.add_argument(
        "--most", type=whole(1, UINT32_MAX), default=100, metavar="N", help="with --history: at most N (100)"
    )
    for command, call in ((new, _new), (replace, _replace), (cancel, _cancel)):
        command.add_argument(
            "--client-order-id", metavar="ID", help="of this request; made up where not given"
        )
        command.set_defaults(call=call)
    for command in (new, replace, cancel, listing):
        add_client(command, account=True)


def run(options: argparse.Namespace) -> int:
    """Carries it out; returns 0, or 1 where it was refused."""
    with connect(options, account=options.account) as client:
        with wrong_words(f"order {options.what}"):
            if options.what == "list":
                return _list(client, options)
            report: ExecutionReport = options.call(client, options)
        if options.json:
            print(as_json(report))
        elif report.ok:
            print(_words(client, report))
    if report.reject is not None and not options.json:
        print(f"exchange: refused: {report.reject}: {report.reject.meaning}", file=sys.stderr)
    return int(not report.ok)


def _new(client: Client, options: argparse.Namespace) -> ExecutionReport:
    kind = options.type or ("market" if options.price is None else "limit")
    optional = ("time_in_force", "stop_price", "display_qty", "min_qty", "expire_at", "client_order_id")
    return client.new_order(
        name_of(options.instrument),
        options.side,
        options.qty,
        options.price,
        type=kind,
        post_only=options.post_only,
        reduce_only=options.reduce_only,
        **{name: value for name in optional if (value := getattr(options, name)) is not None},
    )


def _replace(client: Client, options: argparse.Namespace) -> ExecutionReport:
    return client.replace(
        name_of(options.order),
        instrument=name_of(options.instrument),
        qty=options.qty,
        price=options.price,
        stop_price=options.stop_price,
        client_order_id=options.client_order_id,
    )


def _cancel(client: Client, options: argparse.Namespace) -> ExecutionReport:
    if options.all == (options.order is not None):
        raise ConfigError("order cancel takes an ORDER, or --all")
    if not options.all:
        return client.cancel(name_of(options.order), client_order_id=options.client_order_id)
    return client.mass_cancel(
        instrument=None if options.instrument is None else name_of(options.instrument),
        side=options.side,
        client_order_id=options.client_order_id,
    )


def _words(client: Client, report: ExecutionReport) -> str:
    if not report.order_id:
        return f"done: {report.last_qty} orders cancelled, sequence {report.sequence}"
    now: Order | ExecutionReport = report
    if report.live:  # what it did at once is told behind the answer
        client.order(report.order_id)  # when this is answered, that was told
        now = client.orders.find(report.order_id) or report
    scale = client.instruments.instrument(report.instrument_id).qty_scale
    left, filled = (scaled(qty, scale) for qty in (now.leaves_qty, now.cum_qty))
    what = f"order {report.order_id} {report.exec_type}, now {now.order_status}"
    again = ", as before" if report.duplicate else ""
    return f"{what}: {left} left, {filled} filled, sequence {report.sequence}{again}"


def _list(client: Client, options: argparse.Namespace) -> int:
    instrument = name_or_all(options.instrument)
    if options.history:
        status = OrderStatus[options.status.upper()] if options.status else None
        rows = client.query.order_history(instrument=instrument, order_status=status, most=options.most)
    else:
        rows = client.query.open_orders(instrument=instrument)
    if options.json:
        print(as_json(rows))
        return 0
    head = (
        "order",
        "client order id",
        "symbol",
        "side",
        "type",
        "status",
        "qty",
        "filled",
        "price",
        "average",
    )
    print(table(head, [_row(client, row) for row in rows], left=6))
    print(counted(len(rows), "orders"))
    return 0


def _row(client: Client, row: OrderRow) -> tuple[str, ...]:
    instrument = client.instruments.instrument(row.instrument_id)
    price, qty = instrument.price_scale, instrument.qty_scale
    reject = f" {Reject(row.reject).name}" if row.reject else ""
    return (
        str(row.order_id),
        row.client_order_id,
        instrument.symbol,
        str(row.side),
        str(row.type),
        f"{row.order_status}{reject}",
        scaled(row.order_qty, qty),
        scaled(row.cum_qty, qty),
        "" if row.price is None else scaled(row.price, price),
        "" if row.average_price is None else scaled(row.average_price, price),
    )


def scaled(number: int, scale: int) -> str:
    """An integer of minor units as a decimal."""
    return f"{Decimal(number).scaleb(-scale):,f}"
