"""What an event says of which thing: a pure function of the event.

A body is what JSON has: numbers are ticks, lots, minor units or ns, as in the command; words are those of the
schema. Ids of limits and kill switches are scopes: `venue`, `account/11`, `account/11 instrument/7`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Final

from exchange.domain.enums import (
    AdminAction,
    DefinitionField,
    InstrumentAction,
    LimitField,
    Scope,
)
from exchange.domain.events import (
    ChangeRefused,
    Event,
    FeeScheduleSet,
    ProviderSet,
    TenantSet,
)
from exchange.domain.messages import AdminCommand, InstrumentCommand

Body = dict[str, Any]
VENUE: Final = "venue"
LIMITS: Final[Mapping[LimitField, tuple[str, ...]]] = {
    LimitField.ORDER_QTY: ("max_order_qty",),
    LimitField.ORDER_NOTIONAL: ("max_order_notional",),
    LimitField.OPEN_ORDERS: ("max_open_orders",),
    LimitField.POSITION: ("max_position",),
    LimitField.GROSS_NOTIONAL: ("max_gross_notional",),
    LimitField.NET_NOTIONAL: ("max_net_notional",),
    LimitField.DAILY_LOSS: ("max_daily_loss",),
    LimitField.COLLAR: ("price_collar",),
    LimitField.ORDER_RATE: ("order_rate", "rate_interval"),
    LimitField.DUPLICATE_WINDOW: ("duplicate_window",),
}
"""What a set of limits may have."""
DEFINITION: Final = (
    "symbol", "base", "quote", "instrument_kind", "fee_mode", "price_scale", "qty_scale", "phase",
    "maker_rate", "taker_rate", "tick_step", "lot_step", "min_price", "max_price", "max_qty", "max_notional",
    "max_parts", "max_pegs", "trigger_source", "stop_wrong_side", "band_mode",
)  # fmt: skip
OPTIONAL: Final[Mapping[DefinitionField, str]] = {
    DefinitionField.COLLAR: "collar",
    DefinitionField.STATIC_BAND: "static_band",
    DefinitionField.DYNAMIC_BAND: "dynamic_band",
    DefinitionField.REFERENCE: "reference",
}
"""What a definition may have."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a thing.

    Args:
        entity_type: Its kind.
        entity_id: Its id.
        says: What is said of it.
        who: Who changed it.
        keeps: What of it stays: all but what is said (None), or of all that was only this.
        why: Where the event itself says so.
        version: That the event gives it; None: the command's sequence.
        reject: Why nothing became of it; 0: it was carried out.
    """

    entity_type: str
    entity_id: str
    says: Body
    who: str
    keeps: tuple[str, ...] | None = None
    why: str = ""
    version: int | None = None
    reject: int = 0


def change_of(event: Event) -> Change:
    """What an event of `admin.changes` or `admin.records` changes, or would have changed.

    Raises:
        TypeError: It is none of these.
    """
    payload = event.payload
    if isinstance(payload, ChangeRefused):
        command = payload.command
        change = _RECORDS[type(command)](command)
        return Change(
            change.entity_type, change.entity_id, change.says, change.who, change.keeps, reject=payload.reject
        )
    found = _RECORDS.get(type(payload))
    if found is None:
        raise TypeError(f"{type(payload).__name__} is no change")
    return found(payload)


def scope_id(*, account: int = 0, instrument: int = 0, tenant: int = 0) -> str:
    """Of what a limit or a switch is."""
    parts = [("tenant", tenant), ("account", account), ("instrument", instrument)]
    return " ".join(f"{name}/{number}" for name, number in parts if number) or VENUE


def _instrument(command: InstrumentCommand) -> Change:
    of, about, kept = command.kind, str(command.instrument_id), None
    if of is InstrumentAction.DEFINE_ASSET:
        says = _body(command, ("symbol", "asset_scale"))
        return Change("Asset", str(command.asset), says, command.actor)
    if of is InstrumentAction.DEFINE_INSTRUMENT:
        given = tuple(name for flag, name in OPTIONAL.items() if flag in command.present)
        says, kept = _body(command, (*DEFINITION, *given)), ("shard",)
    elif of is InstrumentAction.SET_PHASE:
        says = _body(command, ("phase",))
    elif of is InstrumentAction.SET_REFERENCE:
        says = {"reference": command.price}
    else:
        says = _body(command, ("shard",))
    return Change("Instrument", about, says, command.actor, kept)


def _administration(command: AdminCommand) -> Change:
    entity, about, says = _ADMINISTRATION[command.kind](command)
    kept = () if command.kind is AdminAction.SET_LIMITS else None
    return Change(entity, about, says, command.actor, kept)


def _limits(command: AdminCommand) -> tuple[str, str, Body]:
    names = tuple(name for flag, some in LIMITS.items() if flag in command.present for name in some)
    about = scope_id(account=command.account, instrument=command.instrument_id)
    return "Limits", about, _body(command, names)


def _kill(command: AdminCommand) -> tuple[str, str, Body]:
    about = {
        Scope.TENANT: scope_id(tenant=command.tenant),
        Scope.ACCOUNT: scope_id(account=command.account),
        Scope.INSTRUMENT: scope_id(instrument=command.instrument_id),
    }
    where = VENUE if command.scope is None else about.get(command.scope, VENUE)
    return "KillSwitch", where, {"on": bool(command.flag)}


_ADMINISTRATION: Final[Mapping[AdminAction, Callable[[AdminCommand], tuple[str, str, Body]]]] = {
    AdminAction.OPEN_ACCOUNT: lambda of: ("Account", str(of.account), _body(of, ("tenant", "parent"))),
    AdminAction.SET_LIMITS: _limits,
    AdminAction.KILL: _kill,
    AdminAction.SET_COLLATERAL: lambda of: (
        "Asset",
        str(of.asset),
        _body(of, ("collateral_asset", "mark", "haircut")),
    ),
    AdminAction.SET_POLICY: lambda of: ("Policy", VENUE, {"policy": of.flag}),
    AdminAction.SET_STAGE: lambda of: (
        "Stage",
        f"shard/{of.shard}" if of.shard else "matching",
        {"away": bool(of.flag)},
    ),
    AdminAction.SET_SOLO: lambda of: ("Solo", VENUE, {"on": bool(of.flag)}),
    AdminAction.SET_SETTLEMENT: lambda of: ("SettlementMode", VENUE, {"by_service": bool(of.flag)}),
}


def _record(entity_type: str, key: str) -> Callable[[Any], Change]:
    def change(payload: TenantSet | ProviderSet | FeeScheduleSet) -> Change:
        body = asdict(payload.record)
        about, version = body.pop(key), body.pop("version")
        return Change(entity_type, about, body, payload.actor, (), payload.reason, version)

    return change


_RECORDS: Final[Mapping[type, Callable[[Any], Change]]] = {
    InstrumentCommand: _instrument,
    AdminCommand: _administration,
    TenantSet: _record("Tenant", "tenant_id"),
    ProviderSet: _record("Provider", "provider_id"),
    FeeScheduleSet: _record("FeeSchedule", "schedule_id"),
}


def _body(command: InstrumentCommand | AdminCommand, names: tuple[str, ...]) -> Body:
    found = {name: getattr(command, name) for name in names}
    return {name: str(value) if isinstance(value, Enum) else value for name, value in found.items()}
