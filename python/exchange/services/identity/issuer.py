"""Another issuer whose JWTs count here: the keys that it publishes, and the principal of its claims.

Its tokens need `iss`, `aud`, `exp`, `sub` and `tenant` (a number above 0). What one may is the scopes of
its `roles`, of ours, or its `scope`, never more than a key may; `accounts`, where they are said, are a list.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jwt

from exchange.errors import ExchangeError, GatewayFault, ServiceUnavailableError
from exchange.resilience import Policy, Try
from exchange.runtime.log import log
from exchange.security.api_keys import SCOPES
from exchange.security.principal import Method, Principal
from exchange.security.user_roles import USER_ROLES, delegable
from exchange.services.identity.refused import Refused
from exchange.services.identity.tokens import claims_of

_AGAIN_S: Final = 10.0
_KEPT_S: Final = 300.0
_BYTES_MAX: Final = 2**18
_TENANTS: Final = 2**32
_ACCOUNTS: Final = 2**63
_SECONDS: Final = 2**40
_NAME_MAX: Final = 64


class OtherIssuer:
    """Reads the tokens of one issuer. Calls wait for its keys; threads may share this.

    Args:
        issuer: Its `iss`.
        keys: Where its key set is: a file, or an address of HTTP.
        audience: `aud` of tokens that are for us.
        algorithm: The only one that is taken.
        policy: Of the edge to it.
        now_s: A steady clock.
    """

    def __init__(
        self,
        issuer: str,
        keys: str,
        audience: str,
        algorithm: str,
        policy: Policy,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self._where = keys
        self._audience = audience
        self._algorithm = algorithm
        self._policy = policy
        self._now_s = now_s
        self._looking = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_s = float("-inf")

    def principal(self, token: str, kid: str) -> Principal:
        """Whose a token is.

        Raises:
            Refused: BAD_TOKEN, TOKEN_EXPIRED; UNAVAILABLE: its keys cannot be had.
        """
        key = self._key(kid)
        claims = claims_of(token, key, self._algorithm, self.issuer, self._audience)
        try:
            return self._principal(claims)
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            raise Refused(
                GatewayFault.BAD_TOKEN, f"a claim of the token is not as expected: {error}"
            ) from None

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        subject, tenant = claims["sub"], claims["tenant"]
        roles = frozenset(_words(claims.get("roles", []))) & set(USER_ROLES)
        scopes = delegable(roles)
        if "scope" in claims:
            said = frozenset(claims["scope"].split()) & frozenset(SCOPES)
            scopes = scopes & said if "roles" in claims else said
        accounts = claims.get("accounts", [])
        if type(tenant) is not int or not 0 < tenant < _TENANTS:
            raise ValueError("tenant")
        if type(accounts) is not list or any(type(n) is not int or not 0 < n < _ACCOUNTS for n in accounts):
            raise ValueError("accounts")
        if not 0 < (expires_s := int(claims["exp"])) < _SECONDS:
            raise ValueError("exp")
        if not (0 < len(subject) <= _NAME_MAX and subject.isascii() and subject.isprintable()):
            raise ValueError("sub")
        return Principal(
            tenant=tenant,
            subject=f"{tenant}/{subject}",  # no name of another issuer's is that of a user or key of ours
            name=subject,
            method=Method.JWT,
            credential_id=str(claims.get("jti", ""))[:_NAME_MAX],
            roles=roles,
            scopes=scopes,
            accounts=tuple(accounts),
            expires_ms=expires_s * 1_000,
        )

    def _key(self, kid: str) -> jwt.PyJWK:
        """The key of an id; one that is not known is looked for, not more often than every 10 s.

        One thread looks; the others go on with what is there, so an issuer that hangs holds up nobody else.
        """
        age_s = self._now_s() - self._asked_s
        due = age_s >= _KEPT_S or (kid not in self._keys and age_s >= _AGAIN_S)
        if due and self._looking.acquire(blocking=False):
            try:
                self._asked_s = self._now_s()
                self._load()
            finally:
                self._looking.release()
        found = self._keys.get(kid)
        if found is None and not self._keys:
            raise Refused(GatewayFault.UNAVAILABLE, "the issuer's keys cannot be had")
        if found is None:
            raise Refused(GatewayFault.BAD_TOKEN, "the token is signed by a key that is not known here")
        return found

    def _load(self) -> None:
        """Has the keys of now; where they cannot be had, those of before count on."""
        try:
            found = jwt.PyJWKSet.from_dict(json.loads(self._content())).keys
        except (OSError, ExchangeError, ValueError, jwt.PyJWTError) as error:
            log("keys of the issuer cannot be had", issuer=self.issuer, reason=type(error).__name__)
            return
        self._keys = {str(key.key_id): key for key in found if key.key_type != "oct"}

    def _content(self) -> bytes:
        if "://" not in self._where:
            return Path(self._where).read_bytes()
        return self._policy.call_sync(self._fetch)

    def _fetch(self, this: Try) -> bytes:
        import httpx  # takes a tenth of a gateway's start, and few have such an issuer

        try:
            answer = httpx.get(self._where, timeout=this.remaining_s, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"the issuer's keys cannot be had: {error}") from error
        if len(answer.content) > _BYTES_MAX:
            raise ServiceUnavailableError("the issuer's key set is too large")
        return answer.content


def _words(said: Any) -> list[str]:
    if type(said) is not list or any(type(each) is not str for each in said):
        raise ValueError("roles")
    return list(said)
