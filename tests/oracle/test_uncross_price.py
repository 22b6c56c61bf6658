"""The oracle's uncross price against the rule read literally: every price tried, one tick after the other."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import Oracle
from tests.oracle.auction import clearing
from tests.oracle.words import Command

STEP = 3
DEFINITION: Command = {
    "kind": "define_instrument",
    "timestamp": 0,
    "instrument_id": 1,
    "tick_step": STEP,
    "lot_step": 1,
    "min_price": -90,
    "max_price": 90,
    "max_qty": 100,
    "max_notional": 10**6,
    "max_parts": 10,
    "max_pegs": 1,
    "trigger_source": "last",
    "stop_wrong_side": "reject",
    "band_mode": "reject",
    "phase": "pre_open",
}
TICKS = st.integers(-8, 8)
ORDERS = st.lists(
    st.tuples(st.sampled_from(("buy", "sell")), st.none() | TICKS, st.integers(1, 4)), max_size=8
)

Limit = tuple[str, int | None, int]


def literal(orders: list[Limit], reference: int | None) -> tuple[int, int, int] | None:
    """Price, volume and surplus by the words of the rule."""
    limits = [price for _, price, _ in orders if price is not None]
    if reference is not None:
        limits.append(reference)
    if not limits:
        return None

    def side_at(side: str, price: int) -> int:
        willing = [
            qty
            for of_side, limit, qty in orders
            if of_side == side and (limit is None or (limit >= price if side == "buy" else limit <= price))
        ]
        return sum(willing)

    prices = range(min(limits), max(limits) + 1, STEP)
    at = {price: (side_at("buy", price), side_at("sell", price)) for price in prices}
    volume = max(min(pair) for pair in at.values())
    if volume == 0:
        return None
    left = [price for price in prices if min(at[price]) == volume]
    least = min(abs(at[price][0] - at[price][1]) for price in left)
    left = [price for price in left if abs(at[price][0] - at[price][1]) == least]
    if all(at[price][0] > at[price][1] for price in left):
        chosen = max(left)
    elif all(at[price][0] < at[price][1] for price in left):
        chosen = min(left)
    else:
        target = (left[0] + left[-1]) / 2 if reference is None else reference
        chosen = min(left, key=lambda price: (abs(price - target), -price))
    return chosen, volume, at[chosen][0] - at[chosen][1]


@settings(max_examples=400, derandomize=True)
@given(orders=ORDERS, reference=st.none() | TICKS)
def test_uncross_price_of_any_call_is_that_of_the_literal_rule(
    orders: list[Limit], reference: int | None
) -> None:
    """Stretches of equal volume give what a walk over all ticks gives."""
    scaled = [(side, None if tick is None else tick * STEP, qty) for side, tick, qty in orders]
    oracle = Oracle()
    oracle.apply(DEFINITION if reference is None else {**DEFINITION, "reference": reference * STEP})
    for order_id, (side, price, qty) in enumerate(scaled, 1):
        order: Command = {
            "kind": "new",
            "timestamp": 0,
            "instrument_id": 1,
            "order_id": order_id,
            "account": 1,
        }
        order = {**order, "side": side, "type": "market", "time_in_force": "at_open", "qty": qty}
        if price is not None:
            order = {**order, "type": "limit", "time_in_force": "gtc", "price": price}
        assert oracle.apply(order)[0]["kind"] == "accepted"
    expected = literal(scaled, None if reference is None else reference * STEP)
    found = clearing(oracle.books[1])
    assert (None if found is None else (found.price, found.volume, found.surplus)) == expected
    assert oracle.indicative(1) == expected
    events = oracle.apply({"kind": "set_phase", "timestamp": 0, "instrument_id": 1, "phase": "continuous"})
    traded = sum(event["qty"] for event in events if event["kind"] == "trade")
    assert traded == (0 if expected is None else expected[1])
    oracle.check_invariants()
