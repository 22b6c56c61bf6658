"""Questions and requests to the admin service: what there is, and who changed it when and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final, TypeVar

from exchange.client.questions import Asker, Query, pages
from exchange.domain import contracts as rpc
from exchange.domain import queries as q
from exchange.domain.contracts import admin as a
from exchange.domain.enums import FeeMode
from exchange.domain.method import Unary

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
RowT = TypeVar("RowT")

WHY: Final[ContextVar[str]] = ContextVar("exchange_why", default="")
"""Why the commands that are sent now are sent; see `because`."""


@contextmanager
def because(why: str) -> Iterator[None]:
    """Commands of operators that are sent within are explained: the admin service writes down why, first."""
    token = WHY.set(why)
    try:
        yield
    finally:
        WHY.reset(token)


class Administering:
    """Makes questions and requests to the admin service; nothing is sent. `why` is for its history."""

    def changes(
        self,
        *,
        entity_type: str = "",
        entity_id: str = "",
        who: str = "",
        correlation_id: str = "",
        refused: bool = False,
        from_ns: int = 0,
        to_ns: int = 0,
        oldest_first: bool = False,
        after: str = "",
        most: int | None = 100,
        min_seq: int = 0,
    ) -> Query[tuple[q.AdminChangeRow, ...]]:
        """What administrators changed, the newest first.

        Args:
            entity_type: Only of such things: Instrument, Account, Limits, KillSwitch, Tenant, ….
            entity_id: Only of this one.
            who: Only what this one changed.
            correlation_id: Only what was asked by this.
            refused: Only what was refused.
            from_ns: At that time or later, ns.
            to_ns: Before that, ns; 0 is now.
            oldest_first: The other way round.
            after: The `change_id` of the last row that is known already.
            most: How many at most; None is all.
            min_seq: The journal sequence of a command that the reply must have seen.
        """
        request = q.AdminChangesRequest(
            entity_type=entity_type,
            entity_id=entity_id,
            who=who,
            correlation_id=correlation_id,
            refused=refused,
            from_ns=from_ns,
            to_ns=to_ns,
            oldest_first=oldest_first,
            after=after,
            limit=most or 0,
        )
        return pages(
            request,
            q.AdminChangesReply,
            lambda reply: reply.changes,
            lambda row: row.change_id,
            min_seq,
            most,
        )

    def instruments(self, *, only_active: bool = False) -> Query[tuple[a.InstrumentRecord, ...]]:
        """All instruments, by symbol; `only_active`: that are not closed."""
        request = a.ListInstrumentsRequest(only_active=only_active)
        return _all(rpc.LIST_INSTRUMENTS, request, lambda r: r.instruments, lambda row: row.symbol)

    def tenants(self) -> Query[tuple[a.TenantRecord, ...]]:
        """All tenants, by id."""
        request = a.ListTenantsRequest()
        return _all(rpc.LIST_TENANTS, request, lambda r: r.tenants, lambda row: row.tenant_id)

    def providers(self) -> Query[tuple[a.ProviderRecord, ...]]:
        """All liquidity providers, by id."""
        request = a.ListProvidersRequest()
        return _all(rpc.LIST_PROVIDERS, request, lambda r: r.providers, lambda row: row.provider_id)

    def fee_schedules(self) -> Query[tuple[a.FeeScheduleRecord, ...]]:
        """All fee schedules, by id."""
        request = a.ListFeeSchedulesRequest()
        return _all(rpc.LIST_FEE_SCHEDULES, request, lambda r: r.schedules, lambda row: row.schedule_id)

    def limits(self, account: int = 0) -> Query[a.LimitSet]:
        """What is set for an account in all instruments, or for the venue (0); nothing that is inherited."""
        return _one(rpc.GET_LIMITS, a.GetLimitsRequest(account=account))

    def upsert_instrument(self, record: a.InstrumentRecord, *, why: str = "") -> Query[a.InstrumentRecord]:
        """Define an instrument, or change what is said of it."""
        return _one(rpc.UPSERT_INSTRUMENT, a.UpsertInstrumentRequest(instrument=record, reason=_why(why)))

    def upsert_tenant(self, record: a.TenantRecord, *, why: str = "") -> Query[a.TenantRecord]:
        """Make or change a tenant; one that is not active is killed."""
        return _one(rpc.UPSERT_TENANT, a.UpsertTenantRequest(tenant=record, reason=_why(why)))

    def upsert_provider(self, record: a.ProviderRecord, *, why: str = "") -> Query[a.ProviderRecord]:
        """Make or change a liquidity provider."""
        return _one(rpc.UPSERT_PROVIDER, a.UpsertProviderRequest(provider=record, reason=_why(why)))

    def upsert_fee_schedule(
        self, record: a.FeeScheduleRecord, *, why: str = ""
    ) -> Query[a.FeeScheduleRecord]:
        """Make or change a fee schedule."""
        return _one(rpc.UPSERT_FEE_SCHEDULE, a.UpsertFeeScheduleRequest(schedule=record, reason=_why(why)))

    def set_fees(
        self,
        symbol: str,
        *,
        maker_rate: int,
        taker_rate: int,
        fee_mode: FeeMode | str | None = None,
        version: int = 0,
        why: str = "",
    ) -> Query[a.InstrumentFees]:
        """Have the core charge otherwise; refused while an order of the instrument lives.

        Args:
            symbol: Of the instrument.
            maker_rate: In 1e-9 of the notional; negative is a rebate.
            taker_rate: Likewise, never negative.
            fee_mode: Which asset fees are taken in; None: as before.
            version: Of the instrument that was looked at; 0 is any.
            why: For the history.
        """
        fees = a.InstrumentFees(
            symbol=symbol,
            fee_mode=FeeMode[fee_mode.upper()] if isinstance(fee_mode, str) else fee_mode,
            maker_rate=maker_rate,
            taker_rate=taker_rate,
            version=version,
        )
        return _one(rpc.SET_FEES, a.SetFeesRequest(fees=fees, reason=_why(why)))

    def explain(self, correlation_id: str, why: str) -> Query[a.ExplainReply]:
        """Say why commands of a correlation id are about to be sent; `because` does it for each."""
        return _one(rpc.EXPLAIN, a.ExplainRequest(correlation_id=correlation_id, reason=why))


def _why(why: str) -> str:
    return why or WHY.get()


def _one(method: Unary[RequestT, ReplyT], request: RequestT) -> Query[ReplyT]:
    async def run(asker: Asker, timeout_ms: int | None) -> ReplyT:
        return await asker.call(method, request, timeout_ms)

    return Query(run)


def _all(
    method: Unary[Any, Any], request: Any, rows: Callable[[Any], tuple[RowT, ...]], key: Callable[[RowT], str]
) -> Query[tuple[RowT, ...]]:
    """All rows of all pages."""

    async def run(asker: Asker, timeout_ms: int | None) -> tuple[RowT, ...]:
        found: list[RowT] = []
        asked = request
        while True:
            reply = await asker.call(method, asked, timeout_ms)
            found.extend(rows(reply))
            if not reply.more:
                return tuple(found)
            asked = replace(asked, after=key(found[-1]))

    return Query(run)
