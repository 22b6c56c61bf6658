"""What identity did, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from exchange.errors import GatewayFault, SecurityFault
from exchange.observability.catalogue import METRICS
from exchange.observability.openmetrics import Family
from exchange.services.identity.passwords import HashWorkers
from exchange.services.identity.replay import Keyring
from exchange.services.identity.throttle import LoginThrottle

Fault = GatewayFault | SecurityFault


class Tally:
    """The event loop counts, any thread reads.

    Args:
        keyring: The keys of programs.
        workers: Hash passwords.
        throttle: Has those wait who were wrong too often.
    """

    def __init__(self, keyring: Keyring, workers: HashWorkers, throttle: LoginThrottle) -> None:
        self._keyring = keyring
        self._workers = workers
        self._throttle = throttle
        self._logins: Counter[str] = Counter()
        self._checks: Counter[tuple[str, str]] = Counter()
        self.sessions = 0
        """That count, as of the last look."""

    def login(self, fault: Fault | None) -> None:
        """A user signed in, or was refused."""
        self._logins[_outcome(fault)] += 1

    def check(self, kind: str, fault: Fault | None) -> None:
        """A credential was looked at: a `signature`, the token of a `session`, or a `jwt`."""
        self._checks[kind, _outcome(fault)] += 1

    def families(self) -> Iterator[Family]:
        """As metrics."""
        yield METRICS["exchange_identity_logins"].family(
            ((outcome,), count) for outcome, count in list(self._logins.items())
        )
        yield METRICS["exchange_identity_logins_waiting"].one(self._throttle.waiting)
        yield METRICS["exchange_identity_credential_checks"].family(list(self._checks.items()))
        yield METRICS["exchange_identity_sessions"].one(self.sessions)
        yield METRICS["exchange_identity_api_keys"].family(
            ((status,), count) for status, count in self._keyring.by_status().items()
        )
        yield METRICS["exchange_identity_hashes_under_way"].one(self._workers.under_way)
        durations = self._workers.durations
        yield METRICS["exchange_identity_hash_duration_seconds"].histogram([((), durations.buckets)])


def _outcome(fault: Fault | None) -> str:
    return "ok" if fault is None else fault.name
