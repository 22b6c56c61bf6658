"""Every class of bad input that concerns orders and money, on both venues at once."""

import random
from typing import Any

import numpy as np
import pytest

from tests.oracle.venue.model import Report
from tests.oracle.venue.words import ACTIONS, MAX_INT64
from tests.venue.adapter import DTYPES, FAMILY_NUMBERS
from tests.venue.adapter import told as words
from tests.venue.compare import Pair
from tests.venue.core_venue import CoreVenue
from tests.venue.desk import Desk, sizes_of
from tests.venue.screen import Command, parts, settings_of

FUNDED = "deposit ann 1000 usd; deposit bob 10 btc"


def desk(setup: str = "", settings: str = "") -> Desk:
    """A desk with both venues behind it."""
    made = Desk(settings, Pair(sizes_of(settings_of(settings))))
    for text in parts(setup):
        made.expect_done(text)
    return made


def state_hash(made: Desk) -> int:
    """Of the compiled venue."""
    assert isinstance(made.venue, Pair)
    return made.venue.core.venue.state_hash()


def restart(made: Desk) -> None:
    """The compiled venue goes on from its snapshot."""
    assert isinstance(made.venue, Pair)
    made.venue.check()
    made.venue.restart()


def order(**changes: Any) -> Command:
    """A limit order of ann that is in order."""
    command = {"kind": "new", "instrument_id": 1, "account": 1, "side": "buy", "type": "limit"}
    command |= {"time_in_force": "gtc", "qty": 1, "price": 100, "client_order_id": "x1", "sent_at": 1}
    return {name: value for name, value in (command | changes).items() if value is not None}


def told(made: Desk, family: str, command: Command) -> Report:
    """The answer to one command."""
    return made.speak(family, command, made.reader.clock)[0]


@pytest.mark.req("A009", "B032")
@pytest.mark.parametrize(
    ("changes", "reject"),
    [
        ({"kind": 9}, "unknown_command"),
        ({"kind": 0}, "unknown_command"),
        ({"side": 3}, "invalid_field"),
        ({"side": 0}, "invalid_field"),
        ({"type": 9}, "invalid_field"),
        ({"type": 65535}, "invalid_field"),
        ({"time_in_force": 8}, "invalid_field"),
        ({"stp_mode": 5}, "invalid_field"),
        ({"flags": 8}, "invalid_field"),
        ({"flags": 256}, "invalid_field"),
        ({"extra_present": 1 << 14}, "invalid_field"),
        ({"type": "pegged", "price": None, "peg": 3}, "invalid_field"),
        ({"type": "pegged", "price": None, "peg": 257}, "invalid_field"),
        ({"quote_qty": 5}, "invalid_field"),
        ({"client_order_id": ""}, "bad_client_order_id"),
        ({"client_order_id": "a b"}, "bad_client_order_id"),
        ({"client_order_id": "\x7f"}, "bad_client_order_id"),
        ({"client_order_id": "é"}, "bad_client_order_id"),
        ({"client_order_id": "a\0b"}, "bad_client_order_id"),
        ({"correlation_id": "a b"}, "bad_correlation_id"),
        ({"account": 99}, "unknown_account"),
        ({"account": 0}, "unknown_account"),
        ({"tenant": 2}, "unknown_account"),
        ({"instrument_id": 2}, "unknown_instrument"),
        ({"qty": 0}, "invalid_qty"),
        ({"qty": -1}, "invalid_qty"),
        ({"qty": MAX_INT64}, "invalid_qty"),
        ({"qty": 3}, "qty_off_step"),
        ({"price": None}, "price_missing"),
        ({"price": 0}, "invalid_price"),
        ({"price": -MAX_INT64 - 1}, "invalid_price"),
        ({"price": 101}, "price_off_step"),
        ({"display_qty": 3}, "invalid_display_qty"),
        ({"min_qty": 2}, "invalid_combination"),
        ({"expire_at": 9}, "invalid_combination"),
    ],
)
def test_order_with_a_wrong_field_is_refused_with_its_code(changes: Command, reject: str) -> None:
    """Side, type, quantity, tick, lot, names: one mistake each; no money moves (faults 1, 2)."""
    made = desk(FUNDED, "lot_step 2, tick_step 2")
    before = made.money_and_positions()
    answer = told(
        made, "orders", order(qty=2) | changes if None not in changes.values() else order(qty=2, **changes)
    )
    assert answer["reject"] == reject
    assert made.money_and_positions() == before
    assert made.venue.oracle.orders == {}


@pytest.mark.req("A009")
def test_refusal_that_is_not_remembered_leaves_the_state_hash_as_it_was() -> None:
    """Shape, unknown accounts, switches and capacity change nothing at all."""
    made = desk(f"{FUNDED}; limits ann 1 max_order_qty 5", "max_orders 1")
    for command in (order(kind=9), order(side=7), order(account=99), order(client_order_id="")):
        before = state_hash(made)
        assert told(made, "orders", command)["reject"] is not None
        assert state_hash(made) == before
    for texts, reject in (
        (["kill venue", "new o1 ann buy 100 x 1"], "Killed"),
        (["lift venue", "stage away", "new o1 ann buy market x 1"], "EngineUnavailable"),
        (["stage back", "new o0 bob sell 100 x 1", "new o1 ann buy 90 x 1"], "CapacityOrders"),
    ):
        for text in texts[:-1]:
            made.expect_done(text)
        before = state_hash(made)
        assert made.play(texts[-1]) == [f"rejected o1 {reject}"]
        assert state_hash(made) == before


@pytest.mark.parametrize(("family", "kinds"), ACTIONS.items())
def test_command_of_unknown_kind_is_refused_in_every_family(family: str, kinds: tuple[str, ...]) -> None:
    """No number beyond the table does anything."""
    made = desk()
    for kind in (0, len(kinds) + 1, 65535):
        command: Command = order(kind=kind) if family == "orders" else {"kind": kind, "transfer_id": 1}
        if family not in ("orders", "ledger"):
            del command["transfer_id"]
        before = state_hash(made)
        assert told(made, family, command)["reject"] == "unknown_command"
        assert state_hash(made) == before


def test_notional_beyond_its_bound_is_refused_before_money_is_looked_at() -> None:
    """Price x qty is made in 128 bits and compared (fault 3)."""
    made = desk(
        "deposit ann 9 usd", "max_price 1000000, max_qty 4000000000000, max_notional 4000000000000000000"
    )
    assert made.play("new o1 ann buy 1000000 x 4000000000000") == [
        "rejected o1 InsufficientFunds 9 4000000000000000000"
    ]
    assert made.play("new o2 ann buy market x 4000000000000 at_close") == [
        "rejected o2 InsufficientFunds 9 4000000000000000000"
    ]
    made = desk(
        "deposit ann 9 usd", "max_price 1000000, max_qty 4000000000000, max_notional 3999999999999999999"
    )
    assert made.play("new o1 ann buy 1000000 x 4000000000000") == ["rejected o1 NotionalOverflow"]


@pytest.mark.req("A010")
def test_rejected_id_stays_rejected_when_money_has_come_and_after_a_restart() -> None:
    """The same id gets the first reject, and nothing is reserved (faults 8, 10)."""
    made = desk("deposit ann 10 usd")
    refused = "rejected o1 InsufficientFunds 10 100"
    assert made.play("new o1 ann buy 100 x 1") == [refused]
    made.expect_done("deposit ann 1000 usd")
    assert made.play("new o1 ann buy 100 x 1") == [f"again {refused}"]
    restart(made)
    assert made.play("new o1 ann buy 100 x 1") == [f"again {refused}"]
    assert made.venue.oracle.orders == {}
    assert made.play("new o2 ann buy 100 x 1") == ["accepted o2 x 1", "ann usd 910 + 100"]


def test_known_id_with_other_content_is_refused_whatever_the_action() -> None:
    """One id, one request: another price, another kind (fault 9)."""
    made = desk(f"{FUNDED}; new o1 ann buy 100 x 1")
    before = state_hash(made)
    assert made.play("new o1 ann buy 101 x 1") == ["rejected o1 DuplicateIdDifferent"]
    assert made.play("cancel o1 ann id o1") == ["cancel_rejected DuplicateIdDifferent"]
    assert state_hash(made) == before


@pytest.mark.req("A011")
def test_balance_cannot_be_spent_twice() -> None:
    """Two orders, or an order and a withdrawal, for the same money: the second finds nothing (fault 27)."""
    made = desk("deposit ann 100 usd")
    assert made.play("new o1 ann buy 100 x 1") == ["accepted o1 x 1", "ann usd 0 + 100"]
    assert made.play("new o2 ann buy 1 x 1") == ["rejected o2 InsufficientFunds 0 1"]
    assert made.play("withdraw ann 1 usd") == ["InsufficientFunds 0 1"]
    assert made.play("reserve h1 ann 1 usd") == ["InsufficientFunds 0 1"]
    assert made.play("cancel o1 ann") == ["canceled o1 requested", "ann usd 100 + 0"]
    assert made.play("withdraw ann 100 usd") == ["done 0 + 0 v4", "ann usd 0 + 0", "external usd 0 + 0"]


@pytest.mark.req("A013")
def test_limit_that_refuses_leaves_the_balance_as_it_was() -> None:
    """Neither amount nor version of the balance tells that there was an order."""
    made = desk("deposit ann 100 usd; limits ann 1 max_order_qty 1")
    before = dict(made.venue.oracle.ledger.balances)
    assert made.play("new o1 ann buy 10 x 2") == ["rejected o1 MaxOrderQty 1 2"]
    assert made.venue.oracle.ledger.balances == before
    assert made.play("deposit ann 1 usd version 1")[0] == "done 101 + 0 v2"


@pytest.mark.req("A014")
def test_validation_is_on_unless_the_policy_says_otherwise() -> None:
    """Limits and money by default; without limits; without both."""
    texts = "limits ann 1 max_order_qty 1"
    assert desk(f"deposit ann 9 usd; {texts}").play("new o1 ann buy 1 x 2") == ["rejected o1 MaxOrderQty 1 2"]
    made = desk(f"deposit ann 9 usd; {texts}; policy 1")
    assert made.play("new o1 ann buy 1 x 2") == ["accepted o1 x 2", "ann usd 7 + 2"]
    assert made.play("new o2 ann buy 1 x 8") == ["rejected o2 InsufficientFunds 7 8"]
    made = desk(f"deposit ann 9 usd; {texts}; policy 2")
    assert made.play("new o1 ann buy 1 x 200") == ["accepted o1 x 200"]


@pytest.mark.req("A015")
def test_order_id_is_the_sequence_of_its_command_and_is_never_given_again() -> None:
    """Gapless sequences; the order that a client id named before is not a new one (fault 11)."""
    made = desk(FUNDED)
    first = made.do("new o1 ann buy 100 x 1")[0]
    assert first["order_id"] == first["sequence"] == made.venue.oracle.sequence
    cancel = made.do("cancel o1 ann")[0]
    assert cancel["sequence"] == first["sequence"] + 1
    again = made.do("new o1 ann buy 100 x 1")[0]
    assert (again["duplicate"], again["order_id"], again["order_status"]) == (
        True,
        first["order_id"],
        "canceled",
    )
    second = made.do("new o2 ann buy 100 x 1")[0]
    assert second["order_id"] == second["sequence"] == first["sequence"] + 3


def test_cancel_of_what_is_not_ones_own_tells_nothing_of_it() -> None:
    """Filled, unknown, another account's, another tenant's: one code, and the same words (fault 13)."""
    made = desk(
        f"{FUNDED}; new o1 ann buy 100 x 1; new o2 bob sell 100 x 1; new o3 ann buy 90 x 1; open cat tenant 2"
    )
    made.reader.order_ids["o9"] = 10**6
    for target in ("o1", "o2", "o3", "o9"):
        (text,) = made.play(f"cancel {target} cat tenant 2")
        assert text == "cancel_rejected UnknownOrder"
    (report,) = made.do("cancel o3 cat tenant 2")
    assert (report["leaves_qty"], report["order_qty"], report["price"]) == (0, 0, None)
    assert made.play("cancel o1 ann") == ["cancel_rejected UnknownOrder"]


@pytest.mark.parametrize("first", ["cancel o1 ann", "new o2 bob sell 100 x 3"])
def test_cancel_and_fill_in_either_order_account_for_every_lot(first: str) -> None:
    """The sequence decides; filled + cancelled = ordered (fault 14)."""
    made = desk(f"{FUNDED}; new o1 ann buy 100 x 5")
    other = "new o2 bob sell 100 x 3" if first.startswith("cancel") else "cancel o1 ann"
    records = made.do(first) + made.do(other)
    of_o1 = [record for record in records if record["account"] == 1]
    filled = sum(record["last_qty"] for record in of_o1 if record["exec_type"] == "trade")
    canceled = sum(record["last_qty"] for record in of_o1 if record["exec_type"] == "canceled")
    assert (filled, canceled) == ((0, 5) if first.startswith("cancel") else (3, 2))


def test_replace_through_the_spread_trades_at_the_makers_price_and_frees_the_rest() -> None:
    """What is reserved follows (fault 15)."""
    made = desk(f"{FUNDED}; new o1 bob sell 100 x 2; new o2 ann buy 90 x 3")
    assert made.play("replace o2 ann 105") == [
        "replaced o2 105 x 3 lost",
        "trade t1 o2 100 x 2 taker leaves 1",
        "trade t1 o1 100 x 2 maker leaves 0",
        "ann usd 695 + 105",
        "ann btc 2 + 0",
        "bob usd 200 + 0",
        "bob btc 8 + 0",
        "ann has 2 cost 200 realised 0",
        "bob has -2 cost -200 realised 0",
    ]


@pytest.mark.parametrize("price", ["", " 100", " 5000"])
def test_replace_to_what_is_filled_cancels_the_rest_whatever_else_it_says(price: str) -> None:
    """The owner wants no more than was traded (fault 16)."""
    made = desk(f"{FUNDED}; new o1 ann buy 100 x 5; new o2 bob sell 100 x 3")
    assert made.play(f"replace o1 ann{price} x 3") == ["canceled o1 replaced filled 3", "ann usd 700 + 0"]


def test_order_on_an_empty_or_thin_book_ends_and_frees_all() -> None:
    """Market, ioc and fok: nothing is lost where the partner is missing (faults 17, 18, 20, 25)."""
    made = desk(FUNDED, "max_price 200, reference 100, collar 5")
    assert made.play("new o1 ann buy market x 2") == ["accepted o1 x 2", "canceled o1 no_liquidity"]
    assert made.play("new o2 ann buy 100 x 2 fok") == ["accepted o2 x 2", "canceled o2 fok"]
    made.expect_done("new o3 bob sell 104 x 1")
    made.expect_done("new o4 bob sell 106 x 1")
    assert made.play("new o5 ann buy market x 3") == [
        "accepted o5 x 3",
        "trade t1 o5 104 x 1 taker leaves 2",
        "trade t1 o3 104 x 1 maker leaves 0",
        "canceled o5 collar filled 1",
        "ann usd 896 + 0",
        "ann btc 1 + 0",
        "bob usd 104 + 0",
        "bob btc 8 + 1",
        "ann has 1 cost 104 realised 0",
        "bob has -1 cost -104 realised 0",
    ]


def test_stop_cascade_triggers_each_once_and_pays_each_from_its_own_reservation() -> None:
    """A hundred chained stops: one trade each, money conserved (fault 23)."""
    count = 100
    made = desk("deposit ann 200000 usd; deposit bob 1000 btc", "max_price 1000")
    for i in range(count + 1):
        made.do(f"new s{i} bob sell {100 + i} x 1")
        if i > 0:
            made.do(f"new b{i} ann buy stop {100 + i - 1} limit {100 + i} x 1")
    records = made.do("new go ann buy 100 x 1")
    triggered = [record["order_id"] for record in records if record["exec_type"] == "triggered"]
    assert len(triggered) == len(set(triggered)) == count
    assert sum(record["exec_type"] == "trade" for record in records) == 2 * (count + 1)
    paid = sum(range(100, 101 + count))
    assert made.money_and_positions()["ann usd"] == f"{200000 - paid} + 0"
    restart(made)


def test_fees_of_a_million_small_trades_leave_the_sums_as_they_were() -> None:
    """One-unit trades with a rebate above what one fill earns: never less than the house's due (fault 26)."""
    settings = "fee_mode quote, maker_rate -70000000, taker_rate 70000000, max_notional 1000000000"
    made = desk("deposit ann 100000 usd; deposit bob 100000 btc", settings)
    rng = random.Random(26)
    for i in range(60):
        qty = rng.randint(1, 9)
        made.do(f"new s{i} bob sell 1 x {qty}")
        for j in range(qty):
            made.do(f"new b{i}.{j} ann buy 1 x 1 ioc")
        ledger = made.venue.oracle.ledger.balances
        assert sum(balance.total for (_, asset), balance in ledger.items() if asset == 1) == 0
        assert ledger[2**64 - 2, 1].total >= 0
    restart(made)


def test_reservation_ends_once_whoever_comes_second() -> None:
    """Post, void and expiry: one winner each (fault 28)."""
    setup = "deposit ann 100 usd; reserve h1 ann 60 usd until 50"
    for first, code in (("post h1 ann 60 usd", "AlreadyPosted"), ("void h1 ann usd", "AlreadyVoided")):
        made = desk(setup)
        made.expect_done(first)
        for second in ("post h1 ann 60 usd", "void h1 ann usd"):
            assert made.play(f"{second} at 60") == [code]
    made = desk(setup)
    assert made.play("post h1 ann 60 usd at 50") == ["ReservationExpired", "ann usd 100 + 0"]
    assert made.play("void h1 ann usd") == ["ReservationExpired"]
    assert desk(setup).play("post h1 ann 61 usd") == ["PostExceedsReserved 60 61"]


def test_scales_never_change_and_rules_only_while_no_order_lives() -> None:
    """Not in mid-day, not with open orders, not with what waits (fault 29)."""
    made = desk(f"{FUNDED}; new o1 ann buy 100 x 1")
    for change in ("price_scale 1", "qty_scale 1", "base 3", "taker_rate 5", "fee_mode base"):
        before = state_hash(made)
        assert made.play(f"define {change}")[0] in ("InstrumentInUse", "InvalidDefinition")
        assert state_hash(made) == before
    assert made.play("asset 1 USD 3") == ["AssetExists"]
    made.expect_done("cancel o1 ann")
    assert made.play("define taker_rate 5") == ["done"]
    assert made.play("define base 3") == ["InstrumentInUse"]


@pytest.mark.req("B002")
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    "words",
    [
        "100",
        "100 ioc",
        "100 fok",
        "100 day post_only",
        "100 gtd 50 hidden",
        "100 at_close",
        "100 show 1",
        "market",
        "market at_close",
        "market_to_limit",
        "stop 100",
        "stop 100 limit 100",
        "trail 1",
        "trail 1 offset 1",
        "primary",
        "midpoint worst 100",
    ],
)
def test_order_of_no_type_gets_past_the_limits_to_the_engine(side: str, words: str) -> None:
    """New, replaced or queued while the stage is away: what a limit forbids never reaches a book."""
    made = desk(f"deposit ann 9000 usd; deposit ann 9 btc; set_mark 100; new o0 ann {side} 100 x 1")
    made.expect_done("limits ann any max_order_qty 1")
    assert made.play(f"new o1 ann {side} {words} x 2") == ["rejected o1 MaxOrderQty 1 2"]
    assert made.play("replace o0 ann x 2") == ["cancel_rejected MaxOrderQty 1 2"]
    made.expect_done("stage away")
    assert made.do(f"new o2 ann {side} {words} x 2")[0]["reject"] in ("max_order_qty", "engine_unavailable")
    made.expect_done("stage back")
    (left,) = made.venue.oracle.engine.orders.values()
    assert (left.order_id, left.order_qty) == (made.reader.order_ids["o0"], 1)


def test_cancels_pass_where_new_orders_are_refused() -> None:
    """Throttled, killed, halted, away (fault 52)."""
    for switch, code in (
        ("limits ann 1 order_rate 1 rate_interval 1000", "OrderRate 1 1000"),
        ("kill tenant 2", ""),
        ("set_phase halted", "PhaseForbids"),
        ("stage away", "EngineUnavailable"),
    ):
        made = desk(f"{FUNDED}; new o1 ann buy 100 x 1; {switch}")
        if code.startswith("OrderRate"):
            made.expect_done("new o3 ann buy 99 x 1")
        if code:
            assert made.play("new o2 ann buy 98 x 1 post_only") == [f"rejected o2 {code}"]
        assert made.play("cancel o1 ann")[0] == "canceled o1 requested"


@pytest.mark.req("B044")
def test_stale_version_is_a_conflict_and_changes_nothing() -> None:
    """Two writers read version 1; the first moves it, the second is told."""
    made = desk("deposit ann 100 usd")
    made.expect_done("withdraw ann 10 usd version 1")
    assert made.play("withdraw ann 10 usd version 1") == ["VersionConflict"]
    assert made.play("withdraw ann 10 usd version 2")[0] == "done 80 + 0 v3"


@pytest.mark.req("B045")
def test_collateral_counts_every_asset_after_its_haircut_rounded_down() -> None:
    """Three assets, two of them marked in dollars, one of those cut by a third; the dollar itself whole."""
    made = desk(
        "deposit ann 100 usd; deposit ann 7 btc; deposit ann 333 eur; deposit bob 5 btc", "eur_scale 2"
    )
    for text in ("collateral btc usd mark 30 haircut 333333333", "collateral eur usd mark 2 haircut 0"):
        made.expect_done(text)
    pair = made.venue
    assert isinstance(pair, Pair)
    expected = 100 + 7 * 30 * 666_666_667 // 10**9 + 333 * 2 // 100
    assert pair.core.venue.collateral(1, 1) == pair.oracle.ledger.collateral(1, 1) == expected == 246
    assert pair.core.venue.collateral(1, 2) == pair.oracle.ledger.collateral(1, 2) == 7
    assert pair.core.venue.collateral(2, 1) == pair.oracle.ledger.collateral(2, 1) == 100


@pytest.mark.req("A017")
def test_engine_gets_orders_in_the_sequence_of_their_commands() -> None:
    """One batch of many accounts: trade ids and queue places follow the sequence, from the queue too."""
    made = desk(
        "deposit ann 1000 usd; deposit bob 50 btc; deposit cat 50 btc; deposit dan 50 btc; stage away"
    )
    for name in ("dan", "bob", "cat"):
        made.expect_done(f"new {name} {name} sell 100 x 1")
    made.expect_done("stage back")
    fills = [record for record in made.do("new o1 ann buy 100 x 3") if record["exec_type"] == "trade"]
    makers = [record["client_order_id"] for record in fills if record["liquidity"] == "maker"]
    assert makers == ["dan", "bob", "cat"]
    assert [record["order_id"] for record in fills if record["liquidity"] == "maker"] == sorted(
        made.reader.order_ids[name] for name in makers
    )


def test_refused_mass_cancel_does_not_tell_of_what_it_did_not_name() -> None:
    """An instrument or side that its `present` does not claim is nothing, in refusals too."""
    made = desk(FUNDED)
    wanted = {"kind": "mass_cancel", "account": 1, "instrument_id": 1, "side": "sell", "sent_at": 1}
    assert told(made, "orders", wanted | {"client_order_id": "m1"})["exec_type"] == "done"
    refused = told(made, "orders", wanted | {"client_order_id": "m1", "scope_side": True})
    assert (refused["reject"], refused["instrument_id"], refused["side"]) == (
        "duplicate_id_different",
        0,
        "sell",
    )


def test_money_to_spend_never_buys_for_more_than_it_says() -> None:
    """An own offer that would be canceled on the way counts for nothing."""
    made = desk(
        "deposit ann 500 usd; deposit ann 5 btc; deposit bob 5 btc; "
        "new o1 ann sell 100 x 5; new o2 bob sell 200 x 5"
    )
    assert made.play("new o3 ann buy market spend 500 cancel_oldest") == ["rejected o3 InvalidField"]
    for mode in ("cancel_newest", "cancel_both", "decrement", "none"):
        made = desk("deposit ann 500 usd; deposit ann 5 btc; deposit bob 5 btc; new o1 ann sell 100 x 5")
        made.expect_done("new o2 bob sell 200 x 5")
        made.expect_done(f"new o3 ann buy market spend 500 {mode}")
        assert made.money_and_positions()["ann usd"] == "500 + 0"


def rejects_of(settings: str, *texts: str) -> list[str | None]:
    """What each of these is refused with, on both venues; their invariants hold after each."""
    made = desk("", settings)
    found = []
    for text in texts:
        found.append(made.do(text)[0]["reject"])
        restart(made)
    return found


def test_venue_whose_money_reaches_64_bits_stays_in_order() -> None:
    """All the money there may be, in one hand by a trade, and a rebate on top of it: no accident."""
    most = 2**62
    texts = [
        f"deposit ann {MAX_INT64} usd",
        f"deposit ann {most} usd",
        "deposit bob 1 usd",
        "deposit ann 500 btc",
    ]
    texts += ["transfer ann bob 70 usd", "new o1 ann sell 1 x 70", "new o2 bob buy 1 x 70"]
    rejects = rejects_of("maker_rate -100000000, taker_rate 100000000", *texts)
    assert rejects == ["balance_overflow", None, "balance_overflow", None, None, None, None]


def test_venue_whose_position_reaches_64_bits_stays_in_order() -> None:
    """Two accounts that sell each other the same goods for ever: refused once the lots would not fit."""
    most = 4 * 10**18
    texts = [f"deposit ann {most} usd", f"deposit bob {most} btc"]
    for i in range(3):
        texts += [f"new s{i} bob sell 1 x {most}", f"new b{i} ann buy 1 x {most}"]
        texts += [f"transfer ann bob {most} btc", f"transfer bob ann {most} usd"]
    rejects = rejects_of(f"max_price 1, max_qty {most}, max_notional {most}", *texts)
    short = "insufficient_funds"
    assert rejects == [None] * 10 + ["side_overflow", "side_overflow", short, short]


@pytest.mark.parametrize("seed", range(4))
def test_records_of_random_bytes_are_answered_one_by_one(seed: int) -> None:
    """Any bytes as commands of any family: an answer for each, invariants, and a snapshot that goes on."""
    made = desk(f"{FUNDED}; new o1 ann buy 100 x 1")
    assert isinstance(made.venue, Pair)
    core = made.venue.core.venue
    rng = random.Random(seed)
    for family, dtype in DTYPES.items():
        for _ in range(150):
            raw = bytearray(rng.randbytes(dtype.itemsize) if rng.random() < 0.5 else bytes(dtype.itemsize))
            for _ in range(rng.randint(0, 12)):
                raw[rng.randrange(len(raw))] = rng.choice((0, 1, 2, 255))
            raw[0:2] = rng.randint(0, 11).to_bytes(2, "little")
            command = np.frombuffer(bytes(raw), dtype)
            first = core.sequence + 1
            records = words(*core.apply(FAMILY_NUMBERS[family], first, 0, command))
            assert next(record["sequence"] for record in records) == first
            core.check_invariants()
    snapshot = core.snapshot()
    assert CoreVenue.restore(snapshot).venue.snapshot() == snapshot
