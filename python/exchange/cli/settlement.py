"""`exchange settlement`."""

from __future__ import annotations

import argparse
import json
from typing import Final

from cmatch.cli.words import INT64_MAX, whole
from exchange.cli.common import may_be_there, settings_of
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.cli.records import Lines, add_file, add_most, show, text, time_text
from exchange.client import Client
from exchange.client.settlement_records import SETTLEMENT_NAMES, settlement_record
from exchange.config import Settings
from exchange.domain.enums import SettlementStatus
from exchange.errors import RpcError, RpcStatus, ServiceUnavailableError
from exchange.runtime.registry import registry_of

DESCRIPTION = """What each trade cost its two sides, and whether money, goods and fees have changed hands.

  list      trades with their fees, the newest first
  show      one trade
  status    who posts trades, how far that is, and how many wait

An exchange keeps rows of trades where the setting settlement.enabled is true; `status` answers without, too.
A caller sees its own tenant's sides. Exit code of `status`: 1 where trades wait and no service posts them."""

_STATES: Final = (SettlementStatus.PENDING, SettlementStatus.SETTLED)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, each with its options."""
    chosen = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listed = chosen.add_parser("list", help="trades", description="Trades with their fees.")
    shown = chosen.add_parser("show", help="one trade", description="One trade, all of its fields.")
    status = chosen.add_parser("status", help="how far it is", description="Who posts, and how far that is.")
    listed.add_argument("--account", type=whole(), default=0, metavar="N", help="only where it is a side")
    listed.add_argument("--status", choices=[str(word) for word in _STATES], help="only these")
    listed.add_argument("--oldest-first", action="store_true", help="the other way round")
    add_most(listed)
    shown.add_argument("trade", type=whole(0, INT64_MAX), metavar="TRADE", help="its trade_id")
    add_file(listed)
    for command in (listed, shown, status):
        add_client(command)


def run(options: argparse.Namespace) -> int:
    """Asks and prints; returns 0, or of `status` 1 where trades wait for nobody."""
    settings = settings_of(options)
    there = may_be_there(settings.endpoints.settlement)
    with connect(options) as client:
        if options.what == "status":
            return _status(client, options, settings, there=there)
        if not there:
            raise ServiceUnavailableError(
                f"the exchange on {settings.data_directory} keeps no settlements:"
                " start it with --set settlement.enabled=true (which publishes events, too)"
            )
        return _show(client, options) if options.what == "show" else _list(client, options)


def _list(client: Client, options: argparse.Namespace) -> int:
    with wrong_words("settlement list"):
        rows = client.query.settlements(
            account=options.account,
            status=SettlementStatus[options.status.upper()] if options.status else None,
            oldest_first=options.oldest_first,
            most=options.most or None,
        )
    records = [settlement_record(row, client.instruments) for row in rows]
    options.what = "trades"
    show(options, records, SETTLEMENT_NAMES, _LINES, left=4)
    return 0


def _show(client: Client, options: argparse.Namespace) -> int:
    rows = client.query.settlements(trade_id=options.trade) if options.trade else ()
    if not rows:
        raise RpcError(RpcStatus.NOT_FOUND, f"there is no trade {options.trade} of this tenant")
    record = settlement_record(rows[0], client.instruments)
    if options.json:
        print(json.dumps(record, indent=2, default=text))
        return 0
    width = max(map(len, record))
    for name, value in record.items():
        shown = time_text(value) if name.endswith("_at") and value else text(value) or "-"
        print(f"{name:<{width}}  {shown}")
    return 0


def _status(client: Client, options: argparse.Namespace, settings: Settings, *, there: bool) -> int:
    venue = client.query.status()
    runs = bool(registry_of(settings).instances("settlement")) or (there and not settings.registry.heartbeats)
    progress = client.query.settlement_progress() if there and runs else None
    missing = bool(venue.unposted_trades and not runs)
    if options.json:
        body = {
            "posted_by": "service" if venue.settled_by_service else "venue",
            "service_runs": runs,
            "trades": venue.trades,
            "waiting": venue.unposted_trades,
            "taken": progress.taken if progress else None,
            "posted": progress.posted if progress else None,
        }
        print(json.dumps(body, indent=2))
        return int(missing)
    by = "by the settlement service" if venue.settled_by_service else "by the venue, as they are made"
    print(f"trades   {venue.trades:,} made; posted {by}")
    if progress:
        print(f"service  runs; has taken trades to {progress.taken:,}, posted to {progress.posted:,}")
    else:
        print("service  none runs")
    print(f"waiting  {venue.unposted_trades:,}")
    if missing:
        print("trades wait and nobody posts them: start the exchange with --set settlement.enabled=true")
    return int(missing)


_LINES: Final[Lines] = {
    "traded": lambda each: time_text(each["traded_at"]),
    "trade": lambda each: each["trade_id"],
    "symbol": lambda each: each["symbol"],
    "status": lambda each: each["status"],
    "price": lambda each: each["price"],
    "qty": lambda each: each["qty"],
    "buyer": lambda each: each["buyer"],
    "buyer's fee": lambda each: f"{text(each['buyer_fee'])} {each['buyer_fee_asset'] or ''}".rstrip(),
    "seller": lambda each: each["seller"],
    "seller's fee": lambda each: f"{text(each['seller_fee'])} {each['seller_fee_asset'] or ''}".rstrip(),
}
