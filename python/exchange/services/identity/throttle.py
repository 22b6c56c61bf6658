"""How often passwords may be wrong: after a few, each further one has to wait longer.

Three counts are kept: of a name from an address, of the address, of the name from anywhere. The last two have
shorter waits, for whoever shares an address or knows a name could keep others out by them. A name counts
whether there is such a user or not, so that nobody learns it here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exchange.errors import GatewayFault
from exchange.services.identity.refused import Refused

_KEPT_MAX: Final = 65_536
_FORGOTTEN_MS: Final = 3_600_000
_IPV6_PREFIX: Final = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """Of one count.

    Args:
        free: So many may be wrong without a wait.
        longest_ms: The longest wait; each is twice the one before, from 1 s on.
    """

    free: int
    longest_ms: int


ALLOWANCES: Final = {
    "both": Allowance(5, 900_000),
    "address": Allowance(20, 60_000),
    "name": Allowance(50, 30_000),
}


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    last_ms: int = 0
    until_ms: int = 0


class LoginThrottle:
    """Counts, of one event loop; in memory, so a new process begins anew.

    Args:
        now_ms: A steady clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._counts: dict[tuple[str, str], _Count] = {}

    def begin(self, name: str, address: str) -> None:
        """Lets one try begin, and counts it as wrong until `succeeded` says otherwise.

        So those that are tried at once count, too.

        Raises:
            Refused: LOGIN_TOO_OFTEN, with how long to wait; then nothing is counted.
        """
        now_ms = self._now_ms()
        counts = {key: self._counts.get(key, _Count()) for key in _keys(name, address)}
        wait_ms = max(count.until_ms - now_ms for count in counts.values())
        if wait_ms > 0:
            raise Refused(GatewayFault.LOGIN_TOO_OFTEN, retry_after_ms=wait_ms)
        if len(self._counts) + len(counts) > _KEPT_MAX:
            self._forget(now_ms)
        for key, count in counts.items():
            if now_ms - count.last_ms >= _FORGOTTEN_MS:
                count.wrong = 0
            count.wrong += 1
            count.last_ms = now_ms
            allowance = ALLOWANCES[key[0]]
            over = count.wrong - allowance.free
            if over >= 0:
                count.until_ms = now_ms + min(allowance.longest_ms, 1_000 << min(over, 20))
            self._counts[key] = count

    def succeeded(self, name: str, address: str) -> None:
        """The one that began was right: nothing is held against that name from there any more."""
        self._counts.pop(("both", f"{name} {_network_of(address)}"), None)
        for key in _keys(name, address)[1:]:
            count = self._counts.get(key)
            if count is not None:
                count.wrong -= 1
                if count.wrong < ALLOWANCES[key[0]].free:
                    count.until_ms = 0

    @property
    def waiting(self) -> int:
        """Names and addresses that have to wait now. Any thread may ask."""
        now_ms = self._now_ms()
        return sum(each.until_ms > now_ms for each in list(self._counts.values()))

    def _forget(self, now_ms: int) -> None:
        """Let go of what is over; where that is not enough, of the oldest half."""
        kept = {key: each for key, each in self._counts.items() if now_ms - each.last_ms < _FORGOTTEN_MS}
        if len(kept) > _KEPT_MAX // 2:
            kept = dict(list(kept.items())[len(kept) // 2 :])
        self._counts = kept


def _keys(name: str, address: str) -> list[tuple[str, str]]:
    network = _network_of(address)
    return [("both", f"{name} {network}"), ("address", network), ("name", name)]


def _network_of(address: str) -> str:
    """IPv6 by the network that a site is given, of whose addresses it may use any."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network(f"{found}/{_IPV6_PREFIX}", strict=False))
