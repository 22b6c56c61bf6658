"""Keys of users' own programs, by methods of IdentityService: never with more than the user has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from exchange.bus.rpc import Call
from exchange.domain.contracts import identity as m
from exchange.errors import GatewayFault
from exchange.security.api_keys import SCOPES, ApiKey
from exchange.security.user_roles import delegable
from exchange.services.identity import records as r
from exchange.services.identity.api_keys import Wanted
from exchange.services.identity.behalf import Behalf, details_of
from exchange.services.identity.guard import Guard
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session

_KEYS_OF_A_USER_MAX: Final = 100


class OwnKeys:
    """Answers. Of one event loop.

    Args:
        behalf: What is done for users.
        guard: Looks at a key as soon as it is made or ended.
    """

    def __init__(self, behalf: Behalf, guard: Guard) -> None:
        self._behalf = behalf
        self._guard = guard

    async def list_api_keys(self, request: m.OfSession, _: Call) -> m.ApiKeysReply:
        """The keys of its user."""
        session = await self._behalf.session(request.session_id, "keys")
        found = await asyncio.to_thread(self._behalf.keys.all, session.user.user_id)
        now_ms = self._behalf.store.now_ms()
        return m.ApiKeysReply(keys=tuple(r.key_record(each, now_ms) for each in reversed(found)))

    async def create_api_key(self, request: m.CreateApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """A key for its user, who may do all that it may."""
        session = await self._behalf.session(request.session_id, "keys")
        user, now_ms = session.user, self._behalf.store.now_ms()
        accounts = r.numbers(request.accounts) or user.accounts
        if not set(request.scopes) & set(SCOPES) <= delegable(user.roles):
            raise Refused(GatewayFault.MORE_THAN_OWN, details_of(request.scopes, delegable(user.roles)))
        if user.accounts and not set(accounts) <= set(user.accounts):
            raise Refused(GatewayFault.MORE_THAN_OWN, "the user may not use all of these accounts")
        if request.expires_ms and request.expires_ms <= now_ms:
            raise Refused(GatewayFault.INVALID_BODY, "the key would expire before it is made")
        wanted = Wanted(
            name=request.name,
            tenant=user.tenant,
            scopes=request.scopes,
            algorithm=request.algorithm,
            public=request.public_key,
            accounts=accounts,
            addresses=request.addresses,
            expires_ms=request.expires_ms or None,
            user_id=user.user_id,
        )

        def make() -> tuple[ApiKey, str]:
            mine = [each for each in self._behalf.keys.all(user.user_id) if each.revoked_ms is None]
            if len(mine) >= _KEYS_OF_A_USER_MAX:
                raise Refused(
                    GatewayFault.NAME_TAKEN, f"a user has {_KEYS_OF_A_USER_MAX} keys at most: revoke one"
                )
            return self._behalf.keys.create(wanted, user.name)

        return await self._made(call, session, "apikeys.create", request.name, make)

    async def rotate_api_key(self, request: m.RotateApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """A key in the place of one of its user's."""
        session = await self._behalf.session(request.session_id, "keys")

        def make() -> tuple[ApiKey, str]:
            self._check_owner(session, request.key_id)
            return self._behalf.keys.rotate(request.key_id, request.public_key, session.user.name)

        return await self._made(call, session, "apikeys.rotate", request.key_id, make)

    async def revoke_api_key(self, request: m.RevokeApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """One of its user's counts no more."""
        session = await self._behalf.session(request.session_id, "keys")
        reason = request.reason or "by its user"

        def end() -> tuple[ApiKey, str]:
            self._check_owner(session, request.key_id)
            return self._behalf.keys.revoke(request.key_id, reason, session.user.name), ""

        return await self._made(call, session, "apikeys.revoke", request.key_id, end)

    def _check_owner(self, session: Session, key_id: str) -> None:
        if self._behalf.keys.find(key_id).user_id != session.user.user_id:
            raise Refused(GatewayFault.UNKNOWN_CREDENTIAL)

    async def _made(
        self, call: Call, session: Session, action: str, target: str, make: Callable[[], tuple[ApiKey, str]]
    ) -> m.ApiKeyReply:
        key, secret = await self._behalf.recorded(call, session, action, target, make)
        await asyncio.to_thread(self._guard.look)
        return m.ApiKeyReply(key=r.key_record(key, self._behalf.store.now_ms()), secret=secret)
