"""IdentityService: what each method does. On behalf of a user the session says who that is and may what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from exchange.bus.rpc import Call
from exchange.domain.contracts import identity as m
from exchange.errors import ConfigError, GatewayFault, SecurityError, SecurityFault
from exchange.runtime.auditing import ProcessAudit
from exchange.security.api_keys import SCOPES, ApiKey
from exchange.security.user_roles import checked_roles, delegable, scopes_of
from exchange.services.identity import records as r
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.guard import Guard
from exchange.services.identity.passwords import HashWorkers, checked_password, hashed
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session, Sessions
from exchange.services.identity.signing_in import SigningIn
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tokens import OwnTokens, key_set
from exchange.services.identity.users import Users, checked_name

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
T = TypeVar("T")
_KEYS_OF_A_USER_MAX: Final = 100
_PAGE: Final = 100
_OWN_FAULTS: Final = {
    SecurityFault.UNKNOWN_KEY: GatewayFault.UNKNOWN_CREDENTIAL,
    SecurityFault.KEY_REVOKED: GatewayFault.UNKNOWN_CREDENTIAL,
    SecurityFault.KEY_EXISTS: GatewayFault.NAME_TAKEN,
}


@dataclass(frozen=True, slots=True)
class Shelves:
    """What the desk looks at: users, sessions, keys, and what records who changed them."""

    store: IdentityStore
    users: Users
    sessions: Sessions
    keys: ApiKeys
    audit: ProcessAudit


class Desk:
    """Answers. Of one event loop; what waits for the store does so in threads.

    Args:
        shelves: See `Shelves`.
        guard: Says who asks.
        tokens: Issues tokens.
        workers: Hash passwords.
        signing_in: Signs users in.
    """

    def __init__(
        self,
        shelves: Shelves,
        guard: Guard,
        tokens: OwnTokens,
        workers: HashWorkers,
        signing_in: SigningIn,
    ) -> None:
        self._shelves = shelves
        self._guard = guard
        self._tokens = tokens
        self._workers = workers
        self._signing_in = signing_in

    async def authenticate(self, request: m.AuthenticateRequest, _: Call) -> m.AuthenticateReply:
        """Whose a request is."""
        now_ms = self._shelves.store.now_ms()
        try:
            principal = await self._guard.principal_of(request)
        except Refused as refused:
            return m.AuthenticateReply(refusal=refused.record, server_time_ms=now_ms)
        return m.AuthenticateReply(principal=r.principal_record(principal), server_time_ms=now_ms)

    async def standing(self, request: m.StandingRequest, _: Call) -> m.StandingReply:
        """Which of these count no more."""
        return m.StandingReply(ended=tuple(await asyncio.to_thread(self._guard.ended, request.credentials)))

    async def open_session(self, request: m.OpenSessionRequest, _: Call) -> m.SessionReply:
        """Signs a user in."""
        session, token = await self._signing_in.open(request)
        return m.SessionReply(
            session=r.session_record(session), user=r.user_record(session.user), token=token
        )

    async def get_session(self, request: m.OfSession, _: Call) -> m.SessionReply:
        """A session, and its user."""
        session = await self._session(request.session_id)
        return m.SessionReply(session=r.session_record(session), user=r.user_record(session.user))

    async def list_sessions(self, request: m.OfSession, _: Call) -> m.SessionsReply:
        """All of its user's."""
        session = await self._session(request.session_id)
        found = await asyncio.to_thread(self._shelves.sessions.of_user, session.user.user_id)
        return m.SessionsReply(sessions=tuple(map(r.session_record, found)))

    async def end_session(self, request: m.EndSessionRequest, call: Call) -> m.IdentityDone:
        """Ends one of its user's."""
        session = await self._session(request.session_id)
        ending = (session.user, request.ended, session.user.name)
        await self._recorded(
            call, session, "sessions.end", request.ended, lambda: self._shelves.sessions.end(*ending)
        )
        return m.IdentityDone()

    async def change_password(self, request: m.ChangePasswordRequest, call: Call) -> m.IdentityDone:
        """Gives its user another password; every session of theirs ends."""
        session = await self._session(request.session_id)
        user = session.user
        await self._signing_in.prove(user.name, request.old, request.address)
        password = checked_password(request.new, user.name)
        made = await self._workers.do(lambda: hashed(password))
        await self._recorded(
            call,
            session,
            "users.password",
            user.name,
            lambda: self._shelves.users.set_password(user.user_id, made, user.name),
        )
        return m.IdentityDone()

    async def issue_token(self, request: m.OfSession, _: Call) -> m.TokenReply:
        """A JWT of a session."""
        session = await self._session(request.session_id)
        now_ms = self._shelves.store.now_ms()
        token, expires_ms = self._tokens.issue(session, self._guard.signing_keys[0], now_ms)
        return m.TokenReply(token=token, expires_ms=expires_ms)

    async def signing_keys(self, _request: m.SigningKeysRequest, _: Call) -> m.SigningKeysReply:
        """The public halves of the keys that sign those."""
        return m.SigningKeysReply(jwks=key_set(list(self._guard.signing_keys)))

    async def list_api_keys(self, request: m.OfSession, _: Call) -> m.ApiKeysReply:
        """The keys of its user."""
        session = await self._session(request.session_id)
        found = await asyncio.to_thread(self._shelves.keys.all, session.user.user_id)
        now_ms = self._shelves.store.now_ms()
        return m.ApiKeysReply(keys=tuple(r.key_record(each, now_ms) for each in reversed(found)))

    async def create_api_key(self, request: m.CreateApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """A key for its user, who may do all that it may."""
        session = await self._session(request.session_id)
        user, now_ms = session.user, self._shelves.store.now_ms()
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
            mine = [each for each in self._shelves.keys.all(user.user_id) if each.revoked_ms is None]
            if len(mine) >= _KEYS_OF_A_USER_MAX:
                raise Refused(
                    GatewayFault.NAME_TAKEN, f"a user has {_KEYS_OF_A_USER_MAX} keys at most: revoke one"
                )
            return self._shelves.keys.create(wanted, user.name)

        return await self._made(call, session, "apikeys.create", request.name, make)

    async def rotate_api_key(self, request: m.RotateApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """A key in the place of one of its user's."""
        session = await self._session(request.session_id)

        def make() -> tuple[ApiKey, str]:
            self._check_owner(session, request.key_id)
            return self._shelves.keys.rotate(request.key_id, request.public_key, session.user.name)

        return await self._made(call, session, "apikeys.rotate", request.key_id, make)

    async def revoke_api_key(self, request: m.RevokeApiKeyRequest, call: Call) -> m.ApiKeyReply:
        """One of its user's counts no more."""
        session = await self._session(request.session_id)
        reason = request.reason or "by its user"

        def end() -> tuple[ApiKey, str]:
            self._check_owner(session, request.key_id)
            return self._shelves.keys.revoke(request.key_id, reason, session.user.name), ""

        return await self._made(call, session, "apikeys.revoke", request.key_id, end)

    async def list_users(self, request: m.ListUsersRequest, _: Call) -> m.ListUsersReply:
        """A page of those of the tenant."""
        session = await self._session(request.session_id, "operate")
        most = min(request.limit or _PAGE, _PAGE)
        found = await asyncio.to_thread(self._shelves.users.all, session.user.tenant, request.after, most + 1)
        return m.ListUsersReply(users=tuple(map(r.user_record, found[:most])), more=len(found) > most)

    async def create_user(self, request: m.CreateUserRequest, call: Call) -> m.UserReply:
        """A user of the tenant, who may no more than who makes it."""
        session = await self._session(request.session_id, "admin")
        admin = session.user
        with _of_bad_input():
            name, roles = checked_name(request.user_name), checked_roles(request.roles)
        accounts = r.numbers(request.accounts) or admin.accounts
        if not scopes_of(roles) <= scopes_of(admin.roles):
            raise Refused(GatewayFault.MORE_THAN_OWN, details_of(scopes_of(roles), scopes_of(admin.roles)))
        if admin.accounts and not set(accounts) <= set(admin.accounts):
            raise Refused(GatewayFault.MORE_THAN_OWN, "the user may not use all of these accounts")
        password = checked_password(request.password, name)
        made = await self._workers.do(lambda: hashed(password))
        user = await self._recorded(
            call,
            session,
            "users.create",
            name,
            lambda: self._shelves.users.create(name, admin.tenant, made, roles, accounts, admin.name),
        )
        return m.UserReply(user=r.user_record(user))

    async def _session(self, session_id: str, scope: str = "") -> Session:
        """A session that counts, whose user may do something.

        Raises:
            Refused: SESSION_OVER, SCOPE_MISSING.
        """
        session = await asyncio.to_thread(self._shelves.sessions.by_id, session_id)
        if scope and scope not in session.user.scopes:
            raise Refused(GatewayFault.SCOPE_MISSING)
        return session

    def _check_owner(self, session: Session, key_id: str) -> None:
        if self._shelves.keys.find(key_id).user_id != session.user.user_id:
            raise Refused(GatewayFault.UNKNOWN_CREDENTIAL)

    async def _made(
        self, call: Call, session: Session, action: str, target: str, make: Callable[[], tuple[ApiKey, str]]
    ) -> m.ApiKeyReply:
        key, secret = await self._recorded(call, session, action, target, make)
        await asyncio.to_thread(self._guard.look)
        return m.ApiKeyReply(key=r.key_record(key, self._shelves.store.now_ms()), secret=secret)

    async def _recorded(
        self, call: Call, session: Session, action: str, target: str, do: Callable[[], T]
    ) -> T:
        """Does something in a thread, once the audit log has it, and that it was done."""
        user = session.user

        def recorded() -> T:
            said = {"session": session.session_id}
            with (
                _of_bad_input(),
                self._shelves.audit.action(
                    action,
                    "".join(each for each in target if each.isprintable())[:64] or "-",
                    tenant=str(user.tenant),
                    user=user.name,
                    correlation_id=call.metadata.correlation_id,
                    details=said,
                ),
            ):
                return do()

        return await asyncio.to_thread(recorded)


@contextmanager
def _of_bad_input() -> Iterator[None]:
    """What a user's input cannot be, and what a user's key is not, by the gateway's numbers."""
    try:
        yield
    except ConfigError as error:
        raise Refused(GatewayFault.INVALID_BODY, str(error)) from None
    except SecurityError as error:
        if error.fault not in _OWN_FAULTS:
            raise
        raise Refused(_OWN_FAULTS[error.fault]) from None


def details_of(wanted: Iterable[str], allowed: Iterable[str]) -> str:
    """What is too much."""
    return f"wanted is {', '.join(sorted(wanted))}, own is {', '.join(sorted(allowed)) or 'nothing'}"


def answering(
    reply: Callable[..., ReplyT], handler: Callable[[RequestT, Call], Awaitable[ReplyT]]
) -> Callable[[RequestT, Call], Awaitable[ReplyT]]:
    """A handler whose refusals are replies: values with a number.

    Args:
        reply: Makes one, of a `refusal`.
        handler: May raise `Refused`.
    """

    async def answer(request: RequestT, call: Call) -> ReplyT:
        try:
            return await handler(request, call)
        except Refused as refused:
            return reply(refusal=refused.record)

    return answer
