"""What keeps one failing part from taking the others along."""

from exchange.resilience.breaker import BreakerState, CircuitBreaker, Transition
from exchange.resilience.clock import Clock, SystemClock
from exchange.resilience.counts import Counts, Outcome
from exchange.resilience.policy import Policy, Try
from exchange.resilience.registry import Policies
from exchange.resilience.rules import EDGES, LADDER_S, Edge, Rules

__all__ = [
    "EDGES",
    "LADDER_S",
    "BreakerState",
    "CircuitBreaker",
    "Clock",
    "Counts",
    "Edge",
    "Outcome",
    "Policies",
    "Policy",
    "Rules",
    "SystemClock",
    "Transition",
    "Try",
]
