"""`exchange demo` as a user runs it, and its audit."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from rich.console import Console

from cmatch._core import SharedStats, Stat
from exchange.demo.market import Tally
from exchange.demo.sample import Product
from exchange.demo.view import Lines, Picture, draw, spark
from exchange.domain.queries import BookLevelsReply, LevelRow
from exchange.observability import StatsReader
from exchange.runtime.supervisor import read_announcement
from exchange.storage.directory import DataDirectory
from tests.exchange.ports import free_ports

SMALL = ["--accounts", "50", "--sessions", "3", "--set", "limits.segment_bytes=33554432"]
SMALL += ["--set", "limits.orders=262144", "--set", "limits.client_order_ids=524288"]
AUDIT = re.compile(r"audit: all is right \(([\d,]+) trades, hash [0-9a-f]{16}\)")


def demo(*words: str) -> subprocess.Popen[str]:
    """A running demo; it hears an interrupt, also where these tests run in the background and do not."""
    return subprocess.Popen(
        [sys.executable, "-m", "exchange.cli", "demo", *SMALL, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no other thread)
    )


@pytest.mark.req("B006", "B007")
def test_demo_trades_and_ends_with_an_audit_that_agrees(tmp_path: Path) -> None:
    """Lines while it runs, since this is no terminal; orders rest, trade and are cancelled; exit code 0."""
    process = demo("--no-screen", "--seconds", "3", "--rate", "4000", "--data", str(tmp_path / "data"))
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    lines = out.splitlines()
    found = AUDIT.fullmatch(lines[-1])
    assert found is not None, out
    assert int(found[1].replace(",", "")) > 100
    assert any(re.match(r" +\d+\.\d s +[\d,]+ commands/s .* live orders .* journal", line) for line in lines)
    again = demo("--no-screen", "--seconds", "1", "--data", str(tmp_path / "data"))
    _, err = again.communicate(timeout=100)
    assert again.returncode == 78
    assert "has a journal already" in err


def test_demo_that_is_interrupted_stops_and_audits(tmp_path: Path) -> None:
    """Ctrl-C ends the market, not the audit; a temporary directory is gone afterwards."""
    process = demo("--no-screen", "--rate", "2000")
    assert process.stdout is not None
    lines: list[str] = []
    while not any("commands/s" in line for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended: {lines}"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert AUDIT.fullmatch(out.splitlines()[-1])
    assert not list(Path("/tmp").glob(f"exchange-demo-*{process.pid}*"))  # noqa: S108 (none of ours is left)


def test_demo_that_is_killed_takes_its_exchange_along(tmp_path: Path) -> None:
    """Nobody would stop it otherwise, nor know that it runs."""
    data = tmp_path / "data"
    process = demo("--no-screen", "--rate", "500", "--data", str(data))
    assert process.stdout is not None
    try:
        while "commands/s" not in (line := process.stdout.readline()):
            assert line, "it ended"
        running = read_announcement(DataDirectory(data))
        assert running is not None
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 120
    while Path(f"/proc/{running.supervisor}/cmdline").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert read_announcement(DataDirectory(data)) is None  # it stopped in order


def test_visitor_of_the_demo_signs_in_by_one_click_and_trades() -> None:
    """An account with money; an order that meets the market, a balance that moves, an audit that agrees."""
    (port,) = free_ports(1)
    with demo("--rate", "600", "--set", f"gateway.port={port}") as process:
        try:
            _trade_as_the_visitor(process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
    assert AUDIT.fullmatch(out.splitlines()[-1])
    assert any(line.startswith("ok     history") for line in out.splitlines())


def _trade_as_the_visitor(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    lines: list[str] = []
    while not any("trade at" in line for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended: {lines}"
    (address,) = re.findall(r"http://[0-9.:]+", "".join(lines))
    with httpx.Client(base_url=address, headers={"origin": address}, timeout=60) as browser:
        user = browser.post("/v1/sessions/demo").raise_for_status().json()["user"]
        assert (user["userName"], user["accounts"]) == ("visitor", [51])
        before = _told(browser, "/v1/balances")
        instrument = _told(browser, "/v1/instruments")["instruments"][0]
        order = {
            "symbol": instrument["symbol"],
            "side": "buy",
            "type": "market",
            "qty": instrument["lotSize"],
            "respType": "FULL",
        }
        deadline = time.monotonic() + 240
        while not (answer := browser.post("/v1/orders", json=order).json()).get("executions"):
            assert time.monotonic() < deadline, answer
            time.sleep(0.5)
        assert answer["orderStatus"] == "filled"
        while _told(browser, "/v1/balances")["balances"] == before["balances"]:  # the replica is behind
            assert time.monotonic() < deadline
            time.sleep(0.5)


def _told(browser: httpx.Client, path: str) -> Any:
    """What is answered; a replica that a busy machine leaves no time is asked again."""
    deadline = time.monotonic() + 240
    while (answer := browser.get(path)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)
    return answer.raise_for_status().json()


def test_spark_shows_numbers_against_the_largest() -> None:
    """The largest at full height; nothing where there is nothing."""
    assert spark([0.0, 50.0, 100.0]) == "▁▅█"
    assert spark([]) == spark([0.0]) == ""
    assert len(spark(np.arange(1, 61, dtype=float).tolist())) == 60


def picture(seconds: float, commands: int) -> Picture:
    """The exchange after so many commands in the last second."""
    stats = SharedStats()
    reader = StatsReader(memoryview(stats))
    before = reader.read()
    stats.begin()
    stats.add(Stat.commands, commands)
    stats.set(Stat.live_orders, 77)
    stats.end()
    now = replace(reader.read(), read_ns=before.read_ns + 1_000_000_000)
    book = BookLevelsReply(
        bids=(LevelRow(price=99_50, qty=12_000, count=2), LevelRow(price=99_00, qty=5_000, count=1)),
        asks=(LevelRow(price=100_25, qty=7_500, count=1),),
    )
    return Picture(seconds, now, before, Tally(sent=commands), book, Product("BTC-USD", 2, 4), 1 << 28)


def test_lines_are_at_most_one_a_second_of_the_market(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with the rates since the picture before."""
    lines = Lines()
    for seconds in (0.2, 0.5, 1.1, 1.3, 2.4):
        lines.show(picture(seconds, 12_345))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["0.2", "1.3", "2.4"]
    assert "12,345 commands/s" in shown[0]
    assert "77 live orders" in shown[0]


def test_screen_shows_rates_latencies_traders_and_the_book() -> None:
    """Prices and quantities as decimals; the best bid beside the best ask."""
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(draw(picture(3.0, 4_000), [1_000.0, 4_000.0]))
    text = console.export_text()
    assert "4,000/s" in text
    assert re.search(r"1\.2000 +99\.50 +100\.25 +0\.7500", text)
    assert "BTC-USD" in text
    assert "256 MiB of segments" in text
    assert "▃█" in text
