"""What an account has: balances, positions, limits; and money between accounts of a tenant."""

from __future__ import annotations

import hashlib
from functools import partial

from exchange.client.rest import models as m
from exchange.domain import queries as q
from exchange.errors import GatewayFault
from exchange.services.gateway import known
from exchange.services.gateway.calls import Answer, Call
from exchange.services.gateway.past import asking
from exchange.services.gateway.refusal import Refusal, refusal_of
from exchange.services.gateway.told import balance_of_row, position_of_row, word


async def balances(call: Call) -> Answer:
    """GET /v1/balances."""
    account = call.account(call.query.account)
    trader = await call.asker()
    reply = await trader.client.ask(asking(q.BalancesRequest(account=account), q.BalancesReply))
    found = [balance_of_row(row) for row in reply.balances]
    return Answer(m.Balances(account=account, balances=found, sequence=str(reply.sequence)))


async def positions(call: Call) -> Answer:
    """GET /v1/positions."""
    account = call.account(call.query.account)
    trader = await call.asker()
    reply = await trader.client.ask(asking(q.PositionsRequest(account=account), q.PositionsReply))
    found = [
        position_of_row(row, await call.exchange.known.by_id(row.instrument_id)) for row in reply.positions
    ]
    return Answer(m.Positions(account=account, positions=found, sequence=str(reply.sequence)))


async def limits(call: Call) -> Answer:
    """GET /v1/limits."""
    query: m.SymbolQuery = call.query
    account = call.account(query.account)
    instrument_id = 0 if query.symbol is None else (await call.instrument(query.symbol)).instrument_id
    trader = await call.asker()
    request = q.LimitsRequest(account=account, instrument_id=instrument_id)
    reply = await trader.client.ask(asking(request, q.LimitsReply))
    found = []
    for row in reply.limits:
        symbol = None
        if row.instrument_id:
            symbol = (await call.exchange.known.by_id(row.instrument_id)).symbol
        found.append(
            m.Limit(
                kind=word(row.kind),
                account=row.account,
                symbol=symbol,
                value=str(row.value),
                interval_ns=str(row.interval),
            )
        )
    return Answer(m.Limits(account=account, limits=found, sequence=str(reply.sequence)))


async def transfer(call: Call) -> Answer:
    """POST /v1/transfers. Idempotency-Key becomes the transfer id, which the core remembers for ever."""
    body: m.TransferMoney = call.body
    key = call.idempotency_key()
    if key is None:
        raise Refusal(GatewayFault.IDEMPOTENCY_KEY_NEEDED)
    account = call.account(body.account)
    asset = await call.exchange.known.asset(body.asset)
    named = f"{call.owner.tenant}/{account}/".encode("ascii") + key
    transfer_id = int.from_bytes(hashlib.sha256(named).digest()[:16], "big") or 1
    trader = await call.trader()
    make = partial(
        trader.client.make.admin.transfer,
        asset.asset,
        known.units(asset, "amount", body.amount) or 0,
        to=body.to_account,
        account=account,
        transfer_id=transfer_id,
    )
    answer = await trader.send(call.correlation_id, lambda each: make(correlation_id=each), "")
    if answer.reject is not None:
        raise refusal_of(answer.reject, {"transferId": f"{transfer_id:032x}"})
    balance = answer.balance
    return Answer(
        m.TransferAnswer(
            transfer_id=f"{transfer_id:032x}",
            account=account,
            to_account=body.to_account,
            asset=asset.symbol,
            amount=str(body.amount),
            total=known.decimal(balance.total if balance else 0, asset.scale),
            available=known.decimal(balance.available if balance else 0, asset.scale),
            sequence=str(answer.sequence),
            timestamp=known.instant(answer.timestamp),
            duplicate=answer.duplicate,
        ),
        201,
    )
