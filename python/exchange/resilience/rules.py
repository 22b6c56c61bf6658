"""How calls between services are made, edge by edge: the one table of who calls whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from exchange.errors import is_service_failure
from exchange.resilience.breaker import Failures

LADDER_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""The pauses before the second and every further try, in seconds: of calls, and of events in an inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a policy keeps to. Times in seconds.

    Args:
        concurrency: Calls under way at a time; one more is refused at once, so that a callee that hangs
            holds no more of its caller than this.
        timeout_s: Of a call as a whole, tries and pauses included. A call may ask for less, never for more.
        try_timeout_s: Of one try; a probe of the breaker has as long.
        ladder_s: The pause before each further try, of calls that may be carried out twice. A longer one that
            the callee names counts. Empty: there is one try.
        jitter: Up to which share each pause is shortened, by chance; 0: never.
        failure_threshold: So many failures in a row open the breaker.
        recovery_s: From its opening until one call may probe.
        failures: Which exceptions speak against the callee; the others are answers of it.
    """

    concurrency: int = 128
    timeout_s: float = 10.0
    try_timeout_s: float = 5.0
    ladder_s: tuple[float, ...] = LADDER_S
    jitter: float = 0.0
    failure_threshold: int = 5
    recovery_s: float = 5.0
    failures: Failures = is_service_failure

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"concurrency is at least 1, not {self.concurrency}")
        for name in ("timeout_s", "try_timeout_s"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{name} is a positive number of seconds, not {seconds}")
        if not all(math.isfinite(pause) and pause >= 0 for pause in self.ladder_s):
            raise ValueError(f"ladder_s has pauses of at least 0 seconds, not {self.ladder_s}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a share from 0 to 1, not {self.jitter}")


class Edge(NamedTuple):
    """Who calls whom."""

    caller: str
    callee: str


# The core asks fifty times a second after whoever works for it; who was silent is asked again soon.
_STAGE: Final = Rules(concurrency=1, timeout_s=1.0, try_timeout_s=1.0, ladder_s=(), recovery_s=0.1)
_QUESTIONS: Final = Rules(timeout_s=60.0, try_timeout_s=60.0, jitter=0.2)

EDGES: Final[Mapping[Edge, Rules]] = MappingProxyType(
    {
        Edge("orders", "matching"): _STAGE,
        Edge("orders", "accounts"): _STAGE,
        Edge("orders", "risk"): _STAGE,
        # A caller of these says how long it waits; the longest that a server gives is a minute.
        Edge("client", "replica"): _QUESTIONS,
        Edge("client", "history"): _QUESTIONS,
        Edge("client", "marketdata"): _QUESTIONS,
        Edge("cli", "replica"): _QUESTIONS,
        # What it says of quotes is as old as the last answer: it asks again soon, not long.
        Edge("marketdata", "replica"): Rules(timeout_s=1.0, try_timeout_s=1.0, ladder_s=(), recovery_s=0.25),
        Edge("client", "admin"): _QUESTIONS,
        Edge("client", "settlement"): _QUESTIONS,
        # A command is sent again by the session itself; who waits for it waits no longer than for an answer.
        Edge("admin", "orders"): Rules(ladder_s=()),
        Edge("settlement", "orders"): Rules(ladder_s=(), timeout_s=15.0, try_timeout_s=15.0),
        # A price that comes late is none: whoever has none asks the next one.
        Edge("marketdata", "coinbase"): Rules(timeout_s=2.0, try_timeout_s=2.0, ladder_s=(), recovery_s=1.0),
        Edge("client", "coinbase"): Rules(timeout_s=5.0, try_timeout_s=5.0, ladder_s=(), recovery_s=1.0),
        Edge("client", "prices"): Rules(timeout_s=5.0, try_timeout_s=5.0, ladder_s=(), recovery_s=1.0),
        # A signature counts once, so nothing is asked twice here; what is away is looked for again at once.
        Edge("gateway", "identity"): Rules(ladder_s=(), timeout_s=5.0, try_timeout_s=5.0, recovery_s=0.25),
        Edge("bench", "replica"): _QUESTIONS,
        Edge("history", "replica"): Rules(timeout_s=2.0, try_timeout_s=2.0),
        # Who asks a cache can do without: a try, which the socket's own time-out cuts.
        Edge("cache", "redis"): Rules(concurrency=64, ladder_s=(), recovery_s=1.0),
        Edge("standby", "replica"): Rules(try_timeout_s=10.0),
        Edge("cli", "standby"): Rules(try_timeout_s=10.0),
    }
)
"""Every call from one service to another has its line here, and `Policies` knows no others."""
