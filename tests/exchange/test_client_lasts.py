"""The synchronous client over a socket: whatever a callback does, nobody waits for ever."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from exchange.client import Client, ClientClosed, State
from tests.exchange.scripted_core import ScriptedCore

WAIT_S = 30.0


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Give a client of a core that does as it should."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    endpoint = f"ipc://{run}/c.sock"
    with (
        ScriptedCore(endpoint),
        Client.connect(endpoint, tenant=1, name="bot", user="ann", account=7, retry_ms=60_000) as made,
    ):
        yield made


def fails(error: BaseException) -> Callable[[Any], NoReturn]:
    """A callback that raises it."""

    def callback(_: Any) -> NoReturn:
        raise error

    return callback


def order(client: Client) -> Any:
    """A request of it."""
    return client.make.orders.limit(1, "buy", 1, 1)


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), asyncio.CancelledError("mine")], ids=["own", "cancel"]
)
def test_callback_of_a_handle_that_raises_stops_nothing(
    client: Client, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The other callbacks are called, the error is in the log, the session goes on."""
    called = threading.Event()
    handle = client.submit(order(client))
    handle.add_done_callback(lambda _: called.set())
    handle.add_done_callback(fails(error))
    assert handle.result(WAIT_S)
    assert called.wait(WAIT_S)
    assert client.submit(order(client)).result(WAIT_S)
    handle.add_done_callback(fails(error))  # at once, in this thread
    assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [error] * 2
    assert client.state is State.ACTIVE


@pytest.mark.parametrize("of", ["reports", "handle", "state"])
def test_callback_that_ends_its_thread_ends_the_client(
    client: Client, of: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits is told, in whatever thread, and what came in with it is still handed on."""
    gate = threading.Event()

    def hold_up(_: object) -> None:
        gate.wait(WAIT_S)

    client.on_reports(hold_up)
    assert client.submit(order(client)).result(WAIT_S)  # whose report holds the reading thread up
    handles = [client.submit(order(client)) for _ in range(3)]
    if of == "handle":
        handles[0].add_done_callback(lambda _: sys.exit(3))
    else:
        client.on_reports(lambda _: sys.exit(3))
        client.on_state(lambda _: sys.exit(4) if of == "state" else None)  # once more, as it is closed
    gate.set()
    for handle in handles:
        try:
            assert handle.result(WAIT_S)
        except ClientClosed:
            assert handle is not handles[0]

    def go_on() -> None:
        while True:
            client.submit(order(client)).result(WAIT_S)

    with pytest.raises(ClientClosed, match=r"the client failed: SystemExit\(3\)"):
        go_on()
    assert client.state is State.CLOSED
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR][:1] == [
        "client bot failed"
    ]
