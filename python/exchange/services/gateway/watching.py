"""What is not well at the exchange and since when, and its audit: for those who run it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

from exchange.client.rest import operator as m
from exchange.domain.enums import SettlementStatus
from exchange.errors import ExchangeError, GatewayFault
from exchange.observability.health import health_of
from exchange.runtime.last_audit import KeptAudit
from exchange.services.gateway.alerts import Seen, alerts_of
from exchange.services.gateway.calls import Answer, Call, Exchange
from exchange.services.gateway.known import instant
from exchange.services.gateway.machine import Machine
from exchange.services.gateway.refusal import Refusal

_WATCH_S: Final = 5.0
_LETTERS_MAX: Final = 1_000


async def alerts(call: Call) -> Answer:
    """GET /v1/operator/alerts."""
    machine_of(call)
    return Answer(m.Alerts(alerts=await _alerts(call.exchange)))


async def keep_watch(exchange: Exchange) -> None:
    """Looks at what is not well where operators may look, so that it is known since when."""
    while exchange.machine.settings.gateway.operator_tenant:
        with contextlib.suppress(ExchangeError, Refusal):
            await _alerts(exchange)
        await asyncio.sleep(_WATCH_S)
    await asyncio.Event().wait()


async def audit(call: Call) -> Answer:
    """GET /v1/operator/audit."""
    running, kept = await machine_of(call).audit.look()
    return Answer(m.AuditState(running=running, last=None if kept is None else _audit(kept)))


async def start_audit(call: Call) -> Answer:
    """POST /v1/operator/audit."""
    return Answer(m.AuditStarted(started=await machine_of(call).audit.start(call.owner.name)), 202)


def machine_of(call: Call) -> Machine:
    """What there is to see, for who may: it is of all tenants.

    Raises:
        Refusal: SCOPE_MISSING: the venue is run by another tenant's users, or by nobody over HTTP.
    """
    machine = call.exchange.machine
    if call.owner.tenant != machine.settings.gateway.operator_tenant:
        raise Refusal(
            GatewayFault.SCOPE_MISSING,
            "The venue is run by users of another tenant: see gateway.operator_tenant.",
            {"needs": "operate"},
        )
    return machine


async def _alerts(exchange: Exchange) -> list[m.Alert]:
    machine, now_ns = exchange.machine, time.time_ns()
    stretch = await machine.statistics()
    stats = None if stretch is None else stretch.after
    _, last = await machine.audit.look()
    seen = Seen(
        await machine.processes(),
        health_of(stats, now_ns),
        stats,
        [letter.failed_at for _, letter in await machine.letters(_LETTERS_MAX)],
        last,
        await _unsettled_since(exchange),
        now_ns,
    )
    return machine.since.told(alerts_of(seen), now_ns)


async def _unsettled_since(exchange: Exchange) -> int | None:
    """When the oldest trade was made that waits for settlement; None: none does, or nobody can say."""
    if not exchange.machine.settings.settlement.enabled:
        return None
    with contextlib.suppress(ExchangeError, Refusal):  # who is away is told as a process
        client = (await exchange.upstream.trader(0)).client
        waiting = client.query.settlements(status=SettlementStatus.PENDING, oldest_first=True, most=1)
        return next((row.traded_at for row in await waiting), None)
    return None


def _audit(kept: KeptAudit) -> m.LastAudit:
    body = kept.body
    return m.LastAudit(
        began_at=instant(kept.began_ns),
        seconds=kept.seconds,
        who=kept.who,
        good=kept.good,
        error=kept.error,
        commands=body.get("commands", 0),
        trades=body.get("trades", 0),
        state_hash=body.get("state_hash", ""),
        checks=[m.AuditCheck(**check) for check in body.get("checks", ())],
    )
