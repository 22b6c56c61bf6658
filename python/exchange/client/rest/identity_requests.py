"""Requests about who asks: sessions, tokens, keys, users. Their writes have no names: none is sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from exchange.client.rest import identity as i
from exchange.client.rest.asks import Ask, time_text
from exchange.client.rest.models import Asked


class IdentityRequests:
    """Makes them."""

    def open_session(self, user_name: str, password: str) -> Ask[i.OpenedSession]:
        """Sign in; the token of the answer is what `BearerAuth` takes."""
        body = i.OpenSession(user_name=user_name, password=password)
        return _post("/v1/sessions", i.OpenedSession, body, public=True)

    def open_demo_session(self) -> Ask[i.OpenedSession]:
        """Sign in to a demo account, where the exchange has any."""
        return _post("/v1/sessions/demo", i.OpenedSession, public=True)

    def sessions(self) -> Ask[i.Sessions]:
        """The live sessions of the user."""
        return Ask(method="GET", path="/v1/sessions", answers=i.Sessions)

    def current_session(self) -> Ask[i.CurrentSession]:
        """The session that asks, and its user."""
        return Ask(method="GET", path="/v1/sessions/current", answers=i.CurrentSession)

    def end_session(self, session_id: str | None = None) -> Ask[i.Ended]:
        """End a session of the user; None: the one that asks."""
        if session_id is None:
            return Ask(method="DELETE", path="/v1/sessions/current", answers=i.Ended, again=False)
        named = {"sessionId": session_id}
        return Ask(
            method="DELETE", path="/v1/sessions/{sessionId}", named=named, answers=i.Ended, again=False
        )

    def change_password(self, old_password: str, new_password: str) -> Ask[i.Ended]:
        """Have another password; all sessions of the user end."""
        body = i.ChangePassword(old_password=old_password, new_password=new_password)
        return Ask(method="PUT", path="/v1/users/me/password", answers=i.Ended, body=body, again=False)

    def issue_token(self) -> Ask[i.IssuedToken]:
        """A JWT of the session."""
        return _post("/v1/tokens", i.IssuedToken)

    def token_keys(self) -> Ask[i.JsonWebKeySet]:
        """The keys that sign tokens."""
        return Ask(method="GET", path="/.well-known/jwks.json", answers=i.JsonWebKeySet, public=True)

    def api_keys(self) -> Ask[i.ApiKeys]:
        """Keys, without their secrets."""
        return Ask(method="GET", path="/v1/api-keys", answers=i.ApiKeys)

    def new_api_key(
        self,
        name: str,
        scopes: Sequence[i.Scope],
        *,
        accounts: Sequence[int] = (),
        addresses: Sequence[str] = (),
        expires_at: datetime | str | None = None,
        algorithm: i.Algorithm = "hmac-sha256",
        public_key: str = "",
    ) -> Ask[i.MadeApiKey]:
        """Make a key; its secret is told this once.

        Args:
            name: Of the key.
            scopes: What it may.
            accounts: Which it may use; none: all of its maker.
            addresses: Networks that it may be used from; none: any.
            expires_at: When it ends.
            algorithm: How it signs.
            public_key: Of ed25519 the half whose other one its owner keeps.
        """
        body = i.NewApiKey(
            name=name,
            scopes=list(scopes),
            accounts=list(accounts),
            addresses=list(addresses),
            expires_at=time_text("expires_at", expires_at),
            algorithm=algorithm,
            public_key=public_key,
        )
        return _post("/v1/api-keys", i.MadeApiKey, body)

    def rotate_api_key(self, key_id: str, *, public_key: str = "") -> Ask[i.MadeApiKey]:
        """Make a key in the place of another, which counts until it is revoked."""
        body, named = i.RotateApiKey(public_key=public_key), {"keyId": key_id}
        return _post("/v1/api-keys/{keyId}/rotate", i.MadeApiKey, body, named=named)

    def revoke_api_key(self, key_id: str) -> Ask[i.Ended]:
        """End a key."""
        named = {"keyId": key_id}
        return Ask(method="DELETE", path="/v1/api-keys/{keyId}", named=named, answers=i.Ended, again=False)

    def users(self, *, limit: int = 100, cursor: str = "") -> Ask[i.Users]:
        """A page of users, by name."""
        query = i.UsersQuery(limit=limit, cursor=cursor)
        return Ask(method="GET", path="/v1/users", answers=i.Users, query=query)

    def new_user(
        self, user_name: str, password: str, roles: Sequence[i.Role], *, accounts: Sequence[int] = ()
    ) -> Ask[i.User]:
        """Make a user of the tenant; without accounts, with those of who makes it."""
        body = i.NewUser(user_name=user_name, password=password, roles=list(roles), accounts=list(accounts))
        return _post("/v1/users", i.User, body)


def _post(path: str, answers: Any, body: Asked | None = None, **more: Any) -> Ask[Any]:
    return Ask(method="POST", path=path, answers=answers, body=body, again=False, **more)
