"""What keeps one failing part from taking the others along."""

from exchange.resilience.breaker import BreakerState, CircuitBreaker, Transition

__all__ = ["BreakerState", "CircuitBreaker", "Transition"]
