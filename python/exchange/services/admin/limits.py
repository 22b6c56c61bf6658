"""Limits as administrators keep them, and the sets that the core has."""

from __future__ import annotations

from typing import Any, Final

from exchange.domain.contracts.admin import LimitSet
from exchange.services.admin.changing import Body
from exchange.services.admin.store import Entity

_NS_A_S: Final = 1_000_000_000
_NAMES: Final = (
    ("order_qty_max", "max_order_qty"),
    ("notional_max", "max_order_notional"),
    ("position_max", "max_position"),
)


def limits_of(asked: LimitSet, entity: Entity | None) -> LimitSet:
    """What is set in a scope, and nothing of what it inherits."""
    body = {} if entity is None else entity.body
    return LimitSet(
        tenant_id=asked.tenant_id,
        account=asked.account,
        order_qty_max=body.get("max_order_qty"),
        notional_max=body.get("max_order_notional"),
        position_max=body.get("max_position"),
        orders_per_second_max=_per_second(body),
        version=0 if entity is None else entity.version,
    )


def keywords_of(wanted: LimitSet, before: Body) -> dict[str, Any]:
    """As `AdminRequests.set_limits` takes them: the four of a LimitSet anew, the others as they were."""
    found = dict(before)
    for said, name in _NAMES:
        value = getattr(wanted, said)
        found.pop(name, None)
        if value is not None:
            found[name] = value
    if wanted.orders_per_second_max != _per_second(before):
        for name in ("order_rate", "rate_interval"):
            found.pop(name, None)
        if wanted.orders_per_second_max is not None:
            found |= {"order_rate": wanted.orders_per_second_max, "rate_interval": _NS_A_S}
    return found


def _per_second(body: Body) -> int | None:
    """Of a rate over another interval, as many whole orders as are in a second of it."""
    if "order_rate" not in body:
        return None
    return int(body["order_rate"]) * _NS_A_S // int(body["rate_interval"])
