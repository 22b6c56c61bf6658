"""Trades that wait for a settlement service, which knows their fees and posts them in their order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.oracle.venue.model import Command, Market
from tests.oracle.venue.words import HOUSE_FEES

if TYPE_CHECKING:
    from tests.oracle.venue.state import VenueState

SIDES = ("buy", "sell")


@dataclass(frozen=True)
class Unposted:
    """What a trade moves once it is posted; by side: whose, how much is held for it, the most of its fee."""

    market: Market
    accounts: dict[str, int]
    gives: dict[str, int]
    held: dict[str, int]
    most_fee: dict[str, int]
    moves_money: bool


def is_behind(venue: "VenueState") -> bool:
    """Whether no more trades may be made."""
    return len(venue.unposted) >= venue.sizes.max_unposted_trades


def next_trade(venue: "VenueState") -> int:
    """The id of the one that is posted next."""
    return venue.trades - len(venue.unposted) + 1


def apply_post(venue: "VenueState", c: Command) -> None:
    """One trade: answers for it, and posts it."""
    detail: list[tuple[int, int] | None] = [None]
    reject = next((code for code, failed in checks(venue, c, detail) if failed), None)
    plain = dict(c) | {"asset": 0, "account": 0, "transfer_id": c["trade_id"]}
    venue.answer(plain, reject=reject, detail=detail[0] if reject else None)
    if reject is None:
        post(venue, venue.unposted.pop(0), {"buy": c["buyer_fee"], "sell": c["seller_fee"]})


def checks(
    venue: "VenueState", c: Command, detail: list[tuple[int, int] | None]
) -> Iterator[tuple[str, bool]]:
    """In order."""
    given = bool(c.get("extra_present", 0)) or any(name in c for name in ("expected_version", "expire_at"))
    yield "invalid_field", given
    yield "unknown_account", c["tenant"] != 0
    following = next_trade(venue)
    yield "already_posted", 0 < c["trade_id"] < following
    detail[0] = (following, c["trade_id"] - (2**64 if c["trade_id"] >= 2**63 else 0))
    yield "unexpected_trade", c["trade_id"] != following or not venue.unposted
    for side, name in zip(SIDES, ("buyer_fee", "seller_fee"), strict=True):
        most = venue.unposted[0].most_fee[side]
        detail[0] = (most, c[name])
        yield "fee_out_of_bounds", not -most <= c[name] <= most


def post(venue: "VenueState", trade: Unposted, fees: dict[str, int]) -> None:
    """Money one way, goods the other, and both fees."""
    market, ledger = trade.market, venue.ledger
    if trade.moves_money:
        for giver, getter in (SIDES, SIDES[::-1]):
            ledger.move(
                trade.accounts[giver],
                trade.accounts[getter],
                market.pays(giver),
                trade.gives[giver],
                trade.held[giver],
            )
    for side in SIDES:
        position = venue.touch(trade.accounts[side], market)
        if market.fee_in_quote(side):
            position.realised -= fees[side]
        if trade.moves_money:
            ledger.move(trade.accounts[side], HOUSE_FEES, market.fee_asset(side), fees[side])
