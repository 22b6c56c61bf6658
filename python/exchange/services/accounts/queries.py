"""Balances, what of them is held, and the accounts themselves."""

from __future__ import annotations

import numpy as np

from exchange.domain.queries import (
    AccountRow,
    AccountsReply,
    AccountsRequest,
    BalanceRow,
    BalancesReply,
    BalancesRequest,
    ReservationRow,
    ReservationsReply,
    ReservationsRequest,
)
from exchange.runtime.caller import OPERATOR, Caller, page
from exchange.services.accounts.ports import AccountsPort

_MOST = 1_000
_NEVER = 2**63 - 1


def balances(ports: AccountsPort, request: BalancesRequest, caller: Caller) -> BalancesReply:
    """Every balance of an account, by asset."""
    caller.require(ports, request.account)
    assets = {int(record["asset"]): record for record in ports.assets()}
    rows = []
    for record in ports.balances(request.account):
        asset = assets[int(record["asset"])]
        total, reserved = int(record["total"]), int(record["reserved"])
        rows.append(
            BalanceRow(
                asset=int(record["asset"]),
                symbol=bytes(asset["symbol"]).rstrip(b"\0").decode("ascii"),
                scale=int(asset["scale"]),
                total=total,
                available=total - reserved,
                reserved=reserved,
                version=int(record["version"]),
            )
        )
    return BalancesReply(sequence=ports.sequence, balances=tuple(rows))


def reservations(ports: AccountsPort, request: ReservationsRequest, caller: Caller) -> ReservationsReply:
    """What live orders hold, by order id, then what `reserve` commands hold."""
    caller.require(ports, request.account)
    rows = [
        ReservationRow(
            asset=int(order["reserved_asset"]), amount=int(order["reserved"]), order_id=int(order["order_id"])
        )
        for order in ports.open_orders(request.account, 0)
        if order["reserved"]
    ]
    rows += [
        ReservationRow(
            asset=int(hold["asset"]),
            amount=int(hold["amount"]),
            reservation_id=(int(hold["transfer_id"][1]) << 64) | int(hold["transfer_id"][0]),
            expire_at=int(hold["expire_at"]) if hold["expire_at"] != _NEVER else None,
        )
        for hold in ports.holds(request.account)
    ]
    wanted = tuple(row for row in rows if request.asset in (None, row.asset))
    return ReservationsReply(sequence=ports.sequence, reservations=wanted)


def accounts(ports: AccountsPort, request: AccountsRequest, caller: Caller) -> AccountsReply:
    """One account, or those of the caller's tenant, by number, a page at a time."""
    if request.account:
        caller.require(ports, request.account)
    limit = page(request.limit, _MOST)
    known = np.sort(ports.accounts(), order="account")
    wanted = known["account"] == request.account if request.account else known["account"] > request.after
    if caller.tenant != OPERATOR:
        wanted &= known["tenant"] == caller.tenant
    if caller.accounts:
        wanted &= np.isin(known["account"], np.array(sorted(caller.accounts), np.uint64))
    found = known[wanted]
    rows = tuple(
        AccountRow(
            account=int(record["account"]),
            tenant=int(record["tenant"]),
            parent=int(record["parent"]),
            killed=bool(record["killed"]),
            countdown_at=int(record["countdown_at"]) or None,
            open_orders=ports.open_orders(int(record["account"]), 0).size,
        )
        for record in found[:limit]
    )
    return AccountsReply(sequence=ports.sequence, accounts=rows, more=found.size > limit)
