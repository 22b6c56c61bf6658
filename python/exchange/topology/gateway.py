"""The gateway, put together: the keys of identity, the ways into the exchange, HTTP."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from exchange.client.place import Place, endpoints_of
from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.runtime.auditing import key_store
from exchange.runtime.beside_core import keys_beside_core
from exchange.runtime.exits import ExitCode
from exchange.runtime.service_host import store_url
from exchange.runtime.vitals import telling
from exchange.security.sealing import Sealer
from exchange.services.identity.api_keys import ApiKeys
from exchange.services.identity.tables import MIGRATIONS
from exchange.storage.sql import open_store

try:
    from exchange.services.gateway.serving import GatewayHost, GatewayPlan
except ModuleNotFoundError as error:
    raise ConfigError(f"the gateway needs its extra: pip install 'cmatch[gateway]' ({error})") from error

NAME = "gateway"


def main(settings: Settings) -> int:
    """Runs it until it is told to stop."""
    began_ms = time.time_ns() // 1_000_000
    with plan_of(settings, began_ms) as plan:
        asyncio.run(_serve(plan))
    return ExitCode.STOPPED


@contextmanager
def plan_of(settings: Settings, began_ms: int) -> Iterator[GatewayPlan]:
    """What it is, with the store of keys open.

    Raises:
        ExchangeError: That cannot be had.
    """
    bound = settings.gateway
    endpoint = f"http://{bound.host}:{bound.port}"
    with (
        open_store(store_url(settings), "identity", MIGRATIONS) as store,
        telling(settings, NAME, [NAME, "identity"], endpoint) as vitals,
    ):
        sealer = Sealer(key_store(settings).directory)
        yield GatewayPlan(settings, _place(settings), ApiKeys(store, sealer), sealer, vitals, began_ms)


def _place(settings: Settings) -> Place:
    endpoints = settings.endpoints
    keys, server = None, None
    if endpoints.orders.startswith("tcp://"):
        keys, server = keys_beside_core(settings, NAME)
    return Place(
        endpoints_of(endpoints.orders),
        endpoints_of(endpoints.queries),
        endpoints_of(endpoints.history) if settings.history.enabled else (),
        keys,
        server,
        marketdata=endpoints_of(endpoints.marketdata) if settings.market_data.enabled else (),
    )


async def _serve(plan: GatewayPlan) -> None:
    host = GatewayHost(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, host.stop)
    await host.run()
