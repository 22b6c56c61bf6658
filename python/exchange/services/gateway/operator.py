"""How the exchange is, for those who run it; and the kill switch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from exchange.client.rest import operator as m
from exchange.errors import GatewayFault
from exchange.observability.core_metrics import edges
from exchange.observability.rates import Stretch
from exchange.observability.stats import HistogramSnapshot, StatUnit
from exchange.runtime.processes import ProcessRow
from exchange.services.gateway.calls import Answer, Call, Route, Scope
from exchange.services.gateway.known import instant
from exchange.services.gateway.machine import Machine
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.switching import changes_of, throw_switch, values_of
from exchange.services.gateway.watching import alerts, audit, machine_of, start_audit

_WATCH_S: Final = 5.0
_LETTERS_MAX: Final = 1_000
_INSTRUMENT: Final = "instrument/"
_NOW: Final = (
    "live_orders",
    "accounts",
    "instruments",
    "sessions",
    "queue_depth",
    "answers_waiting",
    "batch_size_max",
)


async def services(call: Call) -> Answer:
    """GET /v1/operator/services."""
    rows = await machine_of(call).processes()
    return Answer(m.Processes(processes=[_process(row) for row in rows]))


async def followers(call: Call) -> Answer:
    """GET /v1/operator/followers."""
    machine = machine_of(call)
    rows = [row for row in await machine.processes() if row.lag is not None and row.name != "core"]
    found = [m.Follower(name=row.name, lag=row.lag, state=row.state) for row in rows]
    values = (await _stretch(machine)).after.values
    written = values["journal_sequence_written"]
    if values["followers"]:
        state = "healthy" if values["standby_in_sync"] or values["solo"] else "degraded"
        lag = max(0, written - values["journal_sequence_replicated"])
        found.append(m.Follower(name="standby", lag=lag, state=state))
    found.sort(key=lambda each: (-(each.lag or 0), each.name))
    durable = str(values["journal_sequence_durable"])
    return Answer(m.Followers(followers=found, written=str(written), durable=durable))


async def metrics(call: Call) -> Answer:
    """GET /v1/operator/metrics."""
    stretch = await _stretch(machine_of(call))
    units = {row.name: row.unit for row in stretch.rows}
    return Answer(
        m.OperatorMetrics(
            seconds=round(stretch.seconds, 3),
            per_second={_camel(name): round(rate, 1) for name, rate in stretch.rates.items()},
            now={_camel(name): stretch.after.values[name] for name in _NOW},
            timings=[
                _timing(name, of)
                for name, of in stretch.timings.items()
                if units.get(name) is StatUnit.NANOSECONDS
            ],
        )
    )


async def dead_letters(call: Call) -> Answer:
    """GET /v1/operator/dead-letters."""
    query: m.DeadLettersQuery = call.query
    found = [
        m.DeadLetter(
            letter=f"{service}-{letter.letter}",
            service=service,
            status=str(letter.status),
            reason=str(letter.reason),
            error=letter.error.splitlines()[0] if letter.error else "",
            event_type=letter.envelope.event_type,
            entity=f"{letter.envelope.entity.entity_type} {letter.envelope.entity.entity_id}",
            tenant=letter.envelope.tenant_id,
            attempts=letter.attempts,
            failed_at=instant(letter.failed_at),
        )
        for service, letter in await machine_of(call).letters(query.limit)
    ]
    return Answer(m.DeadLetterList(letters=found))


async def limits(call: Call) -> Answer:
    """GET /v1/operator/limits."""
    return await _set_by_operators(call, "Limits")


async def kill_switches(call: Call) -> Answer:
    """GET /v1/operator/kill-switches."""
    return await _set_by_operators(call, "KillSwitch")


async def throw(call: Call) -> Answer:
    """POST /v1/operator/kill-switch. The core journals it in the name of who asks."""
    body: m.ThrowSwitch = call.body
    machine_of(call)
    target, name = await _target(call, body)
    answer = await throw_switch(
        call, body.scope, target, on=body.on, why=body.why, actor=call.owner.name, name=name
    )
    return Answer(
        m.SwitchThrown(
            scope=body.scope,
            target=name,
            on=body.on,
            sequence=str(answer.sequence),
            timestamp=instant(answer.timestamp),
        )
    )


async def _stretch(machine: Machine) -> Stretch:
    stretch = await machine.statistics()
    if stretch is None:
        raise Refusal(GatewayFault.UNAVAILABLE, "No core runs on this machine's data directory.")
    return stretch


async def _target(call: Call, body: m.ThrowSwitch) -> tuple[dict[str, int], str]:
    """What the core's command names, and how people call it.

    Raises:
        Refusal: INVALID_PARAMETER: another target than the scope's, or none; UNKNOWN_INSTRUMENT.
    """
    said = {"tenant": body.tenant, "account": body.account, "instrument": body.symbol}
    given = [scope for scope, value in said.items() if value is not None]
    if given != ([] if body.scope == "venue" else [body.scope]):
        raise Refusal(
            GatewayFault.INVALID_PARAMETER,
            "a switch of the venue has no target, any other one that of its scope: tenant, account or symbol",
        )
    if body.symbol is not None:
        return {"instrument": (await call.instrument(body.symbol)).instrument_id}, body.symbol
    target = body.tenant or body.account
    return ({}, "venue") if target is None else ({body.scope: target}, str(target))


async def _set_by_operators(call: Call, entity_type: str) -> Answer:
    """What the admin service knows that was set last, by scope.

    Raises:
        Refusal: NOT_ENABLED: there is none.
    """
    machine_of(call)
    last: dict[str, m.SetByOperator] = {}
    for row in await changes_of(call, entity_type, min_sequence=call.query.min_sequence):
        if row.reject or row.entity_id in last:
            continue
        last[row.entity_id] = m.SetByOperator(
            scope=row.entity_id,
            symbol=await _symbol(call, row.entity_id),
            values=values_of(row),
            who=row.who,
            why=row.why,
            set_at=instant(row.changed_at),
        )
    return Answer(m.SetByOperators(rows=[last[scope] for scope in sorted(last)]))


async def _symbol(call: Call, scope: str) -> str | None:
    _, found, number = scope.partition(_INSTRUMENT)
    return (await call.exchange.known.by_id(int(number))).symbol if found else None


def _process(row: ProcessRow) -> m.Process:
    return m.Process(
        name=row.name,
        services=list(row.services),
        pid=row.pid,
        state=row.state,
        uptime_s=row.uptime_s,
        cpu_percent=None if row.cpu is None else round(row.cpu * 100, 1),
        memory_bytes=row.rss_bytes,
        restarts=row.restarts,
        lag=row.lag,
        needs={name: str(status) for name, status in row.needs.items()},
    )


def _timing(name: str, of: HistogramSnapshot) -> m.Timing:
    """Percentiles, and the buckets from the first to the last that is not empty."""
    limits = edges(StatUnit.NANOSECONDS)
    counts = np.diff(of.at_most(limits).astype(np.int64), prepend=0)
    filled = np.flatnonzero(counts)
    span = range(filled[0], filled[-1] + 1) if filled.size else range(0)
    p50, p90, p99, p999 = (str(of.percentile(parts)) for parts in (500_000, 900_000, 990_000, 999_000))
    # The core keeps the longest since its start; of a stretch it is known as well as its bucket.
    longest = str(of.percentile(1_000_000))
    return m.Timing(
        name=name,
        count=of.count,
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99,
        p999_ns=p999,
        max_ns=longest,
        buckets=[m.Bucket(up_to_ns=str(limits[at]), count=int(counts[at])) for at in span],
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _row(path: str, handler: Any, does: str, answers: Any, **more: Any) -> Route:
    """A route of this table: what operators look at."""
    said: dict[str, Any] = {"method": "GET", "scope": Scope.OPERATE, "weight": 2, "tag": "Operator"} | more
    return Route(path=f"/v1/operator/{path}", handler=handler, does=does, answers=answers, **said)


ROUTES: Final = (
    _row("services", services, "Processes of the exchange and how they are", m.Processes),
    _row("followers", followers, "Who follows the core, and how far behind", m.Followers),
    _row("metrics", metrics, "Rates and latencies of the last seconds", m.OperatorMetrics),
    _row("alerts", alerts, "What is not well now, and since when", m.Alerts, weight=5),
    _row("audit", audit, "What the last audit found, and whether one runs", m.AuditState),
    _row(
        "audit", start_audit, "Have the exchange audited, unless it is being already", m.AuditStarted,
        weight=50, method="POST", status=202,
    ),
    _row(
        "dead-letters", dead_letters, "Events that services could not take", m.DeadLetterList, weight=5,
        query=m.DeadLettersQuery,
    ),
    _row(
        "limits", limits, "Limits that are set; needs administration", m.SetByOperators, weight=5,
        query=m.SetQuery,
    ),
    _row(
        "kill-switches", kill_switches, "Kill switches, as they are; needs administration", m.SetByOperators,
        weight=5, query=m.SetQuery,
    ),
    _row(
        "kill-switch", throw, "Block orders of a scope and cancel what rests there; or take that back",
        m.SwitchThrown, method="POST", scope=Scope.ADMIN, body=m.ThrowSwitch,
    ),
)  # fmt: skip
"""Rows of the table of routes."""
