"""Sessions, tokens, keys and users over HTTP, as types."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from exchange.client.rest.models import Account, Asked, Told

Scope = Literal["read", "trade", "transfer"]
Role = Literal["viewer", "trader", "operator", "admin"]
Algorithm = Literal["hmac-sha256", "ed25519"]
_Name = Annotated[str, Meta(min_length=1, max_length=40)]
_Password = Annotated[str, Meta(min_length=1, max_length=512)]
_Accounts = Annotated[list[Account], Meta(max_length=256)]


class OpenSession(Asked):
    """Who signs in."""

    user_name: _Name
    password: _Password


class ChangePassword(Asked):
    """Another password; it has 12 to 128 characters. All sessions of the user end."""

    old_password: _Password
    new_password: _Password


class NewApiKey(Asked):
    """A key to make. Of `ed25519`, `publicKey` is the half whose other one its owner keeps."""

    name: _Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=3)]
    accounts: _Accounts = field(default_factory=list)
    addresses: Annotated[list[str], Meta(max_length=32)] = field(default_factory=list)
    expires_at: str | None = None
    algorithm: Algorithm = "hmac-sha256"
    public_key: str = ""


class RotateApiKey(Asked):
    """A key in the place of another; the half that its owner made, where they did."""

    public_key: str = ""


class NewUser(Asked):
    """A user to make. Without accounts: those of who makes it."""

    user_name: _Name
    password: _Password
    roles: Annotated[list[Role], Meta(min_length=1, max_length=4)]
    accounts: _Accounts = field(default_factory=list)


class UsersQuery(Asked):
    """Which users."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 100
    cursor: str = ""


class User(Told):
    """A user. Without accounts: all of the tenant's."""

    user_id: str
    user_name: str
    tenant: int
    roles: list[str]
    scopes: list[str]
    accounts: list[int]
    created_at: str
    disabled: bool


class Users(Told):
    """A page of users, by name."""

    users: list[User]
    next_cursor: str | None


class Session(Told):
    """A session."""

    session_id: str
    created_at: str
    used_at: str
    expires_at: str
    address: str
    client: str
    current: bool


class Sessions(Told):
    """Live sessions, the newest first."""

    sessions: list[Session]


class OpenedSession(Told):
    """A session that was opened; its token is told this once."""

    token: str
    expires_at: str
    session: Session
    user: User


class CurrentSession(Told):
    """The session that asks, and its user."""

    session: Session
    user: User


class Ended(Told):
    """What counts no more."""

    ended: str


class IssuedToken(Told):
    """A JWT."""

    token: str
    expires_at: str
    token_type: str = "Bearer"  # noqa: S105 (the word of RFC 6750)


class ApiKey(Told):
    """A key, without its secret."""

    key_id: str
    name: str
    algorithm: str
    scopes: list[str]
    accounts: list[int]
    addresses: list[str]
    status: str
    created_at: str
    expires_at: str | None
    used_at: str | None
    replaced_by: str | None


class ApiKeys(Told):
    """Keys, the newest first."""

    keys: list[ApiKey]


class MadeApiKey(Told):
    """A key that was made. Its secret is told this once; null where its owner has it."""

    key: ApiKey
    secret: str | None


class JsonWebKey(Told):
    """The public half of a key that signs tokens (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class JsonWebKeySet(Told):
    """The keys that sign tokens."""

    keys: list[JsonWebKey]
