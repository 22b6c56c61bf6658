"""Settlements of trades, a page at a time. A tenant sees the sides that are its own."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, or_, select

from exchange.domain.enums import SettlementStatus
from exchange.domain.queries import SettlementRow, SettlementsReply, SettlementsRequest
from exchange.errors import RpcError, RpcStatus
from exchange.runtime.caller import OPERATOR, Caller, page
from exchange.services.settlement.tables import POSTINGS, PROGRESS, SIDES, TRADES
from exchange.storage.sql import Transaction, signed, unsigned

_MOST: Final = 1_000
_INT64_MAX: Final = (1 << 63) - 1
_SIDED: Final = ("", "_tenant", "_fee", "_fee_asset")


def settlements(tx: Transaction, request: SettlementsRequest, caller: Caller) -> SettlementsReply:
    """Trades with their fees, and whether they are settled; the newest first."""
    c = TRADES.c
    taken, posted = tx.execute(select(PROGRESS.c.trade_id, PROGRESS.c.posted)).one()
    wanted, account = [], signed(request.account)
    asked, number = select(TRADES), c.trade_id
    if request.account:  # pages come in the order of its own index, and cost what they have
        asked, number = asked.join(SIDES, SIDES.c.trade_id == c.trade_id), SIDES.c.trade_id
        wanted.append(SIDES.c.account == account)
    if request.trade_id:
        wanted.append(number == signed(request.trade_id))
    if caller.tenant != OPERATOR:
        wanted.append(or_(c.buyer_tenant == caller.tenant, c.seller_tenant == caller.tenant))
        if request.account and request.account not in (caller.accounts or {request.account}):
            raise RpcError(RpcStatus.NOT_FOUND, f"account {request.account} is not known")
        if request.account:
            wanted.append(
                or_(
                    and_(c.buyer == account, c.buyer_tenant == caller.tenant),
                    and_(c.seller == account, c.seller_tenant == caller.tenant),
                )
            )
        elif caller.accounts:
            accounts = sorted(signed(each) for each in caller.accounts)
            own = select(SIDES.c.trade_id).where(SIDES.c.account.in_(accounts))
            wanted.append(number.in_(own))
    if request.status is SettlementStatus.PENDING:
        wanted.append(number > posted)
    elif request.status is SettlementStatus.SETTLED:
        wanted.append(number <= posted)
    elif request.status is not None:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, "a settlement is pending or settled")
    if request.after > _INT64_MAX:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, f"there is no page after {request.after}")
    if request.after:
        wanted.append(number > request.after if request.oldest_first else number < request.after)
    limit = page(request.limit, _MOST)
    order = number if request.oldest_first else number.desc()
    found = tx.execute(asked.where(*wanted).order_by(order).limit(limit + 1)).all()
    rows = tuple(_row(tx, row, int(posted), caller) for row in found[:limit])
    seen = tx.execute(select(c.sequence).where(c.trade_id == taken)).scalar()
    return SettlementsReply(
        sequence=int(seen or 0),
        taken=int(taken),
        posted=int(posted),
        settlements=rows,
        more=len(found) > limit,
    )


def _row(tx: Transaction, row: Any, posted: int, caller: Caller) -> SettlementRow:
    values = {
        column.name: getattr(row, column.name)
        for column in TRADES.columns
        if column.name not in ("at_once", "correlation_id", "sequence", "buyer_is_maker")
    }
    for side in ("buyer", "seller"):
        values[side] = unsigned(values[side])
        strange = caller.tenant not in (OPERATOR, values[f"{side}_tenant"])
        hidden = caller.accounts and values[side] not in caller.accounts
        if strange or hidden:  # whose the other side is, and what it pays, is not this caller's to know
            values |= {f"{side}{what}": 0 for what in _SIDED}
    settled_at, sequence = _settled(tx, row, posted)
    status = SettlementStatus.SETTLED if row.trade_id <= posted else SettlementStatus.PENDING
    return SettlementRow(status=status, settled_at=settled_at, sequence=sequence, **values)


def _settled(tx: Transaction, row: Any, posted: int) -> tuple[int, int]:
    """When it was posted, and by which command; 0 where it was not."""
    if row.trade_id > posted:
        return 0, 0
    if row.at_once:
        return int(row.traded_at), int(row.sequence)
    asked = select(POSTINGS).where(POSTINGS.c.trade_id >= row.trade_id).order_by(POSTINGS.c.trade_id).limit(1)
    of = tx.execute(asked).one()
    return int(of.settled_at), int(of.sequence)
