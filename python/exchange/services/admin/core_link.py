"""The way of administration to the core: a session like any client's, opened with the first command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from exchange.client import AdminAnswer, AsyncClient, Reject
from exchange.client.administration import AdminRequests
from exchange.client.instruments import Asset
from exchange.client.requests import Request
from exchange.errors import ExchangeError, RpcError, RpcStatus, ServiceUnavailableError
from exchange.resilience import Policy
from exchange.runtime.service_host import Way

_NAME: Final = "admin"
_ACTOR_BYTES_MAX: Final = 40
_CONNECT_MS: Final = 2_000
_ANSWER_MS: Final = 5_000
_STATUS: Final[Mapping[int, RpcStatus]] = {
    400: RpcStatus.INVALID_ARGUMENT,
    401: RpcStatus.UNAUTHENTICATED,
    403: RpcStatus.PERMISSION_DENIED,
    404: RpcStatus.NOT_FOUND,
    409: RpcStatus.FAILED_PRECONDITION,
    413: RpcStatus.INVALID_ARGUMENT,
    422: RpcStatus.INVALID_ARGUMENT,
    429: RpcStatus.RESOURCE_EXHAUSTED,
    503: RpcStatus.RESOURCE_EXHAUSTED,
}
Make = Callable[[AdminRequests], Request[AdminAnswer]]


def actor_of(user: str) -> str:
    """Who asks, as the journal can say it."""
    return user.encode("ascii", "replace")[:_ACTOR_BYTES_MAX].decode("ascii")


def refusal_of(reject: Reject) -> RpcError:
    """A refusal of the core, as a caller over RPC is told of it."""
    status = (
        RpcStatus.UNKNOWN if reject.code is None else _STATUS.get(reject.code.http_status, RpcStatus.UNKNOWN)
    )
    return RpcError(status, f"{reject.number} {reject.name.upper()}: {reject.meaning}")


class CoreLink:
    """Sends commands to the core. Belongs to one event loop.

    Args:
        way: To the core.
        policy: Of the calls.
    """

    def __init__(self, way: Way, policy: Policy) -> None:
        self._way = way
        self._policy = policy
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def send(self, make: Make, who: str, assets: Mapping[int, Asset]) -> AdminAnswer:
        """The answer to a command.

        Args:
            make: Makes it.
            who: Asks.
            assets: What it converts by.

        Raises:
            RpcError: INVALID_ARGUMENT: none can be made of what was said.
            ExchangeError: The core did not answer: whether it was carried out is unknown.
        """
        client = await self._there()
        for asset in assets.values():
            client.instruments.add(asset)
        requests = AdminRequests(client.make.names, client.instruments, actor_of(who), None)
        try:
            request = make(requests)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, str(error)) from None
        return await self._policy.call(lambda _: client.call(request, _ANSWER_MS))

    async def correlation_id(self) -> str:
        """A new one."""
        return (await self._there()).make.names.correlation_id()

    async def close(self) -> None:
        """Logs off."""
        if self._client is not None:
            await self._client.close()

    async def _there(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                way = self._way
                try:
                    self._client = await AsyncClient.connect(
                        way.endpoint,
                        tenant=0,
                        name=_NAME,
                        user=_NAME,
                        keys=way.keys,
                        server_key=way.server_key,
                        connect_ms=_CONNECT_MS,
                    )
                except ExchangeError as error:
                    raise ServiceUnavailableError(f"the core does not answer: {error}") from error
            return self._client
