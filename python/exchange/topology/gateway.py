"""A gateway, put together: the way to identity, the ways into the exchange, HTTP."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial

from exchange.bus.context import new_context
from exchange.bus.curve import Principal
from exchange.bus.log.interface import EventLog
from exchange.bus.rpc import Dispatcher, LocalChannel, RpcClient, SocketChannel
from exchange.bus.topics import TopicTable
from exchange.client.place import Place, endpoints_of
from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.resilience import Policies
from exchange.runtime.auditing import ProcessAudit, key_store
from exchange.runtime.beside_core import keys_beside_core
from exchange.runtime.consumer import Consumer
from exchange.runtime.edge_metrics import edge_families
from exchange.runtime.exits import ExitCode
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.loop import run as run_loop
from exchange.runtime.priority import go_realtime
from exchange.runtime.publisher import open_log
from exchange.runtime.service_host import store_url
from exchange.runtime.vitals import Families, telling
from exchange.security.roles import LOCAL_ROLE
from exchange.security.sealing import Sealer
from exchange.storage.directory import DataDirectory
from exchange.storage.sql import Store, open_store
from exchange.topology.handover import SETTINGS_VARIABLE, settings_as_json

try:
    from exchange.services.gateway.audit_job import AuditCommand
    from exchange.services.gateway.identity_link import IdentityWay
    from exchange.services.gateway.serving import GatewayHost, GatewayPlan
    from exchange.services.identity.service import SPEC as IDENTITY
    from exchange.services.identity.serving import running
except ModuleNotFoundError as error:
    raise ConfigError(f"the gateway needs its extra: pip install 'cmatch[gateway]' ({error})") from error

NAME = "gateway"
_AUDIT_S = 1.0


@dataclass(frozen=True, slots=True)
class _Within:
    """What identity stands on within the only gateway."""

    store: Store
    event_log: EventLog
    topics: TopicTable
    settings: Settings
    policies: Policies
    audit: ProcessAudit
    tells: Callable[[Families], None]


def main(settings: Settings, number: int = 0) -> int:
    """Runs one until it is told to stop."""
    with plan_of(settings, number) as plan:
        run_loop(_serve(plan))
    return ExitCode.STOPPED


def port_of(settings: Settings, number: int) -> int:
    """Where an instance listens: the first on the port of the settings, the second, 2, on the next one."""
    return settings.gateway.port + max(0, number - 1)


@contextmanager
def plan_of(settings: Settings, number: int = 0) -> Iterator[GatewayPlan]:
    """What one of them is.

    Raises:
        ConfigError: The settings have no such instance: it would know nothing of what the others took.
        ExchangeError: Something that it needs cannot be had.
    """
    if number > settings.gateway.instances:
        raise ConfigError(f"gateway.instances is {settings.gateway.instances}: expected {number} or more")
    alone = settings.gateway.instances == 1
    name = f"{NAME}-{number}" if number else NAME
    port, policies = port_of(settings, number), Policies()
    endpoint = f"http://{settings.gateway.host}:{port}"
    with telling(settings, name, [NAME, IDENTITY.name] if alone else [NAME], endpoint) as vitals:
        vitals.tells(families=partial(edge_families, policies))
        way = partial(_beside, settings, policies)
        if alone:
            way = partial(_within, settings, policies, lambda more: vitals.tells(families=more))
        sealer = Sealer(key_store(settings).directory)
        # Every user of the machine can read a command line: a setting may hold a password.
        audit = AuditCommand(
            [sys.executable, "-m", "exchange.cli", "audit", "--as-started"],
            {SETTINGS_VARIABLE: settings_as_json(settings)},
        )
        yield GatewayPlan(settings, _place(settings), way, sealer, vitals, port, audit, policies)


@asynccontextmanager
async def _beside(settings: Settings, policies: Policies) -> AsyncIterator[IdentityWay]:
    """Identity is a process of its own, for several gateways."""
    endpoint, context = settings.endpoints.identity, new_context()
    keys, server = None, None
    if endpoint.startswith("tcp://"):
        keys, server = keys_beside_core(settings, NAME)
    try:
        channel = SocketChannel(context, endpoint, keys=keys, server_public=server)
        async with RpcClient(channel, policies.of("gateway", "identity")) as client:
            yield IdentityWay(client)
    finally:
        context.term()


@asynccontextmanager
async def _within(
    settings: Settings, policies: Policies, tells: Callable[[Families], None]
) -> AsyncIterator[IdentityWay]:
    """Identity is here, as nobody else needs it: its methods, its outbox, its records."""
    topics = TopicTable(settings.events.environment)
    directory = DataDirectory(settings.data_directory)
    audit = ProcessAudit(directory.audit, IDENTITY.name, key_store(settings).head_signer)
    with (
        open_log(settings) as events,
        open_store(store_url(settings), IDENTITY.name, IDENTITY.tables) as store,
        closing(audit),
        closing(Consumer(IDENTITY, store, events, topics)) as outbox,
    ):
        async with running(_Within(store, events, topics, settings, policies, audit, tells)) as identity:
            local = Principal(NAME, roles=frozenset({LOCAL_ROLE}))
            channel = LocalChannel(Dispatcher(identity.methods), local)
            work = [
                asyncio.create_task(_publish(outbox)),
                asyncio.create_task(_keep(audit)),
            ]
            try:
                async with RpcClient(channel, policies.of("gateway", "identity")) as client:
                    yield IdentityWay(client, identity.signed, work)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)


async def _publish(outbox: Consumer) -> None:
    """Publishes what is changed, in a thread, which is at its end when this is."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(outbox.run, stop))
    try:
        await asyncio.shield(running)
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)


async def _keep(audit: ProcessAudit) -> None:
    """Signs what is recorded, once a second."""
    while True:
        await asyncio.sleep(_AUDIT_S)
        await asyncio.to_thread(audit.keep_or_say)


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
        admin=endpoints_of(endpoints.admin) if settings.admin.enabled else (),
        realtime_priority=settings.gateway.realtime_priority,
    )


async def _serve(plan: GatewayPlan) -> None:
    def ready() -> None:
        spare_what_is_there()
        go_realtime(plan.settings.gateway.realtime_priority, "gateway.realtime_priority")

    host = GatewayHost(plan, ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, host.stop)
    await host.run()
