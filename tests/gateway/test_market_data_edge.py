"""From the gateway to market data: a call is cut, asked again, and not made while nobody answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.exchange.running import Up, until
from tests.gateway.door import ANN, SELL, Open
from tests.gateway.metrics import sample
from tests.gateway.running import watched

AT_ONCE = 8
TARGET = "/v1/tickers"


@pytest.fixture
def kept(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Up, Open]]:
    """Market data is a process of its own, too; the test says how long calls may take."""
    pairs = (
        "market_data.enabled=true",
        "endpoints.metrics=127.0.0.1:0",
        f"gateway.answer_timeout_ms={request.param}",
    )
    with watched(tmp_path_factory.mktemp("edge") / "data", *pairs) as (up, made):
        made.add(ANN)
        until(lambda: made.nobody.ask("GET", TARGET).status == 200, "market data is not there")
        yield up, made


def edge(up: Up, metric: str, **labels: str) -> float:
    """What the gateway counts of its calls, of those to market data where nothing else is said."""
    of_gateway = {"process": "gateway", "caller": "client", "callee": "marketdata"}
    return sample(up, f"exchange_edge_{metric}", **of_gateway | labels)


@pytest.mark.req("C020")
@pytest.mark.parametrize("kept", [500], indirect=True)
def test_market_data_that_hangs_is_not_asked_for_a_while(kept: tuple[Up, Open]) -> None:
    """Calls are cut, then refused by an open breaker; orders go on; it is asked again when it is back."""
    up, door = kept
    pid = up.announcement()["processes"]["marketdata"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = list(pool.map(lambda _: door.nobody.ask("GET", TARGET), range(2 * AT_ONCE)))
        refused = [each for each in told if each.status != 200]  # the supervisor may have ended what hangs
        assert {(each.status, each.name) for each in refused} == {(503, "UNAVAILABLE")}
        assert all(each.body["transient"] and each.headers["retry-after"] for each in refused)
        until(lambda: "Circuit breaker OPEN" in up.log, "the breaker does not open")
        until(lambda: edge(up, "breaker_opened") >= 1, "the metrics of the gateway do not know of it")
        order = SELL | {"clientOrderId": "beside-1"}
        until(lambda: door.ann.ask("POST", "/v1/orders", order).status == 201, "orders wait for market data")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    until(lambda: door.nobody.ask("GET", TARGET).status == 200, "it is not asked again")
    until(lambda: edge(up, "breaker_state") == 0, "the breaker stays open")
    assert edge(up, "calls", outcome="ok") >= 2
    assert edge(up, "calls", outcome="open") >= 1
    assert edge(up, "calls", outcome="ok", callee="replica") >= 1


@pytest.mark.req("C020")
@pytest.mark.parametrize("kept", [30_000], indirect=True)
def test_question_to_market_data_that_is_killed_is_asked_again(kept: tuple[Up, Open]) -> None:
    """Who asks while it is away has the answer of the process that takes its place."""
    up, door = kept

    def asked_again() -> bool:
        pid = until(lambda: up.announcement()["processes"]["marketdata"], "nobody takes its place")
        os.kill(pid, signal.SIGKILL)
        answer = door.nobody.ask("GET", TARGET)
        until(
            lambda: up.announcement()["processes"]["marketdata"] not in {None, pid}, "nobody takes its place"
        )
        if answer.status != 200:  # a machine that takes ten seconds for a start is past all tries
            assert (answer.status, answer.name) == (503, "UNAVAILABLE")
            until(lambda: door.nobody.ask("GET", TARGET).status == 200, "it is not asked again")
        return answer.status == 200

    until(asked_again, "nobody is asked again")
