"""Messages of PostTradeService. Money in minor units, dates as yyyymmdd."""

from dataclasses import dataclass

from exchange.domain.enums import SettlementStatus, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The settlement of one side of a trade."""

    settlement_id: str = ""
    trade_id: str = ""
    symbol: str = ""
    side: Side | None = None
    status: SettlementStatus | None = None
    value_date: int = 0
    account: int = 0
    quantity: int = 0
    amount: int = 0
    currency: str = ""
    counterparty: str = ""
    reason: str = ""
    version: int = 0
    ts_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSettlementRequest:
    """Asks for the settlement of a trade."""

    trade_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettlementsRequest:
    """Asks for a page of settlements."""

    status: SettlementStatus | None = None
    from_date: int = 0
    until_date: int = 0
    limit: int = 0
    account: int = 0
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettlementsReply:
    """A page of settlements, by id."""

    settlements: tuple[Settlement, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettlementStatusRequest:
    """Moves a settlement on."""

    request_id: str = ""
    trade_id: str = ""
    status: SettlementStatus | None = None
    expected_version: int = 0
    reason: str = ""
