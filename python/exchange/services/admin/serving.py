"""AdminService and Operator: what each method does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from exchange.bus.rpc import serve_unary
from exchange.domain import contracts as rpc
from exchange.errors import ServiceUnavailableError
from exchange.runtime.outbox import go_on
from exchange.runtime.service_host import Ground
from exchange.services.admin.core_link import CoreLink
from exchange.services.admin.desk import RECORDS, Desk
from exchange.services.admin.markets import Markets
from exchange.services.admin.parties import Parties
from exchange.services.admin.registers import Registers


@asynccontextmanager
async def serve(ground: Ground) -> AsyncIterator[Mapping[str, Any]]:
    """The methods, for as long as the block lasts."""
    if ground.core is None:
        raise ServiceUnavailableError("admin has no way to the core")
    await asyncio.to_thread(go_on, ground.store, ground.event_log, ground.topics.full_name(RECORDS))
    core = CoreLink(ground.core, ground.policies.of("admin", "orders"))
    desk = Desk(ground, core)
    markets, parties, registers = Markets(desk), Parties(desk), Registers(desk)
    try:
        yield {
            **serve_unary(rpc.UPSERT_INSTRUMENT, markets.upsert),
            **serve_unary(rpc.LIST_INSTRUMENTS, markets.list_all),
            **serve_unary(rpc.SET_FEES, markets.set_fees),
            **serve_unary(rpc.SET_LIMITS, parties.set_limits),
            **serve_unary(rpc.GET_LIMITS, parties.get_limits),
            **serve_unary(rpc.OPEN_ACCOUNT, parties.open_account),
            **serve_unary(rpc.SET_KILL_SWITCH, parties.set_kill_switch),
            **serve_unary(rpc.UPSERT_TENANT, registers.upsert_tenant),
            **serve_unary(rpc.LIST_TENANTS, registers.list_tenants),
            **serve_unary(rpc.UPSERT_PROVIDER, registers.upsert_provider),
            **serve_unary(rpc.LIST_PROVIDERS, registers.list_providers),
            **serve_unary(rpc.UPSERT_FEE_SCHEDULE, registers.upsert_fee_schedule),
            **serve_unary(rpc.LIST_FEE_SCHEDULES, registers.list_fee_schedules),
            **serve_unary(rpc.EXPLAIN, registers.explain),
        }
    finally:
        await core.close()
