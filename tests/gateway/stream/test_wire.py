"""How a connection ends whose program does not read what waits for it: over a real socket."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode

from exchange.client.rest.closing import Close
from exchange.config.settings import Gateway
from exchange.services.gateway import server
from exchange.services.gateway.app import GatewayApp
from exchange.services.gateway.stream import wire as stream_wire
from exchange.services.gateway.stream.wire import WIRE, StreamProtocol

_WAITING_BYTES = 1 << 20
_UPDATE = bytes(1 << 14)


async def heard(client: ClientConnection) -> tuple[int, int | None]:
    """How many frames come until the end, and its code."""
    frames = 0
    try:
        async for _ in client:
            frames += 1
    except ConnectionClosedError:
        pass
    return frames, client.close_code


async def end_of_a_slow_reader(goodbye_s: float) -> tuple[int, int, int | None]:
    """Frames that were written, those that a program hears that reads only after the end, and its code."""
    opened: asyncio.Future[StreamProtocol] = asyncio.get_running_loop().create_future()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        opened.set_result(scope["extensions"][WIRE])
        while (await receive())["type"] != "websocket.disconnect":
            pass

    serving = server.http_server(cast(GatewayApp, app), server.Connections(Gateway()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(serving.serve(sockets=[listener]))
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        async with connect(url, compression=None, max_queue=1, ping_interval=None, close_timeout=0) as client:
            wire, written = await opened, 0
            frame = Frame(Opcode.BINARY, _UPDATE).serialize(mask=False)
            while wire.buffered < _WAITING_BYTES:
                wire.write(frame)
                written += 1
            wire.end(int(Close.TOO_SLOW), Close.TOO_SLOW.name)
            assert wire.buffered > 0
            wire.write(frame)  # after its end nothing is told
            while goodbye_s == 0 and not wire.disconnected:  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0.01)
            frames, code = await heard(client)
        serving.should_exit = True
        await running
    return written, frames, code


@pytest.mark.parametrize("goodbye_s", [600.0, 0.0])
def test_reader_that_was_too_slow_is_told_so_behind_what_waits(
    goodbye_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads on hears everything and the code; who does not is cut off, so that nothing waits for ever."""
    monkeypatch.setattr(stream_wire, "_GOODBYE_S", goodbye_s)
    written, frames, code = asyncio.run(end_of_a_slow_reader(goodbye_s))
    if goodbye_s:
        assert (frames, code) == (written, Close.TOO_SLOW)
    else:
        assert frames < written
        assert code == Close.ABNORMAL
