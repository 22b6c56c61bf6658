"""Whoever leaves while requests of theirs are under way writes nothing into the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest
from uvicorn.server import ServerState

from exchange.config.settings import Gateway
from exchange.services.gateway.answers import ANSWER
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.server import BoundedProtocol, Connections, http_server


class Line(asyncio.Transport):
    """In the place of a socket; like uvloop's it takes nothing more once it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written: list[bytes] = []
        self.is_open = True

    def write(self, data: Any) -> None:
        """Keeps it."""
        if not self.is_open:
            raise RuntimeError("the handler is closed")
        self.written.append(bytes(data))

    def close(self) -> None:
        """Closed."""
        self.is_open = False

    def is_closing(self) -> bool:
        """Whether it was."""
        return not self.is_open

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Something is."""


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("asked", [1, 5])
def test_client_that_leaves_with_requests_under_way_is_no_accident(
    asked: int, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer goes nowhere, the requests behind it are not begun; nor is it one before that is told."""
    begun: list[str] = []

    async def scene() -> Line:
        may_answer = asyncio.Event()

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            begun.append(scope["path"])
            await may_answer.wait()
            await scope["extensions"][ANSWER](200, [(b"content-length", b"0")], b"")

        config = http_server(cast(GatewayApp, app), Connections(Gateway())).config
        config.load()
        line = Line()
        protocol = BoundedProtocol(config=config, server_state=ServerState(), app_state={})
        protocol.connection_made(line)
        protocol.data_received(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % at for at in range(asked)))
        await asyncio.sleep(0)
        line.close()
        if is_told:
            protocol.connection_lost(ConnectionResetError())
        may_answer.set()
        for _ in range(10):
            await asyncio.sleep(0)
        if not is_told:
            protocol.connection_lost(ConnectionResetError())
        return line

    with caplog.at_level(logging.WARNING):
        line = asyncio.run(scene())
    assert (begun, line.written) == (["/0"], [])
    assert not caplog.records
