"""The way to identity: the same stub, whether that is in this process or in one of its own.

Only whose a signed request is needs no call within a process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from exchange.bus.rpc import NO_CONTEXT, Metadata, RpcClient, Stub
from exchange.domain.contracts import AUTHENTICATE, GET_SIGNING_KEYS, GET_STANDING
from exchange.domain.contracts import identity as m
from exchange.domain.method import Unary
from exchange.errors import DeadlineExceeded, GatewayFault, RpcError, RpcStatus, SecurityFault
from exchange.observability.correlation import current_correlation, new_correlation_id
from exchange.security.principal import Method, Principal
from exchange.services.gateway.refusal import Refusal

RequestT = TypeVar("RequestT")
USER: Final = "gateway"
_PRINCIPALS_MAX: Final = 4_096
Signed = Callable[[m.SignedRequest, str], m.AuthenticateReply]
_FAULTS: Final = {int(fault): fault for fault in (*SecurityFault, *GatewayFault)}


class Refusing(Protocol):
    """A reply that may be a refusal."""

    @property
    def refusal(self) -> m.IdentityRefusal | None:
        """Why it is no other."""
        ...


ReplyT = TypeVar("ReplyT", bound=Refusing)


@dataclass(frozen=True, slots=True)
class IdentityWay:
    """How a gateway reaches identity.

    Args:
        client: Calls it.
        signed: Says whose a signed request is, without a call; None where identity has a process of its own.
        work: What has to run beside it; nothing there.
    """

    client: RpcClient
    signed: Signed | None = None
    work: Sequence[asyncio.Task[None]] = ()


class IdentityLink:
    """Asks identity, in the gateway's words.

    A signature, which each request has, is checked in a sixth of the time that a call takes within a process,
    and nothing of that one's rules is needed: what waits for nothing is never late, given up or in the way.

    Args:
        way: How it is reached.
    """

    def __init__(self, way: IdentityWay) -> None:
        self._stub = Stub(way.client)
        self._signed = way.signed

    async def principal(self, request: m.AuthenticateRequest) -> Principal:
        """Whose a request is.

        Raises:
            Refusal: Nobody's that may; UNAVAILABLE: identity does not answer, so nothing was begun.
        """
        if self._signed is not None and request.signed is not None:
            reply = self._signed(request.signed, request.address)
        else:
            try:
                reply = await self._stub.ask(AUTHENTICATE, request, metadata=_metadata("0", USER))
            except RpcError as error:
                raise _overloaded(error) from error
        if reply.refusal is not None and reply.refusal.code == GatewayFault.CLOCK_OUT_OF_WINDOW:
            raise refusal_of(reply.refusal, {"serverTimeMs": reply.server_time_ms})
        if reply.refusal is not None:
            raise refusal_of(reply.refusal)
        if reply.principal is None:
            raise Refusal(GatewayFault.NO_CREDENTIAL)
        return principal_of(reply.principal)

    async def standing(self, credentials: Sequence[str]) -> m.StandingReply:
        """Which of some keys and sessions count no more, and how many changes there were.

        Raises:
            ExchangeError: Identity does not answer.
        """
        request = m.StandingRequest(credentials=tuple(credentials))
        return await self._stub.ask(GET_STANDING, request, metadata=_metadata("0", USER))

    async def signing_keys(self) -> str:
        """The keys that sign JWTs, a JSON Web Key Set.

        Raises:
            ExchangeError: Identity does not answer.
        """
        reply = await self._stub.ask(GET_SIGNING_KEYS, m.SigningKeysRequest(), metadata=_metadata("0", USER))
        return reply.jwks

    async def ask(
        self, method: Unary[RequestT, ReplyT], request: RequestT, principal: Principal | None = None
    ) -> ReplyT:
        """A reply that is no refusal.

        Args:
            method: Of IdentityService.
            request: What is asked.
            principal: On whose behalf.

        Raises:
            Refusal: What identity refused; OUTCOME_UNKNOWN: it did not answer in time.
        """
        tenant, user = ("0", USER) if principal is None else (str(principal.tenant), principal.subject)
        try:
            reply = await self._stub.ask(method, request, metadata=_metadata(tenant, user))
        except DeadlineExceeded as error:
            fault = GatewayFault.UNAVAILABLE if method.idempotent else GatewayFault.OUTCOME_UNKNOWN
            raise Refusal(fault) from error
        except RpcError as error:
            raise _overloaded(error) from error
        if reply.refusal is not None:
            raise refusal_of(reply.refusal)
        return reply


def refusal_of(record: m.IdentityRefusal, details: dict[str, int] | None = None) -> Refusal:
    """What identity refused, as the gateway answers it."""
    said = dict(details or {})
    if record.retry_after_ms:
        said["retryAfterMs"] = record.retry_after_ms
    retry_s = -(-record.retry_after_ms // 1_000) or None
    fault = _FAULTS.get(record.code)
    if fault is None:  # newer than this gateway
        return Refusal(GatewayFault.UNAVAILABLE, f"identity refused it: {record.code}")
    return Refusal(fault, record.message, said, retry_after_s=retry_s)


@lru_cache(maxsize=_PRINCIPALS_MAX)  # nearly every request is of somebody who asked before
def principal_of(record: m.PrincipalRecord) -> Principal:
    """Who asks, as identity says."""
    return Principal(
        tenant=record.tenant,
        subject=record.subject,
        name=record.name,
        method=Method(record.method),
        credential_id=record.credential_id,
        roles=frozenset(record.roles),
        scopes=frozenset(record.scopes),
        accounts=tuple(map(int, record.accounts.split())),
        session_id=record.session_id,
        expires_ms=record.expires_ms or None,
        user_id=record.user_id,
        as_of=record.as_of,
    )


def _metadata(tenant: str, user: str) -> Metadata:
    current = current_correlation()
    correlation_id = new_correlation_id() if current is None else current.correlation_id
    return Metadata(correlation_id, tenant, user, NO_CONTEXT)


def _overloaded(error: RpcError) -> Exception:
    return Refusal(GatewayFault.OVERLOADED) if error.code is RpcStatus.RESOURCE_EXHAUSTED else error
