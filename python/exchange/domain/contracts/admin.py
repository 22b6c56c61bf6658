"""Messages of AdminService. An upsert that names a version is refused where another was meanwhile."""

from dataclasses import dataclass

from exchange.domain.enums import InstrumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRecord:
    """An instrument as an administrator keeps it."""

    symbol: str = ""
    instrument_id: int = 0
    kind: InstrumentKind | None = None
    active: bool = False
    base_asset: str = ""
    quote_asset: str = ""
    tick_size: str = ""
    lot_size: str = ""
    min_qty: int = 0
    max_qty: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertInstrumentRequest:
    """Makes or changes an instrument."""

    instrument: InstrumentRecord | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstrumentsRequest:
    """Asks for a page of instruments."""

    after: str = ""
    limit: int = 0
    only_active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstrumentsReply:
    """A page of instruments, by symbol."""

    instruments: tuple[InstrumentRecord, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRecord:
    """A tenant."""

    tenant_id: str = ""
    name: str = ""
    active: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertTenantRequest:
    """Makes or changes a tenant."""

    tenant: TenantRecord | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTenantsRequest:
    """Asks for a page of tenants."""

    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTenantsReply:
    """A page of tenants, by id."""

    tenants: tuple[TenantRecord, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSet:
    """Limits of a tenant, or of one user or account of it; what is None is inherited."""

    tenant_id: str = ""
    user_id: str = ""
    account: int = 0
    order_qty_max: int | None = None
    notional_max: int | None = None
    position_max: int | None = None
    orders_per_second_max: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimitsRequest:
    """Sets limits."""

    limits: LimitSet | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLimitsRequest:
    """Asks for the limits that are set."""

    tenant_id: str = ""
    user_id: str = ""
    account: int = 0
