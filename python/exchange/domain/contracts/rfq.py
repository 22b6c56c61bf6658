"""Messages of RFQService. Prices are ticks, quantities lots, times ns; `request_id` names a wish."""

from dataclasses import dataclass

from exchange.domain.enums import QuoteAction, QuoteNotice, RfqStatus, RfqUpdateKind, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class RfqQuote:
    """A liquidity provider's quote."""

    quote_id: str = ""
    rfq_id: str = ""
    liquidity_provider: str = ""
    bid_price: int | None = None
    ask_price: int | None = None
    quote_qty: int = 0
    valid_until_ns: int = 0
    received_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RfqState:
    """A request for quote as it is now."""

    rfq_id: str = ""
    symbol: str = ""
    side: Side | None = None
    status: RfqStatus | None = None
    account: int = 0
    order_qty: int = 0
    created_ns: int = 0
    expires_ns: int = 0
    quotes: tuple[RfqQuote, ...] = ()
    accepted_quote_id: str = ""
    trade_id: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRfqRequest:
    """Asks providers for quotes."""

    request_id: str = ""
    symbol: str = ""
    side: Side | None = None
    account: int = 0
    order_qty: int = 0
    time_to_live_ms: int = 0
    liquidity_providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRfqRequest:
    """Asks for a request for quote."""

    rfq_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptQuoteRequest:
    """Takes a quote."""

    request_id: str = ""
    rfq_id: str = ""
    quote_id: str = ""
    side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptQuoteReply:
    """What became of it."""

    rfq: RfqState | None = None
    trade_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRfqRequest:
    """Withdraws a request for quote."""

    request_id: str = ""
    rfq_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRfqRequest:
    """Asks for every change of a request for quote."""

    rfq_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RfqUpdate:
    """One change of a request for quote."""

    kind: RfqUpdateKind | None = None
    ts_ns: int = 0
    rfq: RfqState | None = None
    quote: RfqQuote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderQuote:
    """What a liquidity provider sends."""

    action: QuoteAction | None = None
    quote: RfqQuote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNotice:
    """What a liquidity provider is sent."""

    notice: QuoteNotice | None = None
    rfq: RfqState | None = None
    quote_id: str = ""
    reason: str = ""
