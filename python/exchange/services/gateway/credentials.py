"""Keys of a user's own programs, and users of a tenant, over HTTP."""

from __future__ import annotations

from typing import Final

from exchange.client.rest import identity as m
from exchange.domain import contracts as rpc
from exchange.domain.contracts import identity as i
from exchange.services.gateway.calls import Answer, Call, Route, Scope
from exchange.services.gateway.known import instant, nanoseconds
from exchange.services.gateway.sessions import user_of

_MS_NS: Final = 1_000_000
_WEIGHT: Final = 20


async def keys(call: Call) -> Answer:
    """GET /v1/api-keys."""
    asked = i.OfSession(session_id=call.owner.session_id)
    reply = await call.exchange.doors.identity.ask(rpc.LIST_API_KEYS, asked, call.owner)
    return Answer(m.ApiKeys(keys=[_key(each) for each in reply.keys]))


async def new_key(call: Call) -> Answer:
    """POST /v1/api-keys."""
    body: m.NewApiKey = call.body
    asked = i.CreateApiKeyRequest(
        session_id=call.owner.session_id,
        name=body.name,
        scopes=tuple(body.scopes),
        accounts=" ".join(map(str, body.accounts)),
        addresses=tuple(body.addresses),
        expires_ms=(nanoseconds("expiresAt", body.expires_at) or 0) // _MS_NS,
        algorithm=body.algorithm,
        public_key=body.public_key,
    )
    reply = await call.exchange.doors.identity.ask(rpc.CREATE_API_KEY, asked, call.owner)
    return _made(reply)


async def rotate_key(call: Call) -> Answer:
    """POST /v1/api-keys/{keyId}/rotate."""
    body: m.RotateApiKey = call.body
    asked = i.RotateApiKeyRequest(
        session_id=call.owner.session_id, key_id=call.path["keyId"], public_key=body.public_key
    )
    return _made(await call.exchange.doors.identity.ask(rpc.ROTATE_API_KEY, asked, call.owner))


async def revoke_key(call: Call) -> Answer:
    """DELETE /v1/api-keys/{keyId}."""
    key_id = call.path["keyId"]
    asked = i.RevokeApiKeyRequest(session_id=call.owner.session_id, key_id=key_id)
    await call.exchange.doors.identity.ask(rpc.REVOKE_API_KEY, asked, call.owner)
    return Answer(m.Ended(ended=key_id))


async def users(call: Call) -> Answer:
    """GET /v1/users."""
    query: m.UsersQuery = call.query
    asked = i.ListUsersRequest(session_id=call.owner.session_id, after=query.cursor, limit=query.limit)
    reply = await call.exchange.doors.identity.ask(rpc.LIST_USERS, asked, call.owner)
    found = [user_of(each) for each in reply.users]
    return Answer(m.Users(users=found, next_cursor=found[-1].user_name if reply.more else None))


async def new_user(call: Call) -> Answer:
    """POST /v1/users."""
    body: m.NewUser = call.body
    asked = i.CreateUserRequest(
        session_id=call.owner.session_id,
        user_name=body.user_name,
        password=body.password,
        roles=tuple(body.roles),
        accounts=" ".join(map(str, body.accounts)),
    )
    reply = await call.exchange.doors.identity.ask(rpc.CREATE_USER, asked, call.owner)
    return Answer(user_of(reply.user or i.UserRecord()), 201)


def _made(reply: i.ApiKeyReply) -> Answer:
    return Answer(m.MadeApiKey(key=_key(reply.key or i.ApiKeyRecord()), secret=reply.secret or None), 201)


def _key(record: i.ApiKeyRecord) -> m.ApiKey:
    return m.ApiKey(
        key_id=record.key_id,
        name=record.name,
        algorithm=record.algorithm,
        scopes=list(record.scopes),
        accounts=[int(each) for each in record.accounts.split()],
        addresses=list(record.addresses),
        status=record.status,
        created_at=instant(record.created_ms * _MS_NS),
        expires_at=_instant_or_none(record.expires_ms),
        used_at=_instant_or_none(record.used_ms),
        replaced_by=record.replaced_by or None,
    )


def _instant_or_none(ms: int) -> str | None:
    return instant(ms * _MS_NS) if ms else None


ROUTES: Final = (
    Route(
        method="GET", path="/v1/api-keys", handler=keys, scope=Scope.KEYS,
        does="Keys of the user's own programs", answers=m.ApiKeys, tag="Keys",
    ),
    Route(
        method="POST", path="/v1/api-keys", handler=new_key, scope=Scope.KEYS,
        does="Make a key, which may no more than the user", body=m.NewApiKey, answers=m.MadeApiKey,
        status=201, tag="Keys",
    ),
    Route(
        method="POST", path="/v1/api-keys/{keyId}/rotate", handler=rotate_key, scope=Scope.KEYS,
        does="Make a key in the place of one; both count until the old one is revoked",
        body=m.RotateApiKey, answers=m.MadeApiKey, status=201, tag="Keys",
    ),
    Route(
        method="DELETE", path="/v1/api-keys/{keyId}", handler=revoke_key, scope=Scope.KEYS,
        does="Have a key count no more", answers=m.Ended, tag="Keys",
    ),
    Route(
        method="GET", path="/v1/users", handler=users, scope=Scope.OPERATE, weight=2,
        does="Users of the tenant", query=m.UsersQuery, answers=m.Users, tag="Users",
    ),
    Route(
        method="POST", path="/v1/users", handler=new_user, scope=Scope.ADMIN, weight=_WEIGHT,
        does="Make a user of the tenant, who may no more than who makes it", body=m.NewUser, answers=m.User,
        status=201, tag="Users",
    ),
)  # fmt: skip
"""Rows of the table of routes."""
