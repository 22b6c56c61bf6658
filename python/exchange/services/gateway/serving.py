"""The process of the gateway: a server of HTTP, its ways into the exchange, and what it tells of itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Final

from exchange.bus.log.interface import EventLog
from exchange.bus.topics import TopicTable
from exchange.client.place import Place
from exchange.config.settings import Settings
from exchange.errors import ConfigError
from exchange.observability.health import Status
from exchange.resilience import Policies
from exchange.runtime.log import log
from exchange.runtime.publisher import open_log
from exchange.runtime.vitals import Vitals
from exchange.security.sealing import Sealer
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.audit_job import AuditCommand
from exchange.services.gateway.authentication import Authenticator
from exchange.services.gateway.browsers import Browsers
from exchange.services.gateway.calls import Doors, Exchange, Keeps
from exchange.services.gateway.changes import Changes
from exchange.services.gateway.counting import Counted
from exchange.services.gateway.identity_link import IdentityLink, IdentityWay
from exchange.services.gateway.known import Known
from exchange.services.gateway.limits import Limits
from exchange.services.gateway.machine import Machine
from exchange.services.gateway.pages import pages
from exchange.services.gateway.routes import ROUTES, Routing
from exchange.services.gateway.server import Connections, http_server
from exchange.services.gateway.standing import Standing
from exchange.services.gateway.static import screens
from exchange.services.gateway.stream.streams import Streams
from exchange.services.gateway.upstream import Route, Upstream
from exchange.services.gateway.watching import keep_watch

_STATUS_S: Final = 0.25
_CONNECT_MS: Final = 2_000
_BACKLOG: Final = 1_024


@dataclass(frozen=True)
class GatewayPlan:
    """What a gateway runs.

    Args:
        settings: Of the exchange.
        place: Where that is.
        identity: The way to identity, for as long as the block lasts.
        sealer: Of what streams are resumed by.
        vitals: Of this process.
        port: Where it listens.
        audit: How an audit of the exchange is run.
        policies: Of this process.
    """

    settings: Settings
    place: Place
    identity: Callable[[], AbstractAsyncContextManager[IdentityWay]]
    sealer: Sealer
    vitals: Vitals
    port: int
    audit: AuditCommand
    policies: Policies


class GatewayHost:
    """One run of a plan, in one event loop.

    Args:
        plan: What it runs.
        ready: Called once it serves.
    """

    def __init__(self, plan: GatewayPlan, ready: Callable[[], None] = lambda: None) -> None:
        self._plan = plan
        self._ready = ready
        self._stop = asyncio.Event()
        self._upstream: Upstream | None = None
        self.port = 0

    def stop(self) -> None:
        """Asks for an orderly stop; may be called from a signal handler of the loop."""
        self._stop.set()

    async def run(self) -> None:
        """Serves until stopped; then no new connections, what is under way answered, sessions logged off.

        Raises:
            ConfigError: Its address cannot be listened on.
            ExchangeError: Identity cannot be had.
        """
        with open_log(self._plan.settings) as events:
            async with self._plan.identity() as way:
                await self._serve(way, events)

    async def _serve(self, way: IdentityWay, events: EventLog) -> None:
        plan, settings = self._plan, self._plan.settings
        bound = settings.gateway
        identity, browsers = IdentityLink(way), Browsers(bound)
        standing = Standing()
        authenticator = Authenticator(identity, browsers, standing)
        changes = Changes(identity, standing, authenticator, settings.identity.session_idle_s)
        upstream = self._upstream = Upstream(
            Route(
                plan.place,
                plan.vitals.name,
                bound.answer_timeout_ms,
                min(_CONNECT_MS, bound.answer_timeout_ms),
                plan.policies,
            )
        )
        questions = upstream.questions
        exchange = Exchange(
            upstream,
            Known(upstream.directory, lambda: upstream.ask(questions.instruments())),
            Keeps(settings.history.enabled, settings.market_data.enabled),
            Doors(identity, authenticator, browsers, standing, bool(bound.demo_user)),
            Machine(settings, plan.audit),
        )
        connections = Connections(bound)
        counted = Counted(lambda: (connections.count, connections.turned_away), lambda: upstream.sessions)
        limits = Limits(bound, time.monotonic_ns)
        topics = TopicTable(settings.events.environment)
        published = (events, topics) if settings.events.publish else None
        streams = Streams(exchange, bound, limits, plan.sealer, published, counted.refused)
        routing = Routing((*ROUTES, *pages(), *screens()))
        app = GatewayApp(exchange, bound, routing, authenticator, limits, counted, streams)
        plan.vitals.tells(
            families=lambda: chain(counted.families(), changes.families(), streams.tally.families()),
            needs=self._needs,
        )
        server = http_server(app, connections)
        with self._listening() as listener:
            self.port = listener.getsockname()[1]
            async with changes.heard(events, topics) as watch, streams.running() as works:
                kept = (
                    changes.keep(watch), exchange.known.keep(), self._tell(counted), keep_watch(exchange),
                )  # fmt: skip
                chores = [*way.work, *works, *(asyncio.create_task(work) for work in kept)]
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                stop = asyncio.create_task(self._stop.wait())
                self._ready()
                log("gateway ready", endpoint=f"http://{bound.host}:{self.port}")
                try:
                    await asyncio.wait({serving, stop, *chores}, return_when=asyncio.FIRST_COMPLETED)
                    server.should_exit = True
                    await serving
                finally:
                    for task in (stop, *chores):
                        task.cancel()
                    ended = await asyncio.gather(stop, *chores, return_exceptions=True)
                    await upstream.close()
                    await exchange.machine.close()
        log("gateway stopped", requests=counted.requests)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        host, port = self._plan.settings.gateway.host, self._plan.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # The protocol is named, for asyncio switches Nagle's delay off only where it is: 40 ms an answer.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise ConfigError(f"gateway {host}:{port} cannot be had: {error.strerror}") from None
        with listener:
            yield listener

    async def _tell(self, counted: Counted) -> None:
        """Says four times a second that it works."""
        while True:
            self._plan.vitals.beat(requests=counted.requests, port=self.port)
            await asyncio.sleep(_STATUS_S)

    def _needs(self) -> Mapping[str, Status]:
        return {} if self._upstream is None else self._upstream.needs
