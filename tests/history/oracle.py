"""What the history has to hold: a fold of the journal, report by report, in plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmatch._core import JournalReader, Venue
from cmatch.rejects import RejectCode
from exchange.bus.topics import TopicTable
from exchange.client.ordering import OrderRequests
from exchange.client.requests import Request
from exchange.domain.enums import (
    CancelReason,
    ExecType,
    Liquidity,
    OrderStatus,
    OrderType,
    ReportFlag,
    Side,
    TimeInForce,
)
from exchange.domain.queries import (
    HistoryExecutionRow,
    HistoryExecutionsRequest,
    HistoryOrderRow,
    HistoryOrdersRequest,
)
from exchange.runtime.caller import Caller
from exchange.runtime.consumer import Consumer
from exchange.services.history import queries
from exchange.services.history.service import SPEC
from exchange.storage.sql import Store
from tests.event_log.published import Exchange
from tests.exchange.journals import ALICE, BOB, CAROL, MARKET, OTHER_TENANT, TENANT, Writer

TABLE = TopicTable("dev")
OPERATOR = Caller(0)
MS = 1_000_000


def trade_wildly(writer: Writer, seed: int, count: int) -> None:
    """Orders of every kind of fate: rested, filled, renamed, cancelled, refused, triggered, repeated."""
    numbers = random.Random(seed)
    begun = writer.sequence
    for k in range(count):
        account = numbers.choice([ALICE, BOB, CAROL])
        tenant = OTHER_TENANT if account == CAROL else TENANT
        # An order's id is its command's sequence.
        some = numbers.randrange(max(begun, writer.sequence - 12) + 1, writer.sequence + 2)
        request = _request(writer.make.orders, numbers, some, account, f"c{seed}-{k}")
        writer.write(request, tenant=tenant)
        if numbers.random() < 0.05:
            writer.write(request, tenant=tenant)  # the same again: the first answer, flagged


def _request(
    orders: OrderRequests, numbers: random.Random, some: int, account: int, client_order_id: str
) -> Request[Any]:
    side = numbers.choice(["buy", "sell"])
    price = 10_000 + numbers.randrange(-4, 5)
    far = numbers.choice([0, 30])
    mine: dict[str, Any] = {"account": account, "client_order_id": client_order_id}
    others: dict[str, Any] = mine | {"account": ALICE + CAROL - account}
    makers: list[Callable[[], Request[Any]]] = [
        lambda: orders.limit(MARKET, side, numbers.randrange(1, 400), price, **mine),
        lambda: orders.limit(MARKET, side, 50, price, time_in_force="ioc", **mine),
        lambda: orders.market(MARKET, side, numbers.randrange(1, 300), **mine),
        lambda: orders.stop(MARKET, side, 20, price + (far if side == "buy" else -far), **mine),
        lambda: orders.limit(MARKET, side, 10**12, price, **mine),
        lambda: orders.limit(99, side, 10, price, **mine),
        lambda: orders.limit(MARKET, side, 10, price, **others),
        lambda: orders.replace(some, instrument=MARKET, qty=numbers.randrange(1, 500), **mine),
        lambda: orders.cancel(some, instrument=MARKET, **mine),
        lambda: orders.mass_cancel(**mine),
    ]
    return numbers.choices(makers, [30, 6, 6, 4, 2, 1, 2, 14, 10, 1])[0]()


@dataclass
class History:
    """Rows by their keys, in order."""

    orders: list[HistoryOrderRow] = field(default_factory=list)
    executions: list[HistoryExecutionRow] = field(default_factory=list)


def history_of(journal: Path, limits: dict[str, Any], tenants: dict[int, int]) -> History:
    """The fold."""
    venue, found = Venue(**limits), History()
    kept: dict[Any, dict[str, Any]] = {}
    for record in JournalReader(str(journal), 1):
        reports, _ = venue.apply_payload(record.payload)
        for row in sorted(reports, key=lambda each: int(each["event_sequence"])):
            _take(row, kept, found.executions, tenants)
    for order in kept.values():
        notional = order.pop("notional")
        order["notional_high"], order["notional_low"] = notional >> 32, notional & 0xFFFF_FFFF
        found.orders.append(HistoryOrderRow(**order))
    return found


def _take(
    row: Any, kept: dict[Any, dict[str, Any]], executions: list[HistoryExecutionRow], tenants: dict[int, int]
) -> None:
    kind = ExecType(int(row["exec_type"]))
    if int(row["flags"]) & ReportFlag.DUPLICATE or kind in {ExecType.CANCEL_REJECTED, ExecType.DONE}:
        return
    number = {
        name: int(row[name])
        for name in row.dtype.names
        if row[name].dtype.kind in "iu" and not row[name].shape
    }
    client, correlation = (
        (bytes(row[f"{name}_head"]) + bytes(row[f"{name}_tail"])).decode()
        for name in ("client_order_id", "correlation_id")
    )
    tenant = tenants.get(number["account"], 0)
    if number["reject"] == RejectCode.UNKNOWN_ACCOUNT:
        tenant = 0
    key = number["order_id"] or (number["event_sequence"],)
    if key not in kept:
        kept[key] = {
            "entered_sequence": number["event_sequence"],
            "order_id": number["order_id"],
            "client_order_id": client,
            "tenant": tenant,
            "account": number["account"],
            "instrument_id": number["instrument_id"],
            "side": Side(number["side"]),
            "fills": 0,
            "notional": 0,
            "entered_at": number["timestamp"],
            "correlation_id": correlation,
        }
    order = kept[key]
    if kind is ExecType.REPLACED:
        order.setdefault("orig_client_order_id", order["client_order_id"])
        order["client_order_id"] = client
    order |= {name: number[name] for name in ("order_qty", "cum_qty", "leaves_qty", "reject", "sequence")}
    order |= {
        "type": OrderType(number["type"]) if number["type"] else None,
        "time_in_force": TimeInForce(number["time_in_force"]) if number["time_in_force"] else None,
        "order_status": OrderStatus(number["order_status"]),
        "price": number["price"] if number["flags"] & ReportFlag.PRICE else None,
        "stop_price": number["stop_price"] if number["flags"] & ReportFlag.STOP_PRICE else None,
        "cancel_reason": CancelReason(number["cancel_reason"]) if number["cancel_reason"] else None,
        "updated_at": number["timestamp"],
    }
    if kind is not ExecType.TRADE:
        return
    order["fills"] += 1
    order["notional"] += number["last_qty"] * number["last_price"]
    same = (
        "trade_id", "order_id", "account", "instrument_id", "last_qty", "last_price", "cum_qty", "leaves_qty",
        "fee", "fee_asset", "timestamp", "sequence",
    )  # fmt: skip
    executions.append(
        HistoryExecutionRow(
            exec_id=number["event_sequence"],
            client_order_id=client,
            tenant=tenant,
            side=Side(number["side"]),
            liquidity=Liquidity(number["liquidity"]),
            order_status=OrderStatus(number["order_status"]),
            correlation_id=correlation,
            **{name: number[name] for name in same},
        )
    )


def consume(exchange: Exchange, store: Store) -> dict[str, int]:
    """One life of the service's consumer, to the end of the log; what it counted."""
    with exchange.open_log() as log, Consumer(SPEC, store, log, TABLE) as consumer:
        while consumer.step():
            pass
        return dict(consumer.counts)


def stored(store: Store, limit: int = 1_000) -> History:
    """All rows, as the operator's queries give them, the oldest first."""
    found = History()
    with store.read() as tx:
        while True:
            after = found.orders[-1].entered_sequence if found.orders else 0
            orders = HistoryOrdersRequest(oldest_first=True, after=after, limit=limit)
            some = queries.orders(tx, orders, OPERATOR)
            found.orders += some.orders
            if not some.more:
                break
        while True:
            after = found.executions[-1].exec_id if found.executions else 0
            executions = HistoryExecutionsRequest(oldest_first=True, after=after, limit=limit)
            page = queries.executions(tx, executions, OPERATOR)
            found.executions += page.executions
            if not page.more:
                return found
