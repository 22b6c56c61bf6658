"""Messages of IdentityService: who asks, sessions, tokens, keys, users. Times are ms since 1970, 0: none.

A refusal is a value: its number is one of `GatewayFault` or `SecurityFault`. What is asked on behalf of a
user names the session, which is looked at anew: what its user may do is not the asker's word.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRefusal:
    """Why something was not done."""

    code: int = 0
    message: str = ""
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalRecord:
    """Who asks; see `exchange.security.principal`. Of accounts, numbers with a space between them."""

    tenant: int = 0
    subject: str = ""
    name: str = ""
    method: str = ""
    credential_id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    accounts: str = ""
    session_id: str = ""
    expires_ms: int = 0
    user_id: str = ""
    as_of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What was signed of a request, and the signature."""

    key_id: str = ""
    timestamp: bytes = b""
    nonce: bytes = b""
    method: str = ""
    target: bytes = b""
    body_sha256: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticateRequest:
    """Asks whose a request is: by its signature, whose nonce counts this once, or by a token."""

    signed: SignedRequest | None = None
    token: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticateReply:
    """Whose it is."""

    refusal: IdentityRefusal | None = None
    principal: PrincipalRecord | None = None
    server_time_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRequest:
    """Asks which of these keys and sessions count no more. A session that is asked for does not idle."""

    credentials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingReply:
    """Those that count no more; and which change is the last one, published or not."""

    ended: tuple[str, ...] = ()
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session, without its token."""

    session_id: str = ""
    created_ms: int = 0
    used_ms: int = 0
    expires_ms: int = 0
    address: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """A user, without the password."""

    user_id: str = ""
    name: str = ""
    tenant: int = 0
    roles: tuple[str, ...] = ()
    accounts: str = ""
    created_ms: int = 0
    disabled: bool = False
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionRequest:
    """Signs a user in; `demo`: the one that the settings name, without a password."""

    user_name: str = ""
    password: str = field(default="", repr=False)
    address: str = ""
    client: str = ""
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReply:
    """A session and its user; the token where it was just opened."""

    refusal: IdentityRefusal | None = None
    session: SessionRecord | None = None
    user: UserRecord | None = None
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSession:
    """Asks for what belongs to a session: itself, its user, those beside it, their keys."""

    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsReply:
    """All live sessions of a user, the newest first."""

    refusal: IdentityRefusal | None = None
    sessions: tuple[SessionRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessionRequest:
    """Ends a session of the same user."""

    session_id: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDone:
    """It is done, or why it is not."""

    refusal: IdentityRefusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePasswordRequest:
    """Gives the user of a session another password, and ends all of the user's sessions."""

    session_id: str = ""
    old: str = field(default="", repr=False)
    new: str = field(default="", repr=False)
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReply:
    """A JWT of a session."""

    refusal: IdentityRefusal | None = None
    token: str = field(default="", repr=False)
    expires_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeysRequest:
    """Asks for the keys that sign JWTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeysReply:
    """Their public halves, a JSON Web Key Set (RFC 7517)."""

    jwks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """A key of a user, without its secret."""

    key_id: str = ""
    name: str = ""
    algorithm: str = ""
    scopes: tuple[str, ...] = ()
    accounts: str = ""
    addresses: tuple[str, ...] = ()
    created_ms: int = 0
    expires_ms: int = 0
    used_ms: int = 0
    replaced_by: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeysReply:
    """The keys of a user, the newest first."""

    refusal: IdentityRefusal | None = None
    keys: tuple[ApiKeyRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKeyRequest:
    """Makes a key for the user of a session, which may no more than the user."""

    session_id: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    accounts: str = ""
    addresses: tuple[str, ...] = ()
    expires_ms: int = 0
    algorithm: str = ""
    public_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateApiKeyRequest:
    """Makes a key in the place of one; both count until the old one is revoked."""

    session_id: str = ""
    key_id: str = ""
    public_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKeyRequest:
    """Has a key count no more."""

    session_id: str = ""
    key_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyReply:
    """A key, with its secret where it was just made here."""

    refusal: IdentityRefusal | None = None
    key: ApiKeyRecord | None = None
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsersRequest:
    """Asks for a page of the users of the session's tenant."""

    session_id: str = ""
    after: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsersReply:
    """A page of users, by name."""

    refusal: IdentityRefusal | None = None
    users: tuple[UserRecord, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUserRequest:
    """Makes a user of the session's tenant."""

    session_id: str = ""
    user_name: str = ""
    password: str = field(default="", repr=False)
    roles: tuple[str, ...] = ()
    accounts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReply:
    """A user."""

    refusal: IdentityRefusal | None = None
    user: UserRecord | None = None
