"""`exchange history`."""

from __future__ import annotations

import argparse
from typing import Any, Final

from cmatch.cli.words import whole
from exchange.cli.common import check_runs, may_be_there, name_or_all, settings_of
from exchange.cli.connecting import add_client, reader_of, wrong_words
from exchange.cli.records import Lines, add_file, add_span, show, span_of, text, time_text
from exchange.client import Reader
from exchange.client.past import (
    EXECUTION_NAMES,
    ORDER_NAMES,
    Record,
    execution_record,
    order_record,
)
from exchange.domain.enums import Liquidity, OrderStatus, Side
from exchange.errors import ServiceUnavailableError
from exchange.runtime.registry import registry_of

DESCRIPTION = """Every order and every execution that there ever was, the newest first.

  orders       a line an order, with what has become of it; rejected ones, too
  executions   a line for each side of a trade

An exchange keeps them where the setting history.enabled is true. A caller sees its own tenant's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, each with its options."""
    chosen = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    orders = chosen.add_parser("orders", help="orders", description="Orders of the history.")
    executions = chosen.add_parser("executions", help="executions", description="Executions of the history.")
    for command in (orders, executions):
        command.add_argument("--account", type=whole(), default=0, metavar="N", help="only of this account")
        command.add_argument("--instrument", metavar="INSTRUMENT", help="only of this one: symbol or number")
        command.add_argument(
            "--order", metavar="ORDER", help="only of this one: order_id, or client order id before or now"
        )
        command.add_argument("--side", choices=[str(side) for side in Side], help="only of this side")
        add_span(command)
        command.add_argument("--oldest-first", action="store_true", help="the other way round")
        add_file(command)
        add_client(command)
    orders.add_argument("--status", choices=[str(word) for word in OrderStatus], help="only these")
    executions.add_argument("--trade", type=whole(), default=0, metavar="N", help="only of this trade")
    executions.add_argument("--liquidity", choices=[str(word) for word in Liquidity], help="only these")


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0."""
    settings = settings_of(options)
    if not (may_be_there(settings.endpoints.history) or registry_of(settings).instances("history")):
        check_runs(settings, options.orders or ())
        raise ServiceUnavailableError(
            f"the exchange on {settings.data_directory} keeps no history:"
            " start it with --set history.enabled=true (which publishes events, too)"
        )
    with reader_of(options) as reader, wrong_words(f"history {options.what}"):
        records, names, lines = _WHATS[options.what](reader, options)
    show(options, records, names, lines, left=7)
    return 0


def _orders(reader: Reader, options: argparse.Namespace) -> tuple[list[Record], tuple[str, ...], Lines]:
    query = reader.make.query.past_orders(
        order_status=OrderStatus[options.status.upper()] if options.status else None,
        **_common(options),
    )
    rows = reader.ask(query)
    return [order_record(row, reader.instruments) for row in rows], ORDER_NAMES, _ORDER_LINES


def _executions(reader: Reader, options: argparse.Namespace) -> tuple[list[Record], tuple[str, ...], Lines]:
    query = reader.make.query.past_executions(
        trade_id=options.trade,
        liquidity=Liquidity[options.liquidity.upper()] if options.liquidity else None,
        **_common(options),
    )
    rows = reader.ask(query)
    return [execution_record(row, reader.instruments) for row in rows], EXECUTION_NAMES, _EXECUTION_LINES


_ORDER_LINES: Final[Lines] = {
    "entered": lambda each: time_text(each["entered_at"]),
    "order": lambda each: each["order_id"],
    "client order id": lambda each: each["client_order_id"],
    "symbol": lambda each: each["symbol"],
    "side": lambda each: each["side"],
    "type": lambda each: each["type"],
    "status": lambda each: " ".join(filter(None, (each["order_status"], each["reject"]))),
    "account": lambda each: each["account"],
    "qty": lambda each: each["order_qty"],
    "filled": lambda each: each["cum_qty"],
    "price": lambda each: each["price"],
    "average": lambda each: each["average_price"],
}
_EXECUTION_LINES: Final[Lines] = {
    "time": lambda each: time_text(each["timestamp"]),
    "execution": lambda each: each["exec_id"],
    "trade": lambda each: each["trade_id"],
    "order": lambda each: each["order_id"],
    "symbol": lambda each: each["symbol"],
    "side": lambda each: each["side"],
    "liquidity": lambda each: each["liquidity"],
    "account": lambda each: each["account"],
    "qty": lambda each: each["last_qty"],
    "price": lambda each: each["last_price"],
    "fee": lambda each: f"{text(each['fee'])} {each['fee_asset'] or ''}".rstrip(),
}
_WHATS: Final = {"orders": _orders, "executions": _executions}


def _common(options: argparse.Namespace) -> dict[str, Any]:
    order = name_or_all(options.order)
    return {
        "account": options.account,
        "instrument": name_or_all(options.instrument),
        "order_id": order if isinstance(order, int) else 0,
        "client_order_id": order if isinstance(order, str) else "",
        "side": Side[options.side.upper()] if options.side else None,
        "oldest_first": options.oldest_first,
        **span_of(options),
    }
