"""The gateway as an ASGI application: what every request goes through before a handler sees it.

    path, method ─▶ budget of the address ─▶ body, in time and bounds ─▶ signature, nonce ─▶ scope
      ─▶ budgets of key and tenant ─▶ types ─▶ handler ─▶ one form of answers and errors

ASGI itself is spoken here, without a framework: one table routes, one place reads bodies, one writes errors.
(A request through Starlette's routing took 60 to 76 us where this takes 3, on the machine of the benchmarks.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from datetime import time as midnight
from email.utils import format_datetime
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

import msgspec

from exchange.client.ids import is_id
from exchange.client.rest.models import NoQuery
from exchange.config.settings import Gateway as GatewaySettings
from exchange.domain.enums import RejectCode
from exchange.errors import (
    DeadlineExceeded,
    ExchangeError,
    GatewayFault,
    RpcError,
    RpcStatus,
    TransportError,
)
from exchange.observability.correlation import correlated, new_correlation_id
from exchange.observability.trace_ids import TRACE_HEADER, trace_id_of
from exchange.observability.tracing import TRACEPARENT, Kind, span
from exchange.runtime.log import log
from exchange.security.signing import NONCE_HEADER
from exchange.services.gateway.answers import ANSWER, BODY
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.calls import Answer, Call, Exchange, Route, Scope
from exchange.services.gateway.counting import Counted
from exchange.services.gateway.limits import Limits, headers_of
from exchange.services.gateway.programs_json import NotRead, read_json
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.routes import Routing

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]

CORRELATION_HEADER: Final = b"x-correlation-id"
_NONCE: Final = NONCE_HEADER.encode("ascii")
_TRACEPARENT: Final = TRACEPARENT.encode("ascii")
_TRACE: Final = TRACE_HEADER.lower().encode("ascii")
_JSON: Final = b"application/json"
_PARAMETERS_MAX: Final = 32
_UNDER_WAY_MAX: Final = 1_024
_UNROUTED: Final = "none"
_NO_QUERY: Final = NoQuery()
_encode: Final = msgspec.json.Encoder().encode
_NO_EXTENSIONS: Final[Mapping[str, Any]] = {}
_EVERY_ANSWER: Final = ((b"x-content-type-options", b"nosniff"),)


class GatewayApp:
    """Serves one exchange.

    Args:
        exchange: What is behind it.
        settings: Bounds.
        routing: The table.
        authenticator: Says whose a request is.
        limits: Budgets.
        counted: Metrics.
        streams: Serves WebSockets.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: GatewaySettings,
        routing: Routing,
        authenticator: Authenticator,
        limits: Limits,
        counted: Counted,
        streams: Application | None = None,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._routing = routing
        self._authenticator = authenticator
        self._limits = limits
        self._counted = counted
        self._streams = streams
        self._under_way = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] == "websocket":
            if self._streams is not None:
                await self._streams(scope, receive, send)
            return
        began_ns = time.monotonic_ns()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        new = new_correlation_id()
        correlation = _correlation_of(headers, new)
        methods, named = self._routing.find(scope["raw_path"].decode("ascii"))
        route = methods.get(scope["method"])
        name = _UNROUTED if route is None else route.name
        more: tuple[tuple[bytes, bytes], ...] = ()
        self._under_way += 1
        with (
            correlated(correlation),
            span(f"http {name}", Kind.SERVER, parent=_text(headers.get(_TRACEPARENT))),
        ):
            try:
                if route is None:
                    self._turn_away(scope, methods)
                call, more = await self._let_through(scope, receive, headers, correlation, route, named)
                answer = await route.handler(call)
            except Refusal as refusal:
                answer = self._refused(refusal, correlation)
            except Exception as error:  # noqa: BLE001  # whatever it is, the caller is told one thing
                answer = self._refused(refusal_of_error(error, name), correlation)
            finally:
                self._under_way -= 1
        body = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
        said = (
            (b"content-type", answer.media),
            (b"content-length", b"%d" % len(body)),
            (CORRELATION_HEADER, correlation.encode("ascii")),
            (_TRACE, _trace_of(headers, new)),
            (b"cache-control", answer.cache),
            *_EVERY_ANSWER,
            *answer.headers,
            *more,
            *(() if route is None or route.sunset is None else sunset_headers(route)),
        )
        take = scope.get("extensions", _NO_EXTENSIONS).get(ANSWER)
        if take is not None:
            await take(answer.status, said, body)
        else:
            await send({"type": "http.response.start", "status": answer.status, "headers": said})
            await send({"type": "http.response.body", "body": body})
        self._counted.answered(name, answer.status, time.monotonic_ns() - began_ns)

    def _turn_away(self, scope: Mapping[str, Any], methods: Mapping[str, Route]) -> NoReturn:
        """What has no route costs its address all the same.

        Raises:
            Refusal: RATE_LIMITED, UNKNOWN_ROUTE, METHOD_NOT_ALLOWED.
        """
        self._limits.of_address(_address_of(scope), 1, cancels=False)
        if not methods:
            raise Refusal(GatewayFault.UNKNOWN_ROUTE)
        allowed = ", ".join(sorted(methods)).encode("ascii")
        raise Refusal(GatewayFault.METHOD_NOT_ALLOWED, headers=((b"allow", allowed),))

    async def _let_through(
        self,
        scope: Mapping[str, Any],
        receive: Receive,
        headers: Mapping[bytes, bytes],
        correlation: str,
        route: Route,
        named: Mapping[str, str],
    ) -> tuple[Call, tuple[tuple[bytes, bytes], ...]]:
        """The call of a request that may be answered, and headers that say what is left of a budget.

        Raises:
            Refusal: It may not.
        """
        address, weight, cancels = _address_of(scope), route.weight, route.cancels
        left = self._limits.of_address(address, weight, cancels=cancels)
        if self._under_way > _UNDER_WAY_MAX:
            raise Refusal(GatewayFault.OVERLOADED)
        body = await self._body(scope, receive, headers)
        principal = None
        if route.scope is not Scope.PUBLIC:
            target = scope["raw_path"]
            if scope["query_string"]:
                target += b"?" + scope["query_string"]
            principal = await self._authenticator.principal_of(
                scope["method"], target, headers, body, address
            )
            if route.scope not in principal.scopes:
                raise Refusal(GatewayFault.SCOPE_MISSING, details={"needs": str(route.scope)})
            left = self._limits.of_key(principal.subject, principal.tenant, weight, cancels=cancels)
        call = Call(
            self._exchange,
            correlation,
            headers,
            named,
            _query_of(route, scope["query_string"]),
            _body_of(route, body, headers),
            principal,
            headers.get(_NONCE, b""),
            address,
        )
        return call, headers_of(left)

    async def _body(
        self, scope: Mapping[str, Any], receive: Receive, headers: Mapping[bytes, bytes]
    ) -> bytes:
        """All of the body.

        Raises:
            Refusal: BODY_TOO_LARGE, before it is read where its length is said; REQUEST_TOO_SLOW.
        """
        most = self._settings.body_bytes_max
        said = headers.get(b"content-length", b"0")
        if len(said) > len(str(most)) or int(said) > most:
            raise Refusal(GatewayFault.BODY_TOO_LARGE, details={"most": most}, headers=_GOODBYE)
        whole = scope.get("extensions", _NO_EXTENSIONS).get(BODY)
        body: bytes | None = None if whole is None else whole()
        message: Message = {}
        if body is None:
            message = await self._received(receive)
            body = message.get("body", b"")
        while message.get("more_body"):
            if len(body) > most:
                break
            message = await self._received(receive)
            body += message.get("body", b"")
        if len(body) > most:
            raise Refusal(GatewayFault.BODY_TOO_LARGE, details={"most": most}, headers=_GOODBYE)
        return body

    async def _received(self, receive: Receive) -> Message:
        """The next part. The connection ends by itself where one does not come in time."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(GatewayFault.REQUEST_TOO_SLOW, headers=_GOODBYE)
        return message

    def _refused(self, refusal: Refusal, correlation: str) -> Answer:
        self._counted.refused(refusal.name)
        headers = refusal.headers
        if refusal.retry_after_s is not None:
            headers = (*headers, (b"retry-after", b"%d" % refusal.retry_after_s))
        if refusal.http_status == 401:  # RFC 9110: it names the scheme
            headers = (*headers, (b"www-authenticate", b"Signature, Bearer"))
        return Answer(refusal.problem(correlation), refusal.http_status, headers)


_GOODBYE: Final = ((b"connection", b"close"),)


def _address_of(scope: Mapping[str, Any]) -> str:
    return scope["client"][0] if scope["client"] else ""


def refusal_of_error(error: Exception, route: str) -> Refusal:
    """How an accident is answered; one that nobody expected goes to the log, and to nobody else."""
    if isinstance(error, DeadlineExceeded):
        return Refusal(GatewayFault.UNAVAILABLE, "no answer in time")
    if isinstance(error, RpcError):
        if error.code is RpcStatus.NOT_FOUND:  # symbols are known here, so it is the account
            return Refusal(RejectCode.UNKNOWN_ACCOUNT)
        if error.code in {RpcStatus.INVALID_ARGUMENT, RpcStatus.OUT_OF_RANGE}:
            return Refusal(GatewayFault.INVALID_PARAMETER, error.message)
    if isinstance(error, TransportError):
        log("request failed", level=logging.WARNING, route=route, reason=error)
        return Refusal(GatewayFault.UNAVAILABLE)
    kind = type(error).__name__
    expected = isinstance(error, ExchangeError)
    log("request failed", level=logging.ERROR, route=route, kind=kind, reason=error if expected else "")
    logging.getLogger("exchange.gateway").debug("request failed", exc_info=error)
    return Refusal(GatewayFault.INTERNAL)


def _body_of(route: Route, body: bytes, headers: Mapping[bytes, bytes]) -> Any:
    if route.body is None:
        if body:
            raise Refusal(GatewayFault.INVALID_BODY, "this route takes no body")
        return None
    media = headers.get(b"content-type", b"")
    if media != _JSON and media.partition(b";")[0].strip().lower() != _JSON:
        raise Refusal(GatewayFault.UNSUPPORTED_MEDIA_TYPE)
    if b"content-encoding" in headers:
        raise Refusal(
            GatewayFault.UNSUPPORTED_MEDIA_TYPE, "a body is sent as it is, without content-encoding"
        )
    try:
        return read_json(route.body, body)
    except NotRead as error:
        raise Refusal(GatewayFault.INVALID_BODY, str(error)) from None


def _query_of(route: Route, query: bytes) -> Any:
    if not query and route.query is NoQuery:
        return _NO_QUERY
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_PARAMETERS_MAX,
        )
        said = dict(pairs)
        if len(said) < len(pairs):
            raise Refusal(GatewayFault.INVALID_PARAMETER, "a parameter is there twice")
        return msgspec.convert(said, route.query, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise Refusal(GatewayFault.INVALID_PARAMETER, str(error)) from None


def _correlation_of(headers: Mapping[bytes, bytes], new: str) -> str:
    """As said, where it can be one; else a new one."""
    said = _text(headers.get(CORRELATION_HEADER))
    return said if said is not None and is_id(said) else new


def _trace_of(headers: Mapping[bytes, bytes], new: str) -> bytes:
    said = headers.get(_TRACE)
    return trace_id_of(None if said is None else said.decode("latin-1"), new).encode("ascii")


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and value.isascii() else None


def sunset_headers(route: Route) -> tuple[tuple[bytes, bytes], ...]:
    """RFC 9745 and RFC 8594: since when, until when, and what comes instead."""
    if route.sunset is None:
        return ()
    since = datetime.combine(route.sunset.deprecated, midnight(), UTC)
    gone = datetime.combine(route.sunset.gone, midnight(), UTC)
    return (
        (b"deprecation", b"@%d" % int(since.timestamp())),
        (b"sunset", format_datetime(gone, usegmt=True).encode("ascii")),
        (b"link", f'<{route.sunset.successor}>; rel="successor-version"'.encode("ascii")),
    )
