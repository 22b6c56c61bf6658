"""What the core has no command of: tenants' names, liquidity providers, fee schedules, and reasons."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, TypeVar

from exchange.bus.rpc import Call
from exchange.domain.contracts.admin import (
    ExplainReply,
    ExplainRequest,
    FeeScheduleRecord,
    FeeTier,
    ListFeeSchedulesReply,
    ListFeeSchedulesRequest,
    ListProvidersReply,
    ListProvidersRequest,
    ListTenantsReply,
    ListTenantsRequest,
    ProviderRecord,
    TenantRecord,
    UpsertFeeScheduleRequest,
    UpsertProviderRequest,
    UpsertTenantRequest,
)
from exchange.domain.enums import Scope
from exchange.domain.events import FeeScheduleSet, ProviderSet, TenantSet
from exchange.errors import RpcError, RpcStatus
from exchange.services.admin.changing import scope_id
from exchange.services.admin.core_link import actor_of
from exchange.services.admin.desk import Desk, check_version
from exchange.services.admin.pages import page_of
from exchange.services.admin.parties import number_of
from exchange.services.admin.store import Entity, entities_of, entity_of
from exchange.storage.sql import Transaction

RecordT = TypeVar("RecordT", TenantRecord, ProviderRecord, FeeScheduleRecord)
_ID: Final = re.compile(r"[A-Za-z0-9._/-]{1,40}")
_NAME_BYTES_MAX: Final = 128
_SYMBOLS_MAX: Final = 1_000
_TIERS_MAX: Final = 32
_RATE_MAX: Final = 10**9
_UINT32_MAX: Final = 2**32 - 1


class Registers:
    """Tenants, providers and fee schedules, for a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def explain(self, request: ExplainRequest, call: Call) -> ExplainReply:
        """Writes down why commands are about to be sent.

        Raises:
            RpcError: INVALID_ARGUMENT, ALREADY_EXISTS.
        """
        await self._desk.explain(call, request.correlation_id, request.reason)
        return ExplainReply(correlation_id=request.correlation_id)

    async def upsert_tenant(self, request: UpsertTenantRequest, call: Call) -> TenantRecord:
        """Makes or changes one. One that is not active is killed: no new orders, and what rests is cancelled.

        Raises:
            RpcError: As the core's reject; ABORTED, INVALID_ARGUMENT.
        """
        wanted = request.tenant or TenantRecord()
        tenant = number_of("tenantId", wanted.tenant_id)
        if not 0 < tenant <= _UINT32_MAX:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, f"there can be no tenant {tenant}")
        _check_name(wanted.name)
        wanted = replace(wanted, tenant_id=str(tenant))
        async with self._desk.turn:
            there = await self._desk.see(lambda tx: entity_of(tx, "Tenant", wanted.tenant_id))
            check_version(wanted.version, there.version if there else 0)
            killed = await self._desk.see(lambda tx: _is_killed(tx, wanted.tenant_id))
            if killed is wanted.active:
                await self._desk.command(
                    call,
                    request.reason,
                    lambda of: (
                        lambda make: make.kill(
                            Scope.TENANT, on=not wanted.active, tenant=tenant, correlation_id=of
                        )
                    ),
                )
            return await self._set(call, wanted, there, request.reason, TenantSet, wanted.tenant_id)

    async def list_tenants(self, request: ListTenantsRequest, _: Call) -> ListTenantsReply:
        """A page of them, by id, with those of which only accounts are known."""

        def look(tx: Transaction) -> list[TenantRecord]:
            named = {each.entity_id: each for each in entities_of(tx, "Tenant")}
            every = {str(each.body["tenant"]) for each in entities_of(tx, "Account")} | set(named)
            return [_tenant(tx, each, named.get(each)) for each in every]

        tenants = await self._desk.see(look)
        found, more = page_of(tenants, lambda each: each.tenant_id, request.after, request.limit)
        return ListTenantsReply(tenants=found, more=more)

    async def upsert_provider(self, request: UpsertProviderRequest, call: Call) -> ProviderRecord:
        """Makes or changes a liquidity provider.

        Raises:
            RpcError: ABORTED, INVALID_ARGUMENT, NOT_FOUND.
        """
        wanted = request.provider or ProviderRecord()
        _check_id("providerId", wanted.provider_id)
        _check_name(wanted.name)
        if len(wanted.symbols) > _SYMBOLS_MAX:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, f"expected at most {_SYMBOLS_MAX} symbols")
        await self._desk.patiently(lambda: self._check_symbols(wanted.symbols))
        async with self._desk.turn:
            there = await self._desk.see(lambda tx: entity_of(tx, "Provider", wanted.provider_id))
            return await self._set(call, wanted, there, request.reason, ProviderSet, wanted.provider_id)

    async def list_providers(self, request: ListProvidersRequest, _: Call) -> ListProvidersReply:
        """A page of them, by id."""
        found, more = page_of(
            map(_provider, await self._desk.see(lambda tx: entities_of(tx, "Provider"))),
            lambda each: each.provider_id,
            request.after,
            request.limit,
        )
        return ListProvidersReply(providers=found, more=more)

    async def upsert_fee_schedule(self, request: UpsertFeeScheduleRequest, call: Call) -> FeeScheduleRecord:
        """Makes or changes a fee schedule.

        Raises:
            RpcError: ABORTED, INVALID_ARGUMENT.
        """
        wanted = request.schedule or FeeScheduleRecord()
        _check_id("scheduleId", wanted.schedule_id, "/")  # a symbol may have one
        _check_name(wanted.name)
        _check_tiers(wanted.tiers)
        async with self._desk.turn:
            there = await self._desk.see(lambda tx: entity_of(tx, "FeeSchedule", wanted.schedule_id))
            return await self._set(call, wanted, there, request.reason, FeeScheduleSet, wanted.schedule_id)

    async def list_fee_schedules(self, request: ListFeeSchedulesRequest, _: Call) -> ListFeeSchedulesReply:
        """A page of them, by id."""
        found, more = page_of(
            map(_schedule, await self._desk.see(lambda tx: entities_of(tx, "FeeSchedule"))),
            lambda each: each.schedule_id,
            request.after,
            request.limit,
        )
        return ListFeeSchedulesReply(schedules=found, more=more)

    async def _check_symbols(self, symbols: tuple[str, ...]) -> None:
        instruments = await self._desk.see(lambda tx: entities_of(tx, "Instrument"))
        known = {each.body.get("symbol") for each in instruments}
        if unknown := next((each for each in symbols if each not in known), None):
            raise RpcError(RpcStatus.NOT_FOUND, f"there is no instrument {unknown!r}")

    async def _set(
        self,
        call: Call,
        wanted: RecordT,
        there: Entity | None,
        reason: str,
        payload: Callable[..., Any],
        about: str,
    ) -> RecordT:
        before = there.version if there else 0
        check_version(wanted.version, before)
        record = replace(wanted, version=before + 1)
        made = payload(record=record, actor=actor_of(call.metadata.user_id), reason=reason)
        await self._desk.record(call, type(made).__name__, about, made)
        return record


def _tenant(tx: Transaction, tenant_id: str, there: Entity | None) -> TenantRecord:
    active = (there is None or there.body["active"]) and not _is_killed(tx, tenant_id)
    if there is None:
        return TenantRecord(tenant_id=tenant_id, active=active)
    return TenantRecord(tenant_id=tenant_id, name=there.body["name"], active=active, version=there.version)


def _is_killed(tx: Transaction, tenant_id: str) -> bool:
    switch = entity_of(tx, "KillSwitch", scope_id(tenant=int(tenant_id)))
    return switch is not None and bool(switch.body["on"])


def _provider(entity: Entity) -> ProviderRecord:
    body = {**entity.body, "symbols": tuple(entity.body["symbols"])}
    return ProviderRecord(provider_id=entity.entity_id, version=entity.version, **body)


def _schedule(entity: Entity) -> FeeScheduleRecord:
    tiers = tuple(FeeTier(**tier) for tier in entity.body["tiers"])
    return FeeScheduleRecord(
        schedule_id=entity.entity_id, name=entity.body["name"], tiers=tiers, version=entity.version
    )


def _check_id(name: str, text: str, also: str = "") -> None:
    if not _ID.fullmatch(text) or ("/" in text and not also):
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT,
            f"{name} is {text!r}: expected 1 to 40 of A-Z a-z 0-9 . _ - {also}".rstrip(),
        )


def _check_name(name: str) -> None:
    if len(name.encode("utf-8", "surrogatepass")) > _NAME_BYTES_MAX or not name.isprintable():
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT, f"a name is up to {_NAME_BYTES_MAX} bytes of printable text"
        )


def _check_tiers(tiers: tuple[FeeTier, ...]) -> None:
    """The core's own bounds of rates, whichever tiers two that trade with each other are in."""
    if not 0 < len(tiers) <= _TIERS_MAX or tiers[0].volume_min != 0:
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT, f"expected 1 to {_TIERS_MAX} tiers, the first from volume 0 on"
        )
    if any(after.volume_min <= before.volume_min for before, after in pairwise(tiers)):
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "each tier begins at more volume than the one before")
    for tier in tiers:
        right = abs(tier.maker_rate) <= _RATE_MAX and 0 <= tier.taker_rate <= _RATE_MAX
        if not right:
            raise RpcError(
                RpcStatus.INVALID_ARGUMENT,
                f"rates {tier.maker_rate} and {tier.taker_rate}: expected -1e9 to 1e9, and 0 to 1e9",
            )
    most, least = -min(each.maker_rate for each in tiers), min(each.taker_rate for each in tiers)
    if most > least:
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT, f"a maker would get {most} of what a taker pays at least {least} of"
        )
