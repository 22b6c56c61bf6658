"""IdentityService: who asks, who counts no more, sessions, passwords and tokens.

On behalf of a user the session says who that is and may what; beside this are the methods of
`exchange.services.identity.own_keys` and `exchange.services.identity.tenant_users`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from exchange.bus.rpc import Call
from exchange.domain.contracts import identity as m
from exchange.errors import GatewayFault
from exchange.services.identity import records as r
from exchange.services.identity.behalf import Behalf
from exchange.services.identity.guard import Guard
from exchange.services.identity.passwords import HashWorkers, checked_password, hashed
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import TOKEN_PREFIX
from exchange.services.identity.signing_in import SigningIn
from exchange.services.identity.tally import Tally
from exchange.services.identity.tokens import OwnTokens, key_set

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")


class Desk:
    """Answers. Of one event loop; what waits for the store does so in threads.

    Args:
        behalf: What is done for users.
        guard: Says who asks.
        tokens: Issues tokens.
        workers: Hash passwords.
        signing_in: Signs users in.
        tally: Counts.
    """

    def __init__(
        self,
        behalf: Behalf,
        guard: Guard,
        tokens: OwnTokens,
        workers: HashWorkers,
        signing_in: SigningIn,
        tally: Tally,
    ) -> None:
        self._behalf = behalf
        self._guard = guard
        self._tokens = tokens
        self._workers = workers
        self._signing_in = signing_in
        self._tally = tally

    async def authenticate(self, request: m.AuthenticateRequest, _: Call) -> m.AuthenticateReply:
        """Whose a request is."""
        if request.signed is not None:
            return self.signed(request.signed, request.address)
        now_ms, as_of = self._behalf.store.now_ms(), self._guard.as_of
        kind = "session" if request.token.startswith(TOKEN_PREFIX) else "jwt"
        try:
            principal = await self._guard.bearer_of(request.token)
        except Refused as refused:
            self._tally.check(kind, refused.fault)
            return m.AuthenticateReply(refusal=refused.record, server_time_ms=now_ms)
        self._tally.check(kind, None)
        return m.AuthenticateReply(principal=r.principal_record(principal, as_of), server_time_ms=now_ms)

    def signed(self, request: m.SignedRequest, address: str) -> m.AuthenticateReply:
        """Whose a signed request is: `authenticate`, for it waits for nothing."""
        now_ms = self._behalf.store.now_ms()
        try:
            principal = self._guard.signer_of(request, address)
        except Refused as refused:
            self._tally.check("signature", refused.fault)
            return m.AuthenticateReply(refusal=refused.record, server_time_ms=now_ms)
        self._tally.check("signature", None)
        record = r.principal_record(principal, self._guard.as_of)
        return m.AuthenticateReply(principal=record, server_time_ms=now_ms)

    async def standing(self, request: m.StandingRequest, _: Call) -> m.StandingReply:
        """Which of these count no more."""

        def look() -> m.StandingReply:
            changes = self._behalf.store.changes
            return m.StandingReply(ended=tuple(self._guard.ended(request.credentials)), changes=changes)

        return await asyncio.to_thread(look)

    async def open_session(self, request: m.OpenSessionRequest, _: Call) -> m.SessionReply:
        """Signs a user in."""
        try:
            session, token = await self._signing_in.open(request)
        except Refused as refused:
            self._tally.login(refused.fault)
            raise
        self._tally.login(None)
        return m.SessionReply(
            session=r.session_record(session), user=r.user_record(session.user, session.scopes), token=token
        )

    async def get_session(self, request: m.OfSession, _: Call) -> m.SessionReply:
        """A session, and its user."""
        session = await self._behalf.session(request.session_id)
        return m.SessionReply(
            session=r.session_record(session), user=r.user_record(session.user, session.scopes)
        )

    async def list_sessions(self, request: m.OfSession, _: Call) -> m.SessionsReply:
        """All of its user's."""
        session = await self._behalf.session(request.session_id)
        if session.is_demo:  # the others are other people's
            return m.SessionsReply(sessions=(r.session_record(session),))
        found = await asyncio.to_thread(self._behalf.sessions.of_user, session.user.user_id)
        return m.SessionsReply(sessions=tuple(map(r.session_record, found)))

    async def end_session(self, request: m.EndSessionRequest, call: Call) -> m.IdentityDone:
        """Ends one of its user's."""
        session = await self._behalf.session(request.session_id)
        if session.is_demo and request.ended != session.session_id:
            raise Refused(GatewayFault.UNKNOWN_CREDENTIAL)
        ending = (session.user, request.ended, session.user.name)
        await self._behalf.recorded(
            call, session, "sessions.end", request.ended, lambda: self._behalf.sessions.end(*ending)
        )
        return m.IdentityDone()

    async def change_password(self, request: m.ChangePasswordRequest, call: Call) -> m.IdentityDone:
        """Gives its user another password; every session of theirs ends."""
        session = await self._behalf.session(request.session_id)
        user = session.user
        if session.is_demo:
            raise Refused(GatewayFault.SCOPE_MISSING)
        proved = await self._signing_in.prove(user.name, request.old, request.address)
        password = checked_password(request.new, user.name)
        made = await self._workers.do(lambda: hashed(password))
        await self._behalf.recorded(
            call,
            session,
            "users.password",
            user.name,
            lambda: self._behalf.users.set_password(user.user_id, made, user.name, proved.password),
        )
        return m.IdentityDone()

    async def issue_token(self, request: m.OfSession, _: Call) -> m.TokenReply:
        """A JWT of a session."""
        session = await self._behalf.session(request.session_id)
        now_ms = self._behalf.store.now_ms()
        token, expires_ms = self._tokens.issue(session, self._guard.signing_keys[0], now_ms)
        return m.TokenReply(token=token, expires_ms=expires_ms)

    async def signing_keys(self, _request: m.SigningKeysRequest, _: Call) -> m.SigningKeysReply:
        """The public halves of the keys that sign those."""
        return m.SigningKeysReply(jwks=key_set(list(self._guard.signing_keys)))


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
