"""JWTs that we sign ourselves: short, by a session, Ed25519; and the keys that sign them, two of which count.

Claims: `iss`, `aud`, `sub` (the user's id), `iat`, `exp`, `jti`, `sid` (the session), `tenant`, `name`,
`roles`, `scope` (RFC 8693: words with a space between them), `accounts`. Others check them by the
published keys; the gateway looks at the session, too, so that a token ends with it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import delete, insert, select

from exchange.errors import GatewayFault
from exchange.security.user_roles import delegable
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session
from exchange.services.identity.store import OPERATOR, Change, IdentityStore
from exchange.services.identity.tables import SIGNING_KEYS

ALGORITHM: Final = "EdDSA"
LASTS_S: Final = 300
LEEWAY_S: Final = 5
REQUIRED: Final = ("exp", "aud", "iss", "sub")
_COUNTING: Final = 2
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A pair that signs tokens.

    Args:
        kid: Names it in the head of a token.
        private: Signs.
        public: Is published.
        created_ms: Since when, Unix time.
    """

    kid: str
    private: Ed25519PrivateKey = field(repr=False)
    public: Ed25519PublicKey
    created_ms: int

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half (RFC 8037)."""
        key: dict[str, Any] = OKPAlgorithm.to_jwk(self.public, as_dict=True)
        return {**key, "kid": self.kid, "use": "sig", "alg": ALGORITHM}


class SigningKeys:
    """The pairs of one store. Calls wait for it; threads may share this.

    Args:
        store: Of the service identity.
    """

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def all(self) -> list[SigningKey]:
        """Those that count, the newest first; the first one is made when it is needed."""
        with self._store.read() as tx:
            rows = tx.execute(_KEYS).all()
        if not rows:
            self.rotate("the first one", only_first=True)
            with self._store.read() as tx:
                rows = tx.execute(_KEYS).all()
        return [self._key(row) for row in rows]

    def rotate(self, reason: str, actor: str = OPERATOR, *, only_first: bool = False) -> None:
        """Has a new key sign. What the one before signed still counts, what those before that did not."""
        private, kid = Ed25519PrivateKey.generate(), f"sk-{secrets.token_hex(6)}"
        with self._store.change() as change:
            kids = change.tx.execute(_KEYS.with_only_columns(SIGNING_KEYS.c.kid)).scalars().all()
            if only_first and kids:
                return  # another process was quicker
            newest = change.tx.execute(_KEYS.with_only_columns(SIGNING_KEYS.c.created_ms)).scalars().first()
            change.tx.execute(
                insert(SIGNING_KEYS).values(
                    kid=kid,
                    private=self._store.sealer.seal(private.private_bytes_raw(), kid),
                    public=private.public_key().public_bytes_raw(),
                    created_ms=max(change.now_ms, (newest or 0) + 1),
                )
            )
            _tell(change, "SigningKeyCreated", kid, reason, actor)
            for old in kids[_COUNTING - 1 :]:
                change.tx.execute(delete(SIGNING_KEYS).where(SIGNING_KEYS.c.kid == old))
                _tell(change, "SigningKeyRevoked", old, reason, actor)

    def _key(self, row: Any) -> SigningKey:
        private = Ed25519PrivateKey.from_private_bytes(self._store.sealer.open(bytes(row.private), row.kid))
        return SigningKey(row.kid, private, private.public_key(), int(row.created_ms))


def key_set(keys: list[SigningKey]) -> str:
    """Their public halves, a JSON Web Key Set."""
    return json.dumps({"keys": [each.jwk for each in keys]})


class OwnTokens:
    """Issues tokens, and says of which session one is.

    Args:
        issuer: `iss` of ours.
        audience: `aud` of ours.
    """

    def __init__(self, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self._audience = audience

    def issue(self, session: Session, key: SigningKey, now_ms: int) -> tuple[str, int]:
        """A token of a session, and when it ends: in 5 minutes, or with the session."""
        user, expires_ms = session.user, min(now_ms + LASTS_S * _MS, session.expires_ms)
        claims = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": user.user_id,
            "iat": now_ms // _MS,
            "exp": expires_ms // _MS,
            "jti": secrets.token_hex(8),
            "sid": session.session_id,
            "tenant": user.tenant,
            "name": user.name,
            "roles": sorted(user.roles),
            "scope": " ".join(sorted(delegable(user.roles))),
            "accounts": list(user.accounts),
        }
        return jwt.encode(claims, key.private, ALGORITHM, {"kid": key.kid}), expires_ms // _MS * _MS

    def read(self, token: str, kid: str, keys: list[SigningKey]) -> dict[str, Any]:
        """The claims of a token of ours.

        Raises:
            Refused: BAD_TOKEN, TOKEN_EXPIRED.
        """
        key = next((each for each in keys if each.kid == kid), None)
        if key is None:
            raise Refused(GatewayFault.BAD_TOKEN, "the token is signed by a key that is not known here")
        return claims_of(token, key.public, ALGORITHM, self.issuer, self._audience)


def claims_of(token: str, key: Any, algorithm: str, issuer: str, audience: str) -> dict[str, Any]:
    """The claims of a token that this key has signed, by the one algorithm that is expected, for us, in time.

    Raises:
        Refused: BAD_TOKEN, TOKEN_EXPIRED.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED)},
        )
    except jwt.ExpiredSignatureError:
        raise Refused(GatewayFault.TOKEN_EXPIRED) from None
    except jwt.InvalidTokenError:  # what exactly is of use to nobody honest
        raise Refused(GatewayFault.BAD_TOKEN) from None
    return claims


def head_of(token: str) -> tuple[str, str]:
    """`kid` of the head and `iss` of a token that nobody has checked: by which key to check it, no more.

    Raises:
        Refused: BAD_TOKEN.
    """
    try:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        raise Refused(GatewayFault.BAD_TOKEN) from None
    kid, issuer = head.get("kid"), claims.get("iss")
    if not isinstance(kid, str) or not isinstance(issuer, str):
        raise Refused(GatewayFault.BAD_TOKEN, "the token says not which key signed it, or who issued it")
    return kid, issuer


def _tell(change: Change, event: str, kid: str, reason: str, actor: str) -> None:
    change.tell(event, kid, 0, of="tokens", reason=reason, actor=actor)


_KEYS: Final = select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.created_ms.desc())
