"""One request on its way through the gateway, and the table's row of what answers it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from exchange.client.ids import is_id
from exchange.client.instruments import Instrument
from exchange.client.rest.models import NoQuery
from exchange.domain.enums import RejectCode
from exchange.errors import GatewayFault
from exchange.security.principal import Principal
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.identity_link import IdentityLink
from exchange.services.gateway.known import Known
from exchange.services.gateway.machine import Machine
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.standing import Standing
from exchange.services.gateway.upstream import Trader, Upstream

IDEMPOTENCY_HEADER: Final = b"idempotency-key"
_KEY: Final = re.compile(rb"[!-~]{1,128}")


class Scope(StrEnum):
    """What a route needs: nobody's credential, or one with a scope. Keys have the first three at most."""

    PUBLIC = "public"
    READ = "read"
    TRADE = "trade"
    TRANSFER = "transfer"
    SESSION = "session"
    KEYS = "keys"
    OPERATE = "operate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Keeps:
    """What the exchange keeps beside its core.

    Args:
        history: Every order and execution.
        market_data: Trades, candles and tickers.
    """

    history: bool
    market_data: bool


@dataclass(frozen=True, slots=True)
class Doors:
    """How one comes in.

    Args:
        identity: Knows users, sessions and keys.
        authenticator: Says whose a request is.
        browsers: Cookies and origins.
        standing: Says when who came in counts no more.
        has_demo: Whether there is a user for demos.
    """

    identity: IdentityLink
    authenticator: Authenticator
    browsers: Browsers
    standing: Standing
    has_demo: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """What handlers answer from."""

    upstream: Upstream
    known: Known
    keeps: Keeps
    doors: Doors
    machine: Machine


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Args:
        body: Encoded as JSON; bytes are sent as they are.
        status: Of HTTP.
        headers: Beside those that every answer has.
        media: Of the body.
        cache: Whether it may be kept, as `cache-control` says it.
    """

    body: Any
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media: bytes = b"application/json"
    cache: bytes = b"no-store"


@dataclass(slots=True)
class Call:
    """A request that was let through.

    Args:
        exchange: What answers are made of.
        correlation_id: Of the request, and of all that it causes.
        headers: By lower-case name.
        path: What the path names, by the table's words.
        query, body: Of the route's types.
        principal: Who asks; None where the route is public.
        nonce: Of the signature; empty where the request has none.
        address: Where it came from.
    """

    exchange: Exchange
    correlation_id: str
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    query: Any
    body: Any
    principal: Principal | None = None
    nonce: bytes = b""
    address: str = ""

    @property
    def owner(self) -> Principal:
        """Who asks.

        Raises:
            Refusal: NO_CREDENTIAL: nobody does.
        """
        if self.principal is None:
            raise Refusal(GatewayFault.NO_CREDENTIAL)
        return self.principal

    def account(self, wanted: int | None) -> int:
        """The account that is meant.

        Raises:
            Refusal: ACCOUNT_NEEDED; UNKNOWN_ACCOUNT: the caller may not use it, or there is none.
        """
        owner = self.owner
        if wanted is None:
            if len(owner.accounts) != 1:
                raise Refusal(GatewayFault.ACCOUNT_NEEDED)
            return owner.accounts[0]
        if not owner.may_use(wanted):
            raise Refusal(RejectCode.UNKNOWN_ACCOUNT, details={"account": wanted})
        return wanted

    async def trader(self) -> Trader:
        """The session of the tenant.

        Raises:
            Refusal: UNAVAILABLE.
        """
        return await self.exchange.upstream.trader(self.owner.tenant)

    async def asker(self) -> Trader:
        """The session of the tenant, for questions to read models: they answer while the core does not.

        Raises:
            Refusal: UNAVAILABLE: there was none yet, and there can be none now.
        """
        return await self.exchange.upstream.trader(self.owner.tenant, heard=False)

    async def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol.

        Raises:
            Refusal: UNKNOWN_INSTRUMENT.
        """
        return await self.exchange.known.instrument(symbol)

    def request_id(self, said: str | None) -> str:
        """The client order id of a request: as said, by Idempotency-Key, or of this very signature.

        The last makes a request that somebody sends again, to another gateway, the same one for the core. A
        request by a session has no signature: it is named by chance.

        Raises:
            Refusal: BAD_CLIENT_ORDER_ID; INVALID_PARAMETER.
        """
        key = self.idempotency_key()
        if said is not None:
            if not is_id(said):
                raise Refusal(RejectCode.BAD_CLIENT_ORDER_ID)
            return said
        owner = self.owner
        if key is not None:
            return f"i-{_digest(str(owner.tenant).encode(), key)}"
        return f"r-{_digest(owner.subject.encode(), self.nonce or secrets.token_bytes(16))}"

    def idempotency_key(self) -> bytes | None:
        """The header Idempotency-Key; None where there is none.

        Raises:
            Refusal: INVALID_PARAMETER: it is none.
        """
        said = self.headers.get(IDEMPOTENCY_HEADER)
        if said is not None and not _KEY.fullmatch(said):
            raise Refusal(
                GatewayFault.INVALID_PARAMETER, "Idempotency-Key has 1 to 128 characters of ASCII, no spaces"
            )
        return said


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


Handler = Callable[[Call], Coroutine[Any, Any, Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sunset:
    """That a route will go.

    Args:
        deprecated: Since when it is advised against.
        gone: When it goes; at least six months later.
        successor: The path that takes its place.
    """

    deprecated: date
    gone: date
    successor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A row of the table of routes.

    Args:
        method: Of HTTP.
        path: With names in braces.
        handler: Answers.
        scope: What its caller needs.
        does: What, in a few words.
        answers: The type of the body.
        weight: What it takes of budgets.
        body: The type of what is sent; None: nothing is.
        query: The type of the parameters.
        status: Of a good answer.
        cancels: It is paid from the larger budgets of cancels.
        also: Further paths of the same.
        sunset: That it will go.
        keyed: It needs the header Idempotency-Key.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope
    does: str
    answers: Any
    weight: int = 1
    body: Any = None
    query: Any = NoQuery
    status: int = 200
    cancels: bool = False
    also: tuple[str, ...] = ()
    sunset: Sunset | None = None
    keyed: bool = False
    tag: str = field(default="")

    name: str = field(init=False)
    """As in metrics and logs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.method} {self.path}")
