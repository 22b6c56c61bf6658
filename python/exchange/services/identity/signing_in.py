"""Signing in: the wait of whoever was wrong too often, the password, the session.

An unknown name and a wrong password get one answer after the same work: there is a hash for nobody.
"""

from __future__ import annotations

import asyncio
import secrets

from exchange.domain.contracts.identity import OpenSessionRequest
from exchange.errors import GatewayFault
from exchange.services.identity.passwords import (
    CHARACTERS_MAX,
    HashWorkers,
    hashed,
    is_outgrown,
    is_password,
    normal,
)
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session, Sessions
from exchange.services.identity.throttle import LoginThrottle
from exchange.services.identity.users import User, Users

_NAME_MAX = 40


class SigningIn:
    """Signs users in. Of one event loop.

    Args:
        users: Who they are.
        sessions: What they get.
        workers: Hash passwords.
        throttle: How often one may be wrong.
        demo_user: Who is signed in without a password; empty: nobody.
    """

    def __init__(
        self, users: Users, sessions: Sessions, workers: HashWorkers, throttle: LoginThrottle, demo_user: str
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._workers = workers
        self._throttle = throttle
        self._demo_user = demo_user.lower()
        self._nobody = hashed(secrets.token_urlsafe())

    async def open(self, request: OpenSessionRequest) -> tuple[Session, str]:
        """A session and its token.

        Raises:
            Refused: WRONG_PASSWORD, LOGIN_TOO_OFTEN, OVERLOADED; UNKNOWN_CREDENTIAL: there is no demo user.
        """
        if request.demo:
            user = await asyncio.to_thread(self._users.find, self._demo_user) if self._demo_user else None
            if user is None or user.disabled_ms is not None:
                raise Refused(GatewayFault.UNKNOWN_CREDENTIAL, "there is no user for a demo")
        else:
            user = await self.prove(request.user_name, request.password, request.address)
        return await asyncio.to_thread(self._sessions.open, user, request.address, request.client)

    async def prove(self, name: str, password: str, address: str) -> User:
        """The user of a name and a password.

        Raises:
            Refused: WRONG_PASSWORD, LOGIN_TOO_OFTEN, OVERLOADED.
        """
        name = name.lower()[: _NAME_MAX + 1]
        self._throttle.begin(name, address)
        user = await asyncio.to_thread(self._users.find, name)
        encoded = self._nobody if user is None else user.password
        # What is too long for a password is cut, and wrong all the same: it was never taken.
        is_right = await self._workers.do(lambda: is_password(encoded, password[: CHARACTERS_MAX * 4]))
        if user is None or not is_right or user.disabled_ms is not None:
            raise Refused(GatewayFault.WRONG_PASSWORD)
        self._throttle.succeeded(name, address)
        if is_outgrown(user.password):
            made = await self._workers.do(lambda: hashed(normal(password)))
            await asyncio.to_thread(self._users.keep_hash, user, made)
            user = await asyncio.to_thread(self._users.find, name)
            if user is None or user.password != made:  # another one did so first, or it is another password
                raise Refused(GatewayFault.OVERLOADED, retry_after_ms=1_000)
        return user
