"""Accounts and risk in processes of their own, as an operator has them: killed, stopped, told of, refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cmatch.frames import Records
from exchange.cli import main
from exchange.config import load
from exchange.domain.enums import ExecType
from exchange.errors import ConfigError
from exchange.services.risk.approval import approval_of
from exchange.services.risk.ports import RiskPort
from exchange.topology.all_in_one import run_all
from exchange.topology.supervising import supervise
from tests.exchange.worlds import (
    PRICE,
    STAGE_AWAY,
    STAGE_THERE,
    Market,
    ProcessWorld,
    core_values,
    set_up,
    trader,
)

_SETTINGS = (
    "accounts.process=true",
    "risk.process=true",
    "risk.approval=tests.exchange.test_stage_process:at_most_five_hundred",
    "stages.heartbeat_timeout_ms=3000",
    "stages.proposal_timeout_ms=10000",  # a stage that is gone is noticed sooner
)


def at_most_five_hundred(_view: RiskPort, orders: Records) -> npt.NDArray[np.bool_]:
    """What the risk process of these tests approves."""
    approved: npt.NDArray[np.bool_] = orders["qty"] <= 500 * 10**4  # lots
    return approved


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessWorld]:
    """Give an exchange with both stages elsewhere."""
    made = ProcessWorld("sync", tmp_path_factory.mktemp("x"), 0, *_SETTINGS)
    yield made
    made.close()


@pytest.mark.req("B035")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("name", ["accounts", "risk"])
def test_stage_that_is_gone_has_new_orders_refused_until_it_is_back(
    world: ProcessWorld, name: str, how: signal.Signals
) -> None:
    """Refused with a code that may be tried again, cancels pass; then taken, and the money is right."""
    market = Market(400 + 10 * int(how) + len(name))
    set_up(world, market)
    maker, taker = (trader(world, market, account) for account in (market.first, market.second))
    resting, other = (maker.limit(market.symbol, "sell", qty, PRICE) for qty in (5, 3))
    pid = world.process_id(name)
    os.kill(pid, signal.SIGSTOP)  # a killed one would be back before it is missed
    world.until(lambda: core_values(world.data)[f"{name}_stage"] == STAGE_AWAY)
    refused = [taker.limit(market.symbol, "buy", 1, PRICE), maker.replace(resting, qty=4)]
    assert [report.reject.name for report in refused] == 2 * [f"{name}_unavailable"]
    assert all(report.reject.transient for report in refused)
    assert maker.cancel(other).exec_type is ExecType.CANCELED
    os.kill(pid, signal.SIGKILL if how is signal.SIGKILL else signal.SIGCONT)
    world.until(lambda: core_values(world.data)[f"{name}_stage"] == STAGE_THERE)
    if how is signal.SIGKILL:
        world.until(lambda: world.process_id(name) != pid)  # its supervisor says so a little later
    assert (world.process_id(name) == pid) == (how is signal.SIGSTOP)
    assert taker.limit(market.symbol, "buy", 5, PRICE).ok
    world.until(lambda: not maker.orders.live())
    assert maker.balance(market.base).reserved == 0
    assert taker.query.positions()[0].position == 5
    world.done()


def test_word_of_the_approval_reaches_the_client_and_the_status_tells_of_the_stages(
    world: ProcessWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """RISK_REFUSED for what the operator's function does not approve; `exchange status` has a line."""
    market = Market(500)
    set_up(world, market)
    client = trader(world, market, market.first)
    assert client.limit(market.symbol, "buy", "500", "0.01").ok
    assert client.limit(market.symbol, "buy", "500.0001", "0.01").reject.name == "risk_refused"
    assert main(["status", "--data", str(world.data), "--seconds", "0"]) == 0
    assert (
        "stages    accounts in a process of its own; risk in a process of its own" in capsys.readouterr().out
    )
    values = core_values(world.data)
    assert values["proposals"] > 0
    world.done()


def test_approval_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    """One error that says what is wrong, before anything runs."""
    here = "tests.exchange.test_stage_process"
    for name, why in (
        ("no.such.module:function", "cannot be imported: No module named"),
        (f"{here}:no_such_function", "cannot be imported: module .* has no attribute"),
        (f"{here}:_SETTINGS", "is no function"),
    ):
        with pytest.raises(ConfigError, match=f"risk.approval is '{name}', which {why}"):
            approval_of(name)
        settings = load(
            environment={}, data_directory=tmp_path / "x", risk={"process": True, "approval": name}
        )
        with pytest.raises(ConfigError, match=why):
            supervise(settings)
    assert not (tmp_path / "x").exists()
    for section, why in (
        ({"process": True, "approval": "a function"}, "expected package.module:function"),
        ({"approval": "a.b:c"}, "expected risk.process = true beside it"),
    ):
        with pytest.raises(ConfigError, match=why):
            load(environment={}, data_directory=tmp_path / "x", risk=section)


def test_stages_of_their_own_are_processes(tmp_path: Path) -> None:
    """All in one process has none."""
    for name in ("accounts", "risk"):
        values: dict[str, Any] = {"data_directory": tmp_path / "x", name: {"process": True}}
        settings = load(environment={}, **values)
        with pytest.raises(ConfigError, match=rf"{name}\.process is true: expected false"):
            run_all(settings)


def test_stage_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Without a core it waits for one, and stops in order."""
    words = [sys.executable, "-m", "exchange.cli", "run", "accounts", "--data", str(tmp_path / "x")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*words, "--set", "accounts.process=true"], stdout=log, stderr=log)
        try:
            status = tmp_path / "x" / "run" / "accounts.json"
            deadline = time.monotonic() + 120
            while not status.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0, (tmp_path / "log").read_text()
        finally:
            process.kill()
            process.wait()
