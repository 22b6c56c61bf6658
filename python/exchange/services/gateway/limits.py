"""Budgets: the generic cell rate algorithm (GCRA), one integer a budget and no timer."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.config.settings import Gateway
from exchange.errors import GatewayFault
from exchange.services.gateway.refusal import Refusal

_NS: Final = 1_000_000_000
_BUDGETS_MAX: Final = 65_536
_IPV6_PREFIX: Final = 64


class Left(NamedTuple):
    """What is left of a budget: weight that may be spent at once, and seconds until it is full again."""

    limit: int
    remaining: int
    reset_s: int


class Budgets:
    """A budget for each name. Of one event loop.

    Args:
        per_s: Weight that comes back a second.
        burst: Weight at once.
    """

    def __init__(self, per_s: int, burst: int) -> None:
        self.burst = burst
        self._cost_ns = _NS // per_s
        self._full_ns = burst * self._cost_ns
        self._arrivals: dict[str, int] = {}  # the time at which each budget is full again

    def used_ns(self, name: str, weight: int, now_ns: int) -> int:
        """What of a budget is spent, if so much is spent now; as the time until it is full again."""
        arrival = self._arrivals.get(name, 0)
        cost_ns = weight * self._cost_ns
        return arrival - now_ns + cost_ns if arrival > now_ns else cost_ns

    def wait_ns(self, used_ns: int) -> int:
        """How long until so much may be spent; 0: now."""
        return used_ns - self._full_ns if used_ns > self._full_ns else 0

    def spend(self, name: str, used_ns: int, now_ns: int) -> None:
        """So much of it is spent now, as `used_ns` says."""
        if len(self._arrivals) >= _BUDGETS_MAX and name not in self._arrivals:
            self._forget(now_ns)
        self._arrivals[name] = now_ns + used_ns

    def left(self, used_ns: int) -> Left:
        """What is left of one of which so much is spent."""
        left_ns = self._full_ns - used_ns
        return Left(self.burst, left_ns // self._cost_ns if left_ns > 0 else 0, -(-used_ns // _NS))

    def _forget(self, now_ns: int) -> None:
        """Let go of those that are full; of the others, where there are too many, the oldest half."""
        kept = {name: arrival for name, arrival in self._arrivals.items() if arrival > now_ns}
        if len(kept) > _BUDGETS_MAX // 2:
            kept = dict(list(kept.items())[len(kept) // 2 :])
        self._arrivals = kept


class Limits:
    """The budgets of a gateway. Cancels have their own, so that a flood of orders never stops them.

    Args:
        settings: How large they are.
        now_ns: A steady clock.
    """

    def __init__(self, settings: Gateway, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        sizes = {
            "ip": (settings.ip_per_s, settings.ip_burst),
            "key": (settings.key_per_s, settings.key_burst),
            "tenant": (settings.tenant_per_s, settings.tenant_burst),
        }
        more = settings.cancel_factor
        self._budgets = {
            False: {kind: Budgets(*size) for kind, size in sizes.items()},
            True: {kind: Budgets(per_s * more, burst * more) for kind, (per_s, burst) in sizes.items()},
        }

    def of_address(self, address: str, weight: int, *, cancels: bool) -> Left:
        """Spend of an address's budget, before anybody looks who it is.

        Raises:
            Refusal: RATE_LIMITED.
        """
        now_ns, budgets, name = self._now_ns(), self._budgets[cancels]["ip"], _network_of(address)
        used_ns = budgets.used_ns(name, weight, now_ns)
        _check("ip", budgets, used_ns)
        budgets.spend(name, used_ns, now_ns)
        return budgets.left(used_ns)

    def of_key(self, key_id: str, tenant: int, weight: int, *, cancels: bool) -> Left:
        """Spend of a key's budget and of its tenant's; what is left is the key's.

        Raises:
            Refusal: RATE_LIMITED; then nothing was spent.
        """
        now_ns, of_kind, tenant_name = self._now_ns(), self._budgets[cancels], str(tenant)
        tenants, keys = of_kind["tenant"], of_kind["key"]
        of_tenant_ns = tenants.used_ns(tenant_name, weight, now_ns)
        _check("tenant", tenants, of_tenant_ns)
        of_key_ns = keys.used_ns(key_id, weight, now_ns)
        _check("key", keys, of_key_ns)
        tenants.spend(tenant_name, of_tenant_ns, now_ns)
        keys.spend(key_id, of_key_ns, now_ns)
        return keys.left(of_key_ns)

    def left(self, kind: str, name: str, *, cancels: bool) -> Left:
        """What is left of a budget: of `ip`, `key` or `tenant`."""
        budgets, of = self._budgets[cancels][kind], _network_of(name) if kind == "ip" else name
        return budgets.left(budgets.used_ns(of, 0, self._now_ns()))


def _check(kind: str, budgets: Budgets, used_ns: int) -> None:
    """See that so much may be spent of a budget now.

    Raises:
        Refusal: RATE_LIMITED.
    """
    if wait_ns := budgets.wait_ns(used_ns):
        seconds = -(-wait_ns // _NS)
        raise Refusal(
            GatewayFault.RATE_LIMITED,
            details={"budget": kind, "retryAfterMs": -(-wait_ns // 1_000_000)},
            retry_after_s=seconds,
            headers=headers_of(Left(budgets.burst, 0, seconds)),
        )


def headers_of(left: Left) -> tuple[tuple[bytes, bytes], ...]:
    """What an answer says of it."""
    return (
        (b"ratelimit-limit", b"%d" % left.limit),
        (b"ratelimit-remaining", b"%d" % left.remaining),
        (b"ratelimit-reset", b"%d" % left.reset_s),
    )


def _network_of(address: str) -> str:
    """IPv6 by the network that a site is given, of whose addresses it may use any."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/{_IPV6_PREFIX}", strict=False))
    except ValueError:
        return address
