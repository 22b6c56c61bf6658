"""The report of a replay for a program: prices and quantities are decimals as text, times nanoseconds."""

from __future__ import annotations

from typing import Any

from cmatch.enums import CommandKind
from cmatch.replay.flow import Agreement, Flow
from cmatch.replay.play import BATCH
from cmatch.replay.report import Replay, command_counts, level_rows, reject_name, volumes

_DEPTH = 10  # levels of a side


def as_json(replay: Replay) -> dict[str, Any]:
    """Everything that the text says, and every difference."""
    flow, outcome = replay.flow, replay.outcome
    first, last = flow.span
    out: dict[str, Any] = {
        "file": str(flow.path),
        "format": flow.format,
        "events": flow.rows,
        "events_by_kind": flow.counts,
        "instruments": [
            {"symbol": i.symbol, "tick": i.tick_text, "lot": i.lot_text} for i in flow.instruments
        ],
        "first_timestamp_ns": first,
        "last_timestamp_ns": last,
        "notes": flow.notes,
        "commands": int(flow.commands.size),
        "commands_by_kind": command_counts(flow),
        "commands_per_second": round(replay.rate),
        "batch": BATCH,
        "batch_runs_ns": replay.batch_times,
        "read_ns": replay.read_ns,
        "total_ns": replay.total_ns,
        "trades": int(outcome.trades.size),
        "volumes": _volumes(replay),
        "rejects": {reject_name(code): n for code, n in outcome.rejects.most_common()},
        "events_out": outcome.events,
        "digest": outcome.digest,
        "state_hash": f"{outcome.state_hash:016x}",
        "good": replay.good,
        "checks": [
            {
                "name": check.name,
                "right": check.right,
                "total": check.total,
                "strict": check.strict,
                "remark": check.remark,
                "differences": check.differences,
            }
            for check in replay.checks
        ],
        "books": [_book(replay, n) for n in outcome.engine.instruments if n <= len(flow.instruments)],
    }
    if replay.latency is not None:
        timed = {str(kind): replay.latency.percentiles(kind) for kind in CommandKind}
        out["latency_ns"] = {
            "calls": int(replay.latency.samples.size),
            "empty_call": replay.latency.empty_call,
            "all": replay.latency.percentiles(),
            "by_command": {name: told for name, told in timed.items() if told},
        }
    if flow.agreement is not None:
        out["agreement"] = _agreement(flow, flow.agreement)
    return out


def _volumes(replay: Replay) -> list[dict[str, Any]]:
    out = []
    for volume in volumes(replay.outcome):
        instrument = replay.flow.instruments[volume.number - 1]
        out.append(
            {
                "symbol": instrument.symbol,
                "trades": volume.trades,
                "volume": instrument.qty(volume.lots),
                "last": instrument.price(volume.last),
            }
        )
    return out


def _book(replay: Replay, number: int) -> dict[str, Any]:
    instrument = replay.flow.instruments[number - 1]
    bids, asks = replay.outcome.engine.l2(number, _DEPTH)
    sides = {
        name: [
            {"price": instrument.price(price), "qty": instrument.qty(qty), "orders": count}
            for price, qty, count in level_rows(levels)
        ]
        for name, levels in (("bids", bids), ("asks", asks))
    }
    return {"symbol": instrument.symbol, **sides}


def _agreement(flow: Flow, agreement: Agreement) -> dict[str, Any]:
    return {
        "trade_events": agreement.events,
        "named": agreement.named,
        "named_as_the_queue_stood": agreement.plain,
        "named_after_withdrawals": agreement.withdrawn,
        "named_with_reserve": agreement.reserve,
        "named_told_late": agreement.late,
        "auctions": _auctions(flow, agreement),
        "misses": [
            {
                flow.unit: miss.position,
                "event": miss.event,
                "timestamp_ns": miss.timestamp,
                "symbol": flow.instruments[miss.instrument].symbol,
                "order_id": miss.order_id,
                "price": flow.instruments[miss.instrument].price(miss.price),
                "qty": flow.instruments[miss.instrument].qty(miss.qty),
                "why": miss.why.name.lower(),
                "ahead_orders": miss.ahead_orders,
                "ahead_qty": flow.instruments[miss.instrument].qty(miss.ahead_qty),
                "front": miss.front,
                "sequel": miss.sequel,
            }
            for miss in agreement.misses
        ],
    }


def _auctions(flow: Flow, agreement: Agreement) -> list[dict[str, Any]]:
    out = []
    for auction in agreement.auctions:
        instrument = flow.instruments[auction.instrument]
        out.append(
            {
                "timestamp_ns": auction.timestamp,
                "symbol": instrument.symbol,
                "venue_price": instrument.price(auction.venue_price),
                "venue_qty": instrument.qty(auction.venue_qty),
                "price": None if auction.price is None else instrument.price(auction.price),
                "qty": instrument.qty(auction.qty),
                "venue_orders": auction.venue_orders,
                "same_orders": auction.same_orders,
                "unseen_orders": auction.unseen_orders,
            }
        )
    return out
