"""Users of a tenant, for its administrators, by methods of IdentityService."""

from __future__ import annotations

import asyncio
from typing import Final

from exchange.bus.rpc import Call
from exchange.domain.contracts import identity as m
from exchange.errors import GatewayFault
from exchange.security.user_roles import checked_roles, scopes_of, session_scopes
from exchange.services.identity import records as r
from exchange.services.identity.behalf import Behalf, details_of, of_bad_input
from exchange.services.identity.passwords import HashWorkers, checked_password, hashed
from exchange.services.identity.refused import Refused
from exchange.services.identity.users import checked_name

_PAGE: Final = 100


class TenantUsers:
    """Answers. Of one event loop.

    Args:
        behalf: What is done for users.
        workers: Hash passwords.
    """

    def __init__(self, behalf: Behalf, workers: HashWorkers) -> None:
        self._behalf = behalf
        self._workers = workers

    async def list_users(self, request: m.ListUsersRequest, _: Call) -> m.ListUsersReply:
        """A page of those of the tenant."""
        session = await self._behalf.session(request.session_id, "operate")
        most = min(request.limit or _PAGE, _PAGE)
        found = await asyncio.to_thread(self._behalf.users.all, session.user.tenant, request.after, most + 1)
        return m.ListUsersReply(
            users=tuple(r.user_record(each, session_scopes(each.roles)) for each in found[:most]),
            more=len(found) > most,
        )

    async def create_user(self, request: m.CreateUserRequest, call: Call) -> m.UserReply:
        """A user of the tenant, who may no more than who makes it."""
        session = await self._behalf.session(request.session_id, "admin")
        admin = session.user
        with of_bad_input():
            name, roles = checked_name(request.user_name), checked_roles(request.roles)
        accounts = r.numbers(request.accounts) or admin.accounts
        if not scopes_of(roles) <= scopes_of(admin.roles):
            raise Refused(GatewayFault.MORE_THAN_OWN, details_of(scopes_of(roles), scopes_of(admin.roles)))
        if admin.accounts and not set(accounts) <= set(admin.accounts):
            raise Refused(GatewayFault.MORE_THAN_OWN, "the user may not use all of these accounts")
        password = checked_password(request.password, name)
        made = await self._workers.do(lambda: hashed(password))
        user = await self._behalf.recorded(
            call,
            session,
            "users.create",
            name,
            lambda: self._behalf.users.create(name, admin.tenant, made, roles, accounts, admin.name),
        )
        return m.UserReply(user=r.user_record(user, session_scopes(user.roles)))
