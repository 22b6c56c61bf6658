"""The catalogue: every event that there is, in one table. What is not in it cannot be published.

Whom an event is for, and by what it is keyed, is its topic's (`exchange.bus.topics`). Append only: a new
meaning is a new version, which stands beside the old one until that one's sunset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.domain.contracts.marketdata import MarketTick
from exchange.domain.enums import AdminAction, ExecType, InstrumentAction
from exchange.domain.events.envelope import Entity, Event
from exchange.domain.events.payloads import (
    ChangeExplained,
    ChangeRefused,
    DeadLetter,
    FeeScheduleSet,
    IdentityChanged,
    MarketDataUpdated,
    OrderBookUpdated,
    ProviderSet,
    TenantSet,
    TradeExecuted,
    TradeSettled,
)
from exchange.domain.messages import AdminCommand, Answer, ExecutionReport, InstrumentCommand
from exchange.errors import LogFault, LogRefused

TEXT_BYTES_MAX: Final = 128
"""Of each text among the ten fields."""
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class EventType:
    """One row.

    Args:
        name: `eventType`.
        version: `eventVersion`.
        payload: The message, whose schema is the struct of the same name.
        topic: `domain.stream` of the topic that it is published to.
        entity: `entityType`.
        producers: The services that publish it.
        meaning: One sentence.
        sunset: The day, as YYYY-MM-DD, from which on it may not be published any more; None: not withdrawn.
    """

    name: str
    version: int
    payload: type
    topic: str
    entity: str
    producers: tuple[str, ...]
    meaning: str
    sunset: str | None = None


_LIFECYCLE: Final = "orders.lifecycle"
_TRADES: Final = "execution.trades"
_CHANGES: Final = "admin.changes"
_RECORDS: Final = "admin.records"
_IDENTITY: Final = "identity.changes"
DEAD_LETTERS: Final = "dlq"
"""Of the topic of a dead letter: the consumer's service follows, `dlq.settlement`."""
ANY_SERVICE: Final = "*"
EVERY_TENANT: Final = "*"
"""Of events that are about several tenants."""
TRADES_STREAM: Final = 2
"""Of `execution.trades`: the matching service's, numbered as trades are."""


def _order(name: str, meaning: str) -> EventType:
    return EventType(name, 1, ExecutionReport, _LIFECYCLE, "Order", ("orders",), meaning)


# What became of an order, by ExecType.
ORDER_EVENTS: Final[dict[ExecType, EventType]] = {
    ExecType.ACCEPTED: _order("OrderPlaced", "An order was accepted."),
    ExecType.REJECTED: _order("OrderRejected", "An order was refused, and why."),
    ExecType.TRADE: _order("OrderFilled", "An order met another, in part or whole: one side's view."),
    ExecType.CANCELED: _order("OrderCancelled", "An order, or what was left of it, was cancelled."),
    ExecType.EXPIRED: _order("OrderExpired", "The time of an order was over."),
    ExecType.REPLACED: _order("OrderReplaced", "An order has another price or quantity."),
    ExecType.TRIGGERED: _order("OrderTriggered", "A stop was triggered."),
    ExecType.RESTATED: _order("OrderRestated", "An order was repriced, or self-trade prevention cut it."),
    ExecType.CANCEL_REJECTED: _order("OrderCancelRejected", "A cancel or replace was refused."),
    ExecType.DONE: _order("OrdersMassCancelled", "A mass cancel was carried out."),
}
COMMAND_ANSWERED: Final = EventType(
    "CommandAnswered",
    1,
    Answer,
    _LIFECYCLE,
    "Command",
    ("orders",),
    "A command of the ledger, instruments or administration was carried out or refused.",
)
TRADE_EXECUTED: Final = EventType(
    "TradeExecuted", 1, TradeExecuted, _TRADES, "Trade", ("matching",), "Two orders met."
)
TRADE_SETTLED: Final = EventType(
    "TradeSettled",
    1,
    TradeSettled,
    "posttrade.settlement",
    "Trade",
    ("settlement",),
    "Money, goods and fees of a trade have changed hands.",
)


def _market(name: str, payload: type, topic: str, meaning: str) -> EventType:
    return EventType(name, 1, payload, f"marketdata.{topic}", "Instrument", ("marketdata",), meaning)


PRICE_TICK_RECEIVED: Final = _market(
    "PriceTickReceived",
    MarketTick,
    "ticks",
    "The last trade of an instrument, or its best bid or ask, is another.",
)
ORDER_BOOK_UPDATED: Final = _market(
    "OrderBookUpdated", OrderBookUpdated, "books", "The ten best levels of a book are others."
)
MARKET_DATA_UPDATED: Final = _market(
    "MarketDataUpdated", MarketDataUpdated, "bars", "A candle of a minute began, or has more trades."
)
DEAD_LETTER: Final = EventType(
    "DeadLetter",
    1,
    DeadLetter,
    DEAD_LETTERS,
    "DeadLetter",
    (ANY_SERVICE,),
    "A consumer could not take an event; the event itself is within.",
)


def _change(name: str, payload: type, entity: str, meaning: str) -> EventType:
    return EventType(name, 1, payload, _CHANGES, entity, ("admin",), meaning)


# What an administrator changed, by what was wished; the payload is the command that was carried out.
INSTRUMENT_EVENTS: Final[dict[InstrumentAction, EventType]] = {
    InstrumentAction.DEFINE_ASSET: _change(
        "AssetDefined", InstrumentCommand, "Asset", "An asset is there, or is defined anew."
    ),
    InstrumentAction.DEFINE_INSTRUMENT: _change(
        "InstrumentDefined", InstrumentCommand, "Instrument", "An instrument is there, or is defined anew."
    ),
    InstrumentAction.SET_PHASE: _change(
        "PhaseSet", InstrumentCommand, "Instrument", "An instrument is traded otherwise, or not."
    ),
    InstrumentAction.ASSIGN_SHARD: _change(
        "ShardAssigned", InstrumentCommand, "Instrument", "An instrument is matched elsewhere."
    ),
    InstrumentAction.SET_REFERENCE: _change(
        "ReferenceSet", InstrumentCommand, "Reference", "Collars and bands are measured from another price."
    ),
}
ADMIN_EVENTS: Final[dict[AdminAction, EventType]] = {
    AdminAction.OPEN_ACCOUNT: _change("AccountOpened", AdminCommand, "Account", "An account is there."),
    AdminAction.SET_LIMITS: _change(
        "LimitsSet", AdminCommand, "Limits", "Other limits bind the venue, a tenant, account or instrument."
    ),
    AdminAction.KILL: _change(
        "KillSwitchSet", AdminCommand, "KillSwitch", "A kill switch was thrown, or taken back."
    ),
    AdminAction.SET_COLLATERAL: _change(
        "CollateralSet", AdminCommand, "Asset", "An asset counts otherwise as collateral."
    ),
    AdminAction.SET_SETTLEMENT: _change(
        "SettlementModeSet", AdminCommand, "SettlementMode", "Trades are posted by a service, or at once."
    ),
    AdminAction.SET_POLICY: _change("PolicySet", AdminCommand, "Policy", "Orders meet other checks."),
    AdminAction.SET_STAGE: _change("StageSet", AdminCommand, "Stage", "A matching stage is away, or back."),
    AdminAction.SET_SOLO: _change(
        "SoloSet", AdminCommand, "Solo", "Answers do not wait for a standby, or do again."
    ),
}
CHANGE_REFUSED: Final = _change(
    "ChangeRefused", ChangeRefused, "Refusal", "What an administrator wished was refused; nothing changed."
)


def _record(name: str, payload: type, entity: str, meaning: str) -> EventType:
    return EventType(name, 1, payload, _RECORDS, entity, ("admin",), meaning)


# What the admin service keeps itself, as the core has no command of it.
CHANGE_EXPLAINED: Final = _record(
    "ChangeExplained", ChangeExplained, "Reason", "Why the commands of a correlation id are sent."
)
TENANT_SET: Final = _record("TenantSet", TenantSet, "Tenant", "A tenant is there, or is another.")
PROVIDER_SET: Final = _record(
    "ProviderSet", ProviderSet, "Provider", "A liquidity provider is there, or is another."
)
FEE_SCHEDULE_SET: Final = _record(
    "FeeScheduleSet", FeeScheduleSet, "FeeSchedule", "A fee schedule is there, or is another."
)


def _identity(name: str, entity: str, meaning: str) -> EventType:
    return EventType(name, 1, IdentityChanged, _IDENTITY, entity, ("identity",), meaning)


# Who may come in, as the identity service keeps it.
IDENTITY_EVENTS: Final[tuple[EventType, ...]] = (
    _identity("UserCreated", "User", "A user is there."),
    _identity("UserRolesSet", "User", "A user has other roles, or other accounts."),
    _identity("UserDisabled", "User", "A user may do nothing more: sessions and keys are revoked."),
    _identity("PasswordChanged", "User", "A user has another password: sessions are revoked."),
    _identity("SessionOpened", "Session", "A user signed in."),
    _identity("SessionRevoked", "Session", "A session was ended before its time."),
    _identity("ApiKeyCreated", "ApiKey", "A key of a program is there; also in the place of another."),
    _identity("ApiKeyRevoked", "ApiKey", "A key of a program counts no more."),
    _identity("SigningKeyCreated", "SigningKey", "Tokens are signed by another key."),
    _identity("SigningKeyRevoked", "SigningKey", "What a key has signed counts no more."),
)

CATALOGUE: Final[tuple[EventType, ...]] = (
    *ORDER_EVENTS.values(),
    COMMAND_ANSWERED,
    TRADE_EXECUTED,
    TRADE_SETTLED,
    PRICE_TICK_RECEIVED,
    ORDER_BOOK_UPDATED,
    MARKET_DATA_UPDATED,
    DEAD_LETTER,
    *INSTRUMENT_EVENTS.values(),
    *ADMIN_EVENTS.values(),
    CHANGE_REFUSED,
    CHANGE_EXPLAINED,
    TENANT_SET,
    PROVIDER_SET,
    FEE_SCHEDULE_SET,
    *IDENTITY_EVENTS,
)


def find_event_type(name: str, version: int) -> EventType:
    """The row of an event.

    Raises:
        LogRefused: UNKNOWN_EVENT.
    """
    row = _BY_NAME.get((name, version))
    if row is None:
        raise LogRefused(LogFault.UNKNOWN_EVENT, f"the catalogue has no {name} of version {version}")
    return row


def check_event(event: Event, topic: str) -> EventType:
    """The row of an event that is about to be published to a topic (`domain.stream`).

    Raises:
        LogRefused: UNKNOWN_EVENT, WRONG_PRODUCER, SUNSET, BAD_EVENT.
    """
    row = find_event_type(event.event_type, event.event_version)
    if event.producer not in row.producers and row.producers != (ANY_SERVICE,):
        raise LogRefused(
            LogFault.WRONG_PRODUCER,
            f"{row.name} is published by {' and '.join(row.producers)}, not by {event.producer or 'nobody'}",
        )
    if row.sunset is not None and event.occurred_at >= _start_of(row.sunset):
        raise LogRefused(LogFault.SUNSET, f"{row.name} of version {row.version} ended on {row.sunset}")
    if topic != row.topic and not (row is DEAD_LETTER and topic.startswith(f"{DEAD_LETTERS}.")):
        raise LogRefused(LogFault.BAD_EVENT, f"{row.name} belongs to {row.topic}, not to {topic}")
    _check_fields(event, row)
    return row


def _check_fields(event: Event, row: EventType) -> None:
    if type(event.payload) is not row.payload:
        found = type(event.payload).__name__
        raise LogRefused(
            LogFault.BAD_EVENT, f"the payload of {row.name} is {row.payload.__name__}, not {found}"
        )
    if event.entity.entity_type != row.entity and row is not DEAD_LETTER:
        raise LogRefused(
            LogFault.BAD_EVENT, f"{row.name} is about {row.entity}, not {event.entity.entity_type}"
        )
    for name, text in _texts(event, event.entity):
        if not 0 < len(text.encode("utf-8", "surrogatepass")) <= TEXT_BYTES_MAX or not text.isprintable():
            raise LogRefused(
                LogFault.BAD_EVENT,
                f"{name} of {row.name} has to be 1 to {TEXT_BYTES_MAX} bytes of printable text",
            )
    if event.entity.sequence < 1 or event.occurred_at < 0:
        raise LogRefused(LogFault.BAD_EVENT, f"{row.name} lacks a time or a sequence of its entity")


def _texts(event: Event, entity: Entity) -> tuple[tuple[str, str], ...]:
    return (
        ("eventId", event.event_id),
        ("tenantId", event.tenant_id),
        ("correlationId", event.correlation_id),
        ("causationId", event.causation_id),
        ("entityType", entity.entity_type),
        ("entityId", entity.entity_id),
    )


def _start_of(day: str) -> int:
    """When a day starts, ns since 1970: the civil calendar from March on, so that leap days come last."""
    year, month, date = (int(part) for part in day.split("-"))
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + date - 1
    return (era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468) * _DAY_NS


_BY_NAME: Final = {(row.name, row.version): row for row in CATALOGUE}
