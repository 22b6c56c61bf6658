"""Where an exchange is, and how one proves who one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.bus.curve import KeyPair
from exchange.bus.dealer import Dealer, check_both
from exchange.errors import ConfigError
from exchange.runtime.priority import PRIORITY_MAX, as_allowed
from exchange.runtime.registry import Registry

_OWN_SOCKET = "/orders.sock"
_INSTANCES = "instances"


def endpoints_of(endpoint: str | Sequence[str] | None) -> tuple[str, ...]:
    """One endpoint or several, as a client is given them."""
    if endpoint is None:
        return ()
    return (endpoint,) if isinstance(endpoint, str) else tuple(endpoint)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange is, and how one proves who one is.

    Args:
        endpoints: Of the core, and of those that may take its place; tried in turn.
        queries: Of read replicas; empty: the `queries.sock` beside the first ipc `orders.sock`, else none.
        history: Of instances of the history; empty: those of the registry there, else the `history.sock`.
        keys: This client's CURVE keys, with the exchange's public key `server_key`.
        security_context: For the header of questions.
        marketdata: Of market data; empty: the `marketdata.sock` there.
        admin: Of administration; empty: the `admin.sock` there.
        settlement: Of settlement; empty: the `settlement.sock` there.
        realtime_priority: Of the thread that moves a session's bytes, by SCHED_FIFO, where the system allows
            it; 0: none.

    Raises:
        ConfigError: Keys without the exchange's, or the other way round; a priority that there is not; an
            address of HTTP.
    """

    endpoints: tuple[str, ...]
    queries: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    keys: KeyPair | None = None
    server_key: str | None = None
    security_context: str | None = None
    marketdata: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    settlement: tuple[str, ...] = ()
    realtime_priority: int = 0

    def __post_init__(self) -> None:
        check_both(self.keys, self.server_key)
        for endpoint in self.endpoints:
            if endpoint.startswith(("http://", "https://")):
                raise ConfigError(
                    f"{endpoint!r} is an address of HTTP: RestClient is for that; here ipc://... or tcp://..."
                )
        if not 0 <= self.realtime_priority <= PRIORITY_MAX:
            raise ConfigError(f"realtime_priority={self.realtime_priority}: expected 0 to {PRIORITY_MAX}")

    @property
    def replicas(self) -> tuple[str, ...]:
        """The endpoints of read replicas; empty where none is known."""
        return self.queries or self._beside("queries")

    @property
    def histories(self) -> tuple[str, ...]:
        """The endpoints of the history, as far as they are told; empty where none is known."""
        return self.history or self._beside("history")

    @property
    def markets(self) -> tuple[str, ...]:
        """The endpoints of market data; empty where none is known."""
        return self.marketdata or self._beside("marketdata")

    @property
    def admins(self) -> tuple[str, ...]:
        """The endpoints of administration; empty where none is known."""
        return self.admin or self._beside("admin")

    @property
    def settlements(self) -> tuple[str, ...]:
        """The endpoints of settlement; empty where none is known."""
        return self.settlement or self._beside("settlement")

    @property
    def registry(self) -> Registry | None:
        """What knows the instances of the history; None where they are told, or no directory is known."""
        beside = self._beside("history")
        if self.run is None or self.histories != beside:
            return None
        return Registry({"history": beside}, self.run / _INSTANCES)

    @property
    def run(self) -> Path | None:
        """The exchange's private directory, where it is on this machine."""
        own = (each for each in self.endpoints if each.startswith("ipc://") and each.endswith(_OWN_SOCKET))
        first = next(own, None)
        return None if first is None else Path(first.removeprefix("ipc://")).parent

    def _beside(self, name: str) -> tuple[str, ...]:
        return () if self.run is None else (f"ipc://{self.run}/{name}.sock",)

    def dealer(self) -> Dealer:
        """A connection to the core, not yet opened.

        Raises:
            ConfigError, SecurityError: See `Dealer`.
        """
        priority = as_allowed(self.realtime_priority)
        return Dealer(self.endpoints, self.keys, self.server_key, realtime_priority=priority)
