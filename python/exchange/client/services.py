"""Document 003's client of another service: the environment, or a table, says where that is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from exchange.errors import ConfigError, RpcError, RpcStatus, ServiceUnavailableError, WireError
from exchange.observability.correlation import current_correlation
from exchange.observability.trace_ids import TRACE_HEADER, current_trace_id, trace_id_of
from exchange.observability.tracing import TRACEPARENT, Kind, span, traceparent
from exchange.resilience import Policies, Policy, Try

SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "market_data": "http://localhost:8001",
        "regime_detection": "http://localhost:8002",
        "risk_management": "http://localhost:8003",
        "execution": "http://localhost:8004",
    }
)
"""Where each service is when nothing else is said."""
VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "market_data": "MARKET_DATA_URL",
        "regime_detection": "REGIME_URL",
        "risk_management": "RISK_URL",
        "execution": "EXECUTION_URL",
    }
)
"""What says otherwise in the environment."""
_TIMEOUT_S: Final = 10.0
_POLICIES: Final[Mapping[str, Callable[[Policies, str], Policy]]] = MappingProxyType(
    {
        "market_data": lambda policies, url: policies.of("client", "market_data", url),
        "regime_detection": lambda policies, url: policies.of("client", "regime_detection", url),
        "risk_management": lambda policies, url: policies.of("client", "risk_management", url),
        "execution": lambda policies, url: policies.of("client", "execution", url),
    }
)
_STATUSES: Final = {
    401: RpcStatus.UNAUTHENTICATED,
    403: RpcStatus.PERMISSION_DENIED,
    404: RpcStatus.NOT_FOUND,
    409: RpcStatus.ABORTED,
}
_BUSY: Final = 429
_SHOWN: Final = 200
_read: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_write: Final = msgspec.json.Encoder(decimal_format="number").encode


class ServiceClient:
    """Asks one service by HTTP and JSON, in which numbers with a point are decimals. Of one event loop.

    A request is tried again where it may be carried out twice; a try has 5 s, a call 10 s. The trace id and
    the correlation id of the request that is being served go along.

    Args:
        service_name: Of `SERVICES`.
        url: Where it is; else the variable of `VARIABLES`, else the table.
        auth: Who asks.
        policies: Whose edges it keeps to; its own where none are given.

    Raises:
        ConfigError: There is no such service.
    """

    def __init__(
        self,
        service_name: str,
        *,
        url: str | None = None,
        auth: httpx.Auth | None = None,
        policies: Policies | None = None,
    ) -> None:
        if service_name not in SERVICES:
            raise ConfigError(f"no service {service_name!r}: there are {', '.join(SERVICES)}")
        self.service_name = service_name
        self.base_url = url or os.environ.get(VARIABLES[service_name]) or SERVICES[service_name]
        self.client = httpx.AsyncClient(
            base_url=self.base_url, auth=auth, timeout=_TIMEOUT_S, trust_env=False
        )
        self._policy = _POLICIES[service_name](policies or Policies(), self.base_url)

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """What a path answers, as data.

        Raises:
            ServiceUnavailableError: It does not answer, or the circuit breaker is open.
            RpcError: It refuses.
            WireError: Its answer is no JSON.
        """
        return await self._ask("GET", path, params, b"", repeatable=True)

    async def post(self, path: str, body: Any, *, repeatable: bool = False) -> Any:
        """What a path answers to a body.

        Args:
            path: Which.
            body: As data.
            repeatable: It may be carried out twice, so it may be tried again.

        Raises:
            ServiceUnavailableError: See `get`; it may have been carried out.
            RpcError: See `get`.
            WireError: See `get`.
        """
        return await self._ask("POST", path, None, _write(body), repeatable=repeatable)

    async def health(self) -> Any:
        """What it says of itself and of those that it needs."""
        return await self.get("/health")

    async def close(self) -> None:
        """Lets the connections go."""
        await self.client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: bytes,
        *,
        repeatable: bool,
    ) -> Any:
        headers = {TRACE_HEADER: current_trace_id() or trace_id_of(None)}
        if correlation := current_correlation():
            headers["x-correlation-id"] = correlation.correlation_id
        if content:
            headers["content-type"] = "application/json"

        async def one(this: Try) -> Any:
            try:
                answer = await self.client.request(
                    method,
                    path,
                    params=params,
                    content=content or None,
                    headers=headers,
                    timeout=this.remaining_s,
                )
            except httpx.HTTPError as error:
                raise ServiceUnavailableError(f"{self.service_name} does not answer: {error!r}") from None
            return self._read(answer)

        with span(f"http {self.service_name}", Kind.CLIENT):
            if parent := traceparent():
                headers[TRACEPARENT] = parent
            return await self._policy.call(one, repeatable=repeatable)

    def _read(self, answer: httpx.Response) -> Any:
        status = answer.status_code
        if answer.is_server_error or status == _BUSY:
            after = answer.headers.get("retry-after", "")
            raise ServiceUnavailableError(
                f"{self.service_name} answers {status}", int(after) * 1_000 if after.isdecimal() else None
            )
        if not answer.is_success:
            code = _STATUSES.get(status, RpcStatus.INVALID_ARGUMENT)
            raise RpcError(code, f"{self.service_name} answers {status}: {answer.text[:_SHOWN]}")
        try:
            return _read(answer.content)
        except msgspec.DecodeError as error:
            raise WireError(f"{self.service_name}: no JSON: {error}") from None
