"""Commands of administration: accounts, limits, switches, sessions, countdowns, the stage, policy."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.oracle.venue.effects import fold
from tests.oracle.venue.model import Command, VenueOrder
from tests.oracle.venue.money import Account
from tests.oracle.venue.order_commands import cancel_orders, submit
from tests.oracle.venue.passing import advance
from tests.oracle.venue.words import (
    ADMIN_ACTIONS,
    ALL_LIMIT_FIELDS,
    DAY,
    LIMITS,
    MAX_INT64,
    MAX_MAGNITUDE,
    RATE_ONE,
    SCOPES,
    is_house,
)

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

Checks = Iterator[tuple[str, bool]]


def apply_admin(venue: "VenueState", c: Command) -> None:
    """One command of administration: answers it, and tells what follows from it."""
    reject = next((code for code, failed in checks_of(venue, c) if failed), None)
    venue.answer(c, reject=reject)
    if reject is None:
        {
            "open_account": open_account,
            "set_limits": set_limits,
            "kill": kill,
            "open_session": open_session,
            "lose_session": lose_session,
            "set_countdown": set_countdown,
            "tick": lambda _venue, _c: None,
            "set_stage": set_stage,
            "set_collateral": set_collateral,
            "set_policy": set_policy,
            "set_solo": set_solo,
            "promote": set_solo,
            "set_settlement": set_settlement,
        }[c["kind"]](venue, c)


def checks_of(venue: "VenueState", c: Command) -> Checks:
    """The checks of a command, in order."""
    kind = c["kind"]
    yield "unknown_command", kind not in ADMIN_ACTIONS
    checks = {
        "open_account": account_checks,
        "set_limits": limits_checks,
        "kill": kill_checks,
        "open_session": session_checks,
        "lose_session": loss_checks,
        "set_countdown": countdown_checks,
        "set_stage": stage_checks,
        "set_collateral": collateral_checks,
        "set_policy": policy_checks,
        "set_solo": stage_checks,
        "promote": stage_checks,
        "set_settlement": settlement_checks,
    }.get(kind)
    if checks is not None:
        yield from checks(venue, c)


def account_checks(venue: "VenueState", c: Command) -> Checks:
    """A new account, or the same again."""
    accounts = venue.ledger.accounts
    yield "invalid_account", c["account"] == 0 or c["tenant"] == 0
    known = accounts.get(c["account"])
    if known is not None:
        yield "account_exists", known != Account(c["tenant"], c["parent"])
        return
    if c["parent"] != 0:
        parent = accounts.get(c["parent"])
        yield "unknown_account", parent is None
        assert parent is not None
        yield "unknown_account", parent.tenant != c["tenant"]
        yield "invalid_account", parent.parent != 0
    opened = sum(not is_house(account) for account in accounts)
    yield "capacity_accounts", opened >= venue.sizes.max_accounts


def limits_checks(venue: "VenueState", c: Command) -> Checks:
    """The limits of a scope."""
    yield "invalid_field", bool(c.get("extra_present", 0) & ~ALL_LIMIT_FIELDS)
    yield "unknown_account", c["account"] != 0 and not venue.ledger.knows(c["account"], c["tenant"])
    yield "unknown_instrument", c["instrument_id"] != 0 and c["instrument_id"] not in venue.markets
    yield "invalid_limit", any(c[name] < 0 for name in LIMITS if name in c)
    yield "invalid_limit", "order_rate" in c and not 1 <= c["order_rate"] <= c["rate_interval"] <= DAY
    yield "invalid_limit", "duplicate_window" in c and not 1 <= c["duplicate_window"] <= DAY
    yield "invalid_limit", "price_collar" in c and c["price_collar"] > MAX_MAGNITUDE


def kill_checks(venue: "VenueState", c: Command) -> Checks:
    """A switch."""
    scope = c["scope"]
    yield "invalid_field", scope not in SCOPES or c["flag"] not in (0, 1)
    yield "unknown_account", scope == "tenant" and c["tenant"] == 0
    yield "unknown_account", scope == "account" and not venue.ledger.knows(c["account"], c["tenant"])
    yield "unknown_instrument", scope == "instrument" and c["instrument_id"] not in venue.markets


def session_checks(venue: "VenueState", c: Command) -> Checks:
    """A session that begins."""
    yield "invalid_field", c["session"] == 0 or c["flag"] not in (0, 1)
    full = len(venue.sessions) >= venue.sizes.max_sessions
    yield "capacity_sessions", full and c["session"] not in venue.sessions


def loss_checks(venue: "VenueState", c: Command) -> Checks:
    """A session that ends."""
    yield "not_logged_on", c["session"] not in venue.sessions


def countdown_checks(venue: "VenueState", c: Command) -> Checks:
    """A dead man's switch."""
    yield "invalid_field", c["timeout"] < 0 or venue.clock + c["timeout"] > MAX_INT64
    yield "unknown_account", not venue.ledger.knows(c["account"], c["tenant"])


def stage_checks(venue: "VenueState", c: Command) -> Checks:
    """Where a matching stage is."""
    yield "invalid_field", c["flag"] not in (0, 1)
    yield "unknown_shard", c["shard"] != 0 and c["shard"] not in venue.shards


def policy_checks(venue: "VenueState", c: Command) -> Checks:
    """What is looked at before the engine."""
    yield "invalid_field", c["flag"] not in (0, 1, 2)
    yield "instrument_in_use", bool(venue.orders)


def settlement_checks(venue: "VenueState", c: Command) -> Checks:
    """Who settles."""
    yield "invalid_field", c["flag"] not in (0, 1)
    yield "trades_not_posted", bool(venue.unposted) and c["flag"] != int(venue.settled_by_service)


def collateral_checks(venue: "VenueState", c: Command) -> Checks:
    """How an asset counts in another."""
    assets = venue.ledger.assets
    yield "unknown_asset", c["asset"] not in assets or c["collateral_asset"] not in assets
    yield "invalid_collateral", c["asset"] == c["collateral_asset"]
    yield "invalid_collateral", c["mark"] < 0 or not 0 <= c["haircut"] <= RATE_ONE


def open_account(venue: "VenueState", c: Command) -> None:
    """An account."""
    venue.ledger.accounts.setdefault(c["account"], Account(c["tenant"], c["parent"]))


def set_limits(venue: "VenueState", c: Command) -> None:
    """Replaces the set of a scope."""
    values = {name: c[name] for name in LIMITS if name in c}
    if "order_rate" in values:
        values["rate_interval"] = c["rate_interval"]
    venue.limits[c["account"], c["instrument_id"]] = values


def kill(venue: "VenueState", c: Command) -> None:
    """Turns a switch; on: cancels all that it covers."""
    scope = c["scope"]
    named = {"venue": 0, "tenant": c["tenant"], "account": c["account"], "instrument": c["instrument_id"]}
    switch = (scope, named[scope])
    if c["flag"] == 0:
        venue.killed.discard(switch)
        return
    venue.killed.add(switch)

    def covers(order: VenueOrder) -> bool:
        of_order = {
            "venue": 0,
            "tenant": venue.ledger.accounts[order.account].tenant,
            "account": order.account,
            "instrument": order.market.instrument_id,
        }
        return bool(of_order[scope] == named[scope])

    cancel_orders(venue, [order for order in venue.orders.values() if covers(order)], "kill")


def open_session(venue: "VenueState", c: Command) -> None:
    """A session, and whether its orders end with it."""
    venue.sessions[c["session"]] = c["flag"]


def lose_session(venue: "VenueState", c: Command) -> None:
    """A session is gone."""
    if venue.sessions.pop(c["session"]):
        lost = [order for order in venue.orders.values() if order.session == c["session"]]
        cancel_orders(venue, lost, "disconnect")


def set_countdown(venue: "VenueState", c: Command) -> None:
    """Starts, renews or ends the countdown of an account."""
    venue.countdowns.pop(c["account"], None)
    if c["timeout"] > 0:
        venue.countdowns[c["account"]] = venue.clock + c["timeout"]


def set_stage(venue: "VenueState", c: Command) -> None:
    """The matching stage goes, or is back and gets what has waited for it."""
    shard = venue.shards.get(c["shard"])
    stage = venue.local if shard is None else shard
    was_away, stage.away = stage.away, c["flag"] == 1
    if not was_away or stage.away:
        return
    if shard is None:
        advance_engine(venue)
    else:
        advance(venue, shard)
    queue, stage.queue = stage.queue, []
    for order in queue:
        if order.order_id in venue.orders:
            submit(venue, order)


def advance_engine(venue: "VenueState") -> None:
    """The engine's clock follows the venue's: what is due there expires."""
    *due, accepted = venue.drive({"kind": "advance_time", "timestamp": venue.clock})
    assert accepted["kind"] == "accepted"
    fold(venue, due)


def set_collateral(venue: "VenueState", c: Command) -> None:
    """How an asset counts."""
    asset = venue.ledger.assets[c["asset"]]
    asset.collateral_asset, asset.mark, asset.haircut = c["collateral_asset"], c["mark"], c["haircut"]


def set_policy(venue: "VenueState", c: Command) -> None:
    """What new orders have to pass."""
    venue.policy = c["flag"]


def set_solo(venue: "VenueState", c: Command) -> None:
    """Whether answers wait for a standby."""
    venue.solo = c["flag"] == 1


def set_settlement(venue: "VenueState", c: Command) -> None:
    """When trades are posted."""
    venue.settled_by_service = c["flag"] == 1
