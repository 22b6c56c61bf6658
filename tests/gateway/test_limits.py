"""Budgets: GCRA against a bucket of exact fractions."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.config.settings import Gateway
from exchange.errors import GatewayFault
from exchange.services.gateway.limits import Budgets, Limits
from exchange.services.gateway.refusal import Refusal

NS = 1_000_000_000


@given(
    per_s=st.sampled_from([1, 2, 5, 10, 100, 1_000]),
    burst=st.integers(1, 50),
    asked=st.lists(st.tuples(st.integers(0, 2 * NS), st.integers(1, 10)), max_size=60),
)
def test_budget_is_a_bucket_that_fills_steadily(per_s: int, burst: int, asked: list[tuple[int, int]]) -> None:
    """What may be spent, what is left, and how long to wait, as a bucket of exact fractions has it."""
    budgets, level, last, now = Budgets(per_s, burst), Fraction(burst), 10 * NS, 10 * NS
    for pause, weight in asked:
        now += pause
        level = min(Fraction(burst), level + Fraction(per_s * (now - last), NS))
        last = now
        used = budgets.used_ns("a", weight, now)
        wait = budgets.wait_ns(used)
        if level >= weight:
            assert wait == 0
            level -= weight
            budgets.spend("a", used, now)
            left = budgets.left(used)
            assert (left.limit, left.remaining) == (burst, int(level))
        else:
            assert wait == (weight - level) * NS / per_s
        assert budgets.wait_ns(budgets.used_ns("b", burst, now)) == 0


def test_cancels_have_budgets_of_their_own() -> None:
    """Orders that are used up leave cancels theirs; each of address, key and tenant refuses by itself."""
    settings = Gateway(
        key_per_s=1, key_burst=3, tenant_per_s=1, tenant_burst=5, ip_per_s=1, ip_burst=8, cancel_factor=4
    )
    limits = Limits(settings, lambda: NS)

    def refused(budget: str, *, cancels: bool = False) -> None:
        key = "one" if budget == "key" else "three"
        ask = partial(limits.of_address, "192.0.2.1") if budget == "ip" else partial(limits.of_key, key, 1)
        with pytest.raises(Refusal) as caught:
            ask(1, cancels=cancels)
        assert caught.value.code == GatewayFault.RATE_LIMITED
        assert caught.value.details["budget"] == budget
        assert caught.value.retry_after_s == 1

    for _ in range(3):
        limits.of_key("one", 1, 1, cancels=False)
    refused("key")
    for _ in range(2):
        limits.of_key("two", 1, 1, cancels=False)
    refused("tenant")
    for _ in range(12):
        limits.of_key("one", 1, 1, cancels=True)
    refused("key", cancels=True)
    for _ in range(8):
        limits.of_address("192.0.2.1", 1, cancels=False)
    refused("ip")
    limits.of_address("192.0.2.2", 1, cancels=False)


def test_addresses_of_one_ipv6_network_share_a_budget() -> None:
    """Whoever has a /64 has all its addresses."""
    limits = Limits(Gateway(ip_per_s=1, ip_burst=1), lambda: NS)
    limits.of_address("2001:db8::1", 1, cancels=False)
    with pytest.raises(Refusal):
        limits.of_address("2001:db8::2", 1, cancels=False)
    limits.of_address("2001:db8:0:1::2", 1, cancels=False)


def test_budgets_of_many_strangers_take_bounded_memory() -> None:
    """Those that are full are let go; of too many others the oldest half."""
    budgets = Budgets(1, 1)
    for number in range(150_000):
        budgets.spend(f"a{number}", budgets.used_ns(f"a{number}", 1, NS), NS)
    assert len(budgets._arrivals) <= 65_536
