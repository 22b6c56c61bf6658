"""The policies of a process, one an edge: the registry of edges is the registry of breakers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType

from exchange.errors import ConfigError
from exchange.resilience.clock import Clock, SystemClock
from exchange.resilience.policy import Policy
from exchange.resilience.rules import EDGES, Edge, Rules


class Policies:
    """Hands out the one policy of each edge. Whoever composes a process, or a client, makes one registry.

    Args:
        clock: The time of all of them.
        edges: Who may call whom, and how.
    """

    def __init__(self, clock: Clock | None = None, edges: Mapping[Edge, Rules] = EDGES) -> None:
        self._clock = clock or SystemClock()
        self._edges = edges
        self._lock = threading.Lock()
        self._policies: dict[tuple[Edge, str], Policy] = {}

    def of(self, caller: str, callee: str, instance: str = "") -> Policy:
        """The policy of an edge, the same whenever it is asked for.

        Args:
            caller: The service that calls.
            callee: The one that is called.
            instance: Which of several of the callee; one that fails does not speak against the others.

        Raises:
            ConfigError: The table of edges has none of that name.
        """
        edge = Edge(caller, callee)
        rules = self._edges.get(edge)
        if rules is None:
            raise ConfigError(f"{caller} does not call {callee}: the table of edges has no such line")
        with self._lock:
            policy = self._policies.get((edge, instance))
            if policy is None:
                policy = self._policies[edge, instance] = Policy(edge, rules, self._clock)
            return policy

    def all(self) -> Mapping[tuple[Edge, str], Policy]:
        """Those that were asked for, by edge and instance, in that order of time."""
        with self._lock:
            return MappingProxyType(dict(self._policies))
