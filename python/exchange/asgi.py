"""Services as ASGI applications, for a server of one's own: `uvicorn exchange.asgi:market_data --port 8001`.

The service is the one that `exchange run` runs, with the settings of the environment; the server starts and
ends it (lifespan), and serves its pages where it would serve them itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from exchange.config import load
from exchange.errors import ExchangeError
from exchange.observability.asgi import PagesApp
from exchange.observability.server import Pages
from exchange.observability.trace_ids import App, Message, Receive, Send
from exchange.runtime.log import log
from exchange.runtime.service_host import ServiceHost
from exchange.storage.journal import JournalCorrupt
from exchange.topology.hosted import plan_of
from exchange.topology.running import by_itself


class ServiceApp:
    """A service that runs for as long as the server that serves it.

    Args:
        running: Runs it for as long as its block lasts, and gives its application.
    """

    def __init__(self, running: Callable[[], AbstractAsyncContextManager[App]]) -> None:
        self._running = running
        self._app: App | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is None:
            raise RuntimeError("the service does not run: its server has to speak ASGI's lifespan")
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stage = "startup"
        try:
            async with self._running() as self._app:
                stage = "shutdown"
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except (ExchangeError, JournalCorrupt) as error:
            log("failed", level=logging.ERROR, reason=error)
            await send({"type": f"lifespan.{stage}.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def _market_data() -> AsyncIterator[App]:
    """Whoever answers for market data: `marketquery` where the settings have one, else `marketdata`."""
    settings = load()
    apart = settings.market_data.query_process
    process = "marketquery" if apart else "marketdata"
    mounted: asyncio.Future[Pages] = asyncio.get_running_loop().create_future()
    with (
        by_itself(process, settings),
        plan_of("marketdata", settings, 0, process, takes=not apart, mount=mounted.set_result) as plan,
    ):
        host = ServiceHost(plan)
        running = asyncio.create_task(host.run())
        try:
            first: set[asyncio.Future[Any]] = {running, mounted}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            running.add_done_callback(_end_server)
            yield PagesApp(mounted.result())
        finally:
            running.remove_done_callback(_end_server)
            host.stop()
            await running


def _end_server(running: asyncio.Task[None]) -> None:
    """A service that ended by itself takes its server with it, as it takes its process elsewhere."""
    if not running.cancelled():
        os.kill(os.getpid(), signal.SIGTERM)


market_data: Final = ServiceApp(_market_data)
"""Market data: prices and candles, health and metrics."""
