"""Sessions, tokens and passwords over HTTP."""

from __future__ import annotations

import time
from typing import Final

from exchange.client.rest import identity as m
from exchange.client.rest.models import NoQuery
from exchange.domain import contracts as rpc
from exchange.domain.contracts import identity as i
from exchange.errors import GatewayFault
from exchange.security.principal import Method
from exchange.services.gateway.calls import Answer, Call, Route, Scope
from exchange.services.gateway.known import instant
from exchange.services.gateway.refusal import Refusal

_MS_NS: Final = 1_000_000
_WEIGHT: Final = 20  # of a password's hash: 20 ms of a processor
_CLIENT_MAX: Final = 120


async def open_session(call: Call) -> Answer:
    """POST /v1/sessions."""
    body: m.OpenSession = call.body
    return await _opened(
        call,
        i.OpenSessionRequest(
            user_name=body.user_name, password=body.password, address=call.address, client=_client(call)
        ),
    )


async def open_demo(call: Call) -> Answer:
    """POST /v1/sessions/demo."""
    if not call.exchange.doors.has_demo:
        raise Refusal(GatewayFault.UNKNOWN_ROUTE)
    return await _opened(call, i.OpenSessionRequest(demo=True, address=call.address, client=_client(call)))


async def current(call: Call) -> Answer:
    """GET /v1/sessions/current."""
    asked = i.OfSession(session_id=call.owner.session_id)
    reply = await call.exchange.doors.identity.ask(rpc.GET_SESSION, asked, call.owner)
    session, user = reply.session or i.SessionRecord(), reply.user or i.UserRecord()
    return Answer(m.CurrentSession(session=session_of(session, call), user=user_of(user)))


async def sessions(call: Call) -> Answer:
    """GET /v1/sessions."""
    asked = i.OfSession(session_id=call.owner.session_id)
    reply = await call.exchange.doors.identity.ask(rpc.LIST_SESSIONS, asked, call.owner)
    return Answer(m.Sessions(sessions=[session_of(each, call) for each in reply.sessions]))


async def end_current(call: Call) -> Answer:
    """DELETE /v1/sessions/current."""
    return await _end(call, call.owner.session_id)


async def end_session(call: Call) -> Answer:
    """DELETE /v1/sessions/{sessionId}."""
    return await _end(call, call.path["sessionId"])


async def change_password(call: Call) -> Answer:
    """PUT /v1/users/me/password."""
    body: m.ChangePassword = call.body
    asked = i.ChangePasswordRequest(
        session_id=call.owner.session_id,
        old=body.old_password,
        new=body.new_password,
        address=call.address,
    )
    doors = call.exchange.doors
    await doors.identity.ask(rpc.CHANGE_PASSWORD, asked, call.owner)
    doors.authenticator.forget()
    return Answer(m.Ended(ended="all sessions"), headers=(doors.browsers.cookie("", 0),))


async def issue_token(call: Call) -> Answer:
    """POST /v1/tokens."""
    asked = i.OfSession(session_id=call.owner.session_id)
    reply = await call.exchange.doors.identity.ask(rpc.ISSUE_TOKEN, asked, call.owner)
    return Answer(m.IssuedToken(token=reply.token, expires_at=instant(reply.expires_ms * _MS_NS)), 201)


async def signing_keys(call: Call) -> Answer:
    """GET /.well-known/jwks.json."""
    return Answer((await call.exchange.doors.identity.signing_keys()).encode("ascii"))


def session_of(record: i.SessionRecord, call: Call) -> m.Session:
    """A session, as a program is told it."""
    return m.Session(
        session_id=record.session_id,
        created_at=instant(record.created_ms * _MS_NS),
        used_at=instant(record.used_ms * _MS_NS),
        expires_at=instant(record.expires_ms * _MS_NS),
        address=record.address,
        client=record.client,
        current=call.principal is not None and record.session_id == call.principal.session_id,
    )


def user_of(record: i.UserRecord) -> m.User:
    """A user, likewise."""
    return m.User(
        user_id=record.user_id,
        user_name=record.name,
        tenant=record.tenant,
        roles=list(record.roles),
        scopes=list(record.scopes),
        accounts=[int(each) for each in record.accounts.split()],
        created_at=instant(record.created_ms * _MS_NS),
        disabled=record.disabled,
    )


async def _opened(call: Call, request: i.OpenSessionRequest) -> Answer:
    doors = call.exchange.doors
    doors.browsers.check_login(call.headers)
    reply = await doors.identity.ask(rpc.OPEN_SESSION, request)
    session, user = reply.session or i.SessionRecord(), reply.user or i.UserRecord()
    told = session_of(session, call)
    told.current = True
    lasts_s = max(0, session.expires_ms - time.time_ns() // _MS_NS) // 1_000
    body = m.OpenedSession(token=reply.token, expires_at=told.expires_at, session=told, user=user_of(user))
    return Answer(body, 201, (doors.browsers.cookie(reply.token, lasts_s),))


async def _end(call: Call, session_id: str) -> Answer:
    doors, owner = call.exchange.doors, call.owner
    asked = i.EndSessionRequest(session_id=owner.session_id, ended=session_id)
    await doors.identity.ask(rpc.END_SESSION, asked, owner)
    doors.authenticator.forget()
    own = owner.method is Method.SESSION and session_id == owner.session_id
    return Answer(m.Ended(ended=session_id), headers=(doors.browsers.cookie("", 0),) if own else ())


def _client(call: Call) -> str:
    return call.headers.get(b"user-agent", b"").decode("latin-1")[:_CLIENT_MAX]


ROUTES: Final = (
    Route(
        method="POST", path="/v1/sessions", handler=open_session, scope=Scope.PUBLIC, weight=_WEIGHT,
        does="Sign in; the token comes in the body, and as a cookie", body=m.OpenSession,
        answers=m.OpenedSession, status=201, tag="Sessions",
    ),
    Route(
        method="POST", path="/v1/sessions/demo", handler=open_demo, scope=Scope.PUBLIC, weight=_WEIGHT,
        does="Sign in as the user for demos, where the exchange has one", answers=m.OpenedSession, status=201,
        tag="Sessions",
    ),
    Route(
        method="GET", path="/v1/sessions", handler=sessions, scope=Scope.SESSION,
        does="All sessions of the user", query=NoQuery, answers=m.Sessions, tag="Sessions",
    ),
    Route(
        method="GET", path="/v1/sessions/current", handler=current, scope=Scope.SESSION,
        does="The session that asks, and its user", answers=m.CurrentSession, tag="Sessions",
    ),
    Route(
        method="DELETE", path="/v1/sessions/current", handler=end_current, scope=Scope.SESSION,
        does="Sign out", answers=m.Ended, tag="Sessions",
    ),
    Route(
        method="DELETE", path="/v1/sessions/{sessionId}", handler=end_session, scope=Scope.SESSION,
        does="End another session of the user", answers=m.Ended, tag="Sessions",
    ),
    Route(
        method="PUT", path="/v1/users/me/password", handler=change_password, scope=Scope.SESSION,
        weight=_WEIGHT, does="Change the password; all sessions of the user end", body=m.ChangePassword,
        answers=m.Ended, tag="Sessions",
    ),
    Route(
        method="POST", path="/v1/tokens", handler=issue_token, scope=Scope.SESSION, weight=2,
        does="A JWT of five minutes, for other services", answers=m.IssuedToken, status=201, tag="Sessions",
    ),
    Route(
        method="GET", path="/.well-known/jwks.json", handler=signing_keys, scope=Scope.PUBLIC,
        does="The keys that sign JWTs", answers=m.JsonWebKeySet, tag="Sessions",
    ),
)  # fmt: skip
"""Rows of the table of routes."""
