"""The kill switch of an account, for those who trade for it.

Who may trade may stop. Orders are let in again by whoever stopped them, signed in, and nobody else threw the
switch meanwhile; what others stopped, an administrator lets in again. The core has one bit an account and
does not know whose it is, so the records of administration say who threw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.client.rest import models as m
from exchange.client.results import AdminAnswer
from exchange.domain import contracts as rpc
from exchange.domain import queries as q
from exchange.domain.contracts import identity as i
from exchange.errors import GatewayFault
from exchange.security.principal import Method, Principal
from exchange.services.gateway.calls import Answer, Call, Route, Scope
from exchange.services.gateway.known import instant
from exchange.services.gateway.past import asking, journaled
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.switching import changes_of, throw_switch, values_of

_PATH: Final = "/v1/kill-switch"
_KEY: Final = "key:"


async def look(call: Call) -> Answer:
    """GET /v1/kill-switch."""
    query: m.AccountSwitchQuery = call.query
    row, sequence = await _row(call, query.account, query.min_sequence)
    rows = await _thrown(call, row.account, query.min_sequence) if row.killed and _is_recorded(call) else []
    return Answer(
        m.AccountSwitch(
            account=row.account,
            on=row.killed,
            who=rows[0].who if rows else None,
            why=rows[0].why if rows else None,
            set_at=instant(rows[0].changed_at) if rows else None,
            may_release=bool(rows) and not await _strangers(call, rows),
            sequence=str(sequence),
        )
    )


async def throw(call: Call) -> Answer:
    """POST /v1/kill-switch."""
    body: m.ThrowAccountSwitch = call.body
    # Asked over the tenant's session, which is refused another tenant's account: that of the venue is not.
    row, _ = await _row(call, body.account, 0)
    if not body.on:
        await _check_release(call, row.account)
    actor = _actor(call.owner)
    answer = await _send(call, row.account, on=body.on, why=body.why, actor=actor)
    if not body.on:
        await _mend_release(call, row.account, answer.sequence)
    return Answer(
        m.AccountSwitch(
            account=row.account,
            on=body.on,
            who=actor,
            why=body.why,
            set_at=instant(answer.timestamp),
            # Whether somebody else had thrown it before is asked by looking.
            may_release=False,
            sequence=str(answer.sequence),
        )
    )


def thrown(rows: Sequence[q.AdminChangeRow], before: int | None = None) -> list[q.AdminChangeRow]:
    """Those that threw a switch since it was last taken back, newest first.

    Args:
        rows: Of one switch, newest first.
        before: Only what came before this sequence of the journal; None: all.
    """
    found: list[q.AdminChangeRow] = []
    for row in rows:
        if row.reject or (before is not None and row.sequence >= before):
            continue
        if not values_of(row).get("on"):
            break
        found.append(row)
    return found


async def _row(call: Call, wanted: int | None, min_sequence: int) -> tuple[q.AccountRow, int]:
    """The account, and as of when.

    Raises:
        Refusal: UNKNOWN_ACCOUNT: the tenant has none of that number, or the caller may not use it.
    """
    request = q.AccountsRequest(account=call.account(wanted), limit=1)
    trader = await call.trader()
    seen = await journaled(trader.client, min_sequence)
    reply = await trader.client.ask(asking(request, q.AccountsReply, seen))
    return reply.accounts[0], reply.sequence


async def _thrown(
    call: Call, account: int, min_sequence: int = 0, before: int | None = None
) -> list[q.AdminChangeRow]:
    rows = await changes_of(call, "KillSwitch", f"account/{account}", min_sequence=min_sequence)
    return thrown(rows, before)


async def _check_release(call: Call, account: int) -> None:
    """Whether the caller may let orders in again.

    Raises:
        Refusal: SCOPE_MISSING: it takes an administrator, or a person; NOT_ENABLED: nobody knows whose it is.
    """
    if call.owner.method is not Method.SESSION:
        raise Refusal(
            GatewayFault.SCOPE_MISSING,
            "Orders are let in again by a person who is signed in.",
            {"needs": str(Scope.SESSION)},
        )
    if not _is_recorded(call):
        raise Refusal(
            GatewayFault.NOT_ENABLED,
            "Nobody knows who stopped this account, as administration is not kept (admin.enabled):"
            " an administrator lets its orders in again.",
        )
    if await _strangers(call, await _thrown(call, account)):
        raise _others()


async def _mend_release(call: Call, account: int, released: int) -> None:
    """Throws the switch again where somebody else had thrown it between the look and the release."""
    rows = await _thrown(call, account, released, released)
    if strangers := await _strangers(call, rows):
        await _send(call, account, on=True, why="", actor=strangers[0])
        raise _others()


async def _send(call: Call, account: int, *, on: bool, why: str, actor: str) -> AdminAnswer:
    target = {"account": account}
    return await throw_switch(call, "account", target, on=on, why=why, actor=actor, name=str(account))


def _others() -> Refusal:
    said = "This account was stopped by somebody else: an administrator lets its orders in again."
    return Refusal(GatewayFault.SCOPE_MISSING, said, {"needs": str(Scope.ADMIN)})


def _is_recorded(call: Call) -> bool:
    return call.exchange.machine.settings.admin.enabled


async def _strangers(call: Call, rows: Sequence[q.AdminChangeRow]) -> list[str]:
    """Who threw it beside the caller, who is known by their session, and their own keys."""
    owner = call.owner
    others = [row.who for row in rows if owner.method is not Method.SESSION or row.who != owner.name]
    if (
        owner.method is Method.SESSION
        and "keys" in owner.scopes
        and any(each.startswith(_KEY) for each in others)
    ):
        asked = i.OfSession(session_id=owner.session_id)
        reply = await call.exchange.doors.identity.ask(rpc.LIST_API_KEYS, asked, owner)
        own = {_KEY + key.key_id for key in reply.keys}
        others = [each for each in others if each not in own]
    return others


def _actor(owner: Principal) -> str:
    """No user's name has a colon, so a key may be called as somebody is and is not taken for them."""
    return owner.name if owner.method is Method.SESSION else _KEY + owner.subject


ROUTES: Final = (
    Route(
        method="GET", path=_PATH, handler=look, scope=Scope.READ, weight=2, query=m.AccountSwitchQuery,
        does="Whether orders of an account are stopped, and by whom", answers=m.AccountSwitch, tag="Accounts",
    ),
    Route(
        method="POST", path=_PATH, handler=throw, scope=Scope.TRADE, cancels=True, body=m.ThrowAccountSwitch,
        does="Stop an account: block its orders and cancel what rests; or take that back",
        answers=m.AccountSwitch, tag="Accounts",
    ),
)  # fmt: skip
"""Rows of the table of routes."""
