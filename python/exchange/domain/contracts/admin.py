"""Messages of AdminService and Operator. An upsert that names a version is refused where another was."""

from dataclasses import dataclass

from exchange.domain.enums import FeeMode, InstrumentKind, Scope


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """A liquidity provider; without symbols it quotes all."""

    provider_id: str = ""
    name: str = ""
    active: bool = False
    symbols: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertProviderRequest:
    """Makes or changes a liquidity provider."""

    provider: ProviderRecord | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProvidersRequest:
    """Asks for a page of liquidity providers."""

    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProvidersReply:
    """A page of liquidity providers, by id."""

    providers: tuple[ProviderRecord, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTier:
    """What is charged from a volume of 30 days on, in minor units of quote; rates in 1e-9 of the notional."""

    volume_min: int = 0
    maker_rate: int = 0
    taker_rate: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeScheduleRecord:
    """Tiers by volume, the first from 0 on."""

    schedule_id: str = ""
    name: str = ""
    tiers: tuple[FeeTier, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertFeeScheduleRequest:
    """Makes or changes a fee schedule."""

    schedule: FeeScheduleRecord | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFeeSchedulesRequest:
    """Asks for a page of fee schedules."""

    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFeeSchedulesReply:
    """A page of fee schedules, by id."""

    schedules: tuple[FeeScheduleRecord, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFees:
    """What the core charges for trades of an instrument; rates in 1e-9 of the notional."""

    symbol: str = ""
    fee_mode: FeeMode | None = None
    maker_rate: int = 0
    taker_rate: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeesRequest:
    """Has the core charge otherwise; refused while an order of the instrument lives."""

    fees: InstrumentFees | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account; `parent` is that of a sub-account, else 0."""

    account: int = 0
    tenant_id: str = ""
    parent: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccountRequest:
    """Opens an account; the same again is done again."""

    record: AccountRecord | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """Blocks new orders and cancels what rests, while it is on; of the venue it has no target."""

    scope: Scope | None = None
    target: str = ""
    on: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKillSwitchRequest:
    """Throws a kill switch, or takes it back."""

    kill_switch: KillSwitch | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """Says why, before the commands of this correlation id are sent."""

    correlation_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainReply:
    """It is written down."""

    correlation_id: str = ""
