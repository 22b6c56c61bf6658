"""Whose a request is: by a signature, a session's token, or a JWT; and which of those count no more.

signature ─▶ keys in memory, nonces in memory                       ─┐
token     ─▶ its hash in the store ─▶ session ─▶ user               ─┼─▶ Principal, or a number
JWT       ─▶ our keys ─▶ session ─▶ user │ another issuer's keys    ─┘
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from exchange.domain.contracts.identity import SignedRequest
from exchange.errors import ExchangeError, GatewayFault
from exchange.runtime.log import log
from exchange.security.key_records import KeyStatus
from exchange.security.principal import Method, Principal
from exchange.security.user_roles import delegable
from exchange.services.identity.issuer import OtherIssuer
from exchange.services.identity.refused import Refused
from exchange.services.identity.replay import Keyring, SignedRequests
from exchange.services.identity.sessions import TOKEN_PREFIX, Session, Sessions
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tally import Tally
from exchange.services.identity.tokens import OwnTokens, SigningKey, SigningKeys, head_of

_POLL_S: Final = 0.25
_LOOKS_A_COUNT: Final = 40  # of sessions: ten seconds
_TOKEN_MAX: Final = 4_096
_SESSION: Final = "se-"
_KEY: Final = "gk-"


class Guard:
    """Says who asks. Of one event loop; what waits for the store does so in threads.

    Args:
        store: Of the service.
        keyring: The keys of programs.
        signed: Signed requests.
        sessions: Sessions.
        signing: The keys that sign tokens.
        own: Tokens of ours.
        other: Tokens of another issuer, if one counts.
    """

    def __init__(
        self,
        store: IdentityStore,
        keyring: Keyring,
        signed: SignedRequests,
        sessions: Sessions,
        signing: SigningKeys,
        own: OwnTokens,
        other: OtherIssuer | None,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._signed = signed
        self._sessions = sessions
        self._signing = signing
        self._own = own
        self._other = other
        self.as_of = 0
        """The last change that keys of programs are read with."""
        self.signing_keys: Sequence[SigningKey] = ()

    async def keep(self, tally: Tally) -> None:
        """Looks four times a second what another process changed, for ever; now and then how many are in."""
        for look in itertools.count():
            try:
                if look % _LOOKS_A_COUNT == 0:
                    tally.sessions = await asyncio.to_thread(lambda: self._sessions.live)
                await asyncio.sleep(_POLL_S)
                await asyncio.to_thread(self.look)
            except ExchangeError as error:
                log("identity cannot be read", level=logging.ERROR, reason=error)

    def look(self) -> None:
        """Reads keys where something changed. Waits for the store.

        Raises:
            ExchangeError: The store cannot be had; all stays as it was.
        """
        as_of = self._store.changes
        if self._keyring.look() or not self.signing_keys:
            self.signing_keys = self._signing.all()
        self.as_of = as_of

    def signer_of(self, signed: SignedRequest, address: str) -> Principal:
        """Who asks by a signature; what is in memory says so.

        Raises:
            Refused: Nobody that may.
        """
        return self._signed.key_of(signed, address).principal

    async def bearer_of(self, token: str) -> Principal:
        """Who asks by a token.

        Raises:
            Refused: Nobody that may.
        """
        if len(token) > _TOKEN_MAX:
            raise Refused(GatewayFault.BAD_TOKEN)
        if token.startswith(TOKEN_PREFIX):
            return await asyncio.to_thread(self._of_session, token)
        return await asyncio.to_thread(self._of_jwt, token)

    def ended(self, credentials: Iterable[str]) -> list[str]:
        """Those of some keys and sessions that count no more, as the store has them now. Waits for it."""
        wanted = list(credentials)
        self.look()
        now_ms = self._store.now_ms()
        gone = [each for each in wanted if each.startswith(_KEY) and not self._key_counts(each, now_ms)]
        sessions = [each for each in wanted if each.startswith(_SESSION)]
        return gone + (self._sessions.ended(sessions) if sessions else [])

    def _of_session(self, token: str) -> Principal:
        as_of = self._store.changes  # before the session, so that it is never said to be newer
        return principal_of_session(self._sessions.by_token(token), as_of)

    def _of_jwt(self, token: str) -> Principal:
        kid, issuer = head_of(token)
        if self._other is not None and issuer == self._other.issuer:
            return self._other.principal(token, kid)
        as_of = self._store.changes
        claims = self._own.read(token, kid, list(self.signing_keys))
        session = self._sessions.by_id(str(claims.get("sid", "")))
        user = session.user
        return Principal(
            tenant=user.tenant,
            subject=user.user_id,
            name=user.name,
            method=Method.JWT,
            credential_id=str(claims.get("jti", "")),
            roles=user.roles,
            scopes=delegable(user.roles) & frozenset(str(claims.get("scope", "")).split()),
            accounts=user.accounts,
            session_id=session.session_id,
            user_id=user.user_id,
            as_of=as_of,
            expires_ms=min(int(claims["exp"]) * 1_000, session.expires_ms),
        )

    def _key_counts(self, key_id: str, now_ms: int) -> bool:
        key = self._keyring.find(key_id)
        return key is not None and key.status(now_ms) in {KeyStatus.LIVE, KeyStatus.RETIRING}


def principal_of_session(session: Session, as_of: int) -> Principal:
    """Who asks by a session that counts, as of a change."""
    user = session.user
    return Principal(
        tenant=user.tenant,
        subject=user.user_id,
        name=user.name,
        method=Method.SESSION,
        credential_id=session.session_id,
        roles=user.roles,
        scopes=session.scopes,
        accounts=user.accounts,
        session_id=session.session_id,
        user_id=user.user_id,
        as_of=as_of,
        expires_ms=session.expires_ms,
    )
