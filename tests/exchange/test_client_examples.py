"""The examples of the client run as they are given to people, and what docs/client.md shows is so."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.domain.enums import ExecType
from tests.docs import blocks
from tests.exchange.worlds import ProcessWorld

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python from the project's root."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )


def test_example_embedded_prints_its_story() -> None:
    """Trade, reject, expiry, crash and replay: the same lines on every machine."""
    outcome = run("examples/embedded.py")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines() == [
        "maker: accepted, order 13",
        "taker: accepted, 0 of 2000 lots filled",
        "taker: trade, 2000 of 2000 lots filled",
        "taker: rejected, insufficient_funds (6400000000000 asked, 87200000000 allowed)",
        "before the minute: 2 live orders",
        "after it: 1 live order, expired",
        "after the crash: canceled, 2000 of 5000 filled",
        "replayed 18 commands: same state, same events",
    ]


def test_example_bot_makes_a_market_on_a_running_exchange(tmp_path: Path) -> None:
    """The bot quotes, is filled by somebody else, follows its fills, and leaves no order behind."""
    world = ProcessWorld("sync", tmp_path)
    bot = subprocess.Popen(
        [sys.executable, "examples/bot.py", str(tmp_path / "data"), "--setup", "--seconds", "3600"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        operator = world.client("operator")
        assert bot.stdout is not None
        assert bot.stdout.readline() == "quoting BOT-USD for 3600 s\n"
        assert operator.admin.open_account(77, tenant=9).ok
        operator.load_instruments()
        assert operator.admin.deposit("BOT", "10", account=77).ok
        taker = world.client("taker", tenant=9, account=77)
        taker.load_instruments()
        filled = 0
        for _ in range(5):
            world.until(lambda: taker.query.top("BOT-USD").bid is not None)
            report = taker.new_order("BOT-USD", "sell", 500, "0.01", time_in_force="ioc")
            assert report.exec_type is ExecType.ACCEPTED
            world.until(lambda: not taker.orders.find(report.order_id).live)  # noqa: B023
            filled += taker.orders.find(report.order_id).cum_qty
        bot.send_signal(signal.SIGINT)
        output, _ = bot.communicate(timeout=120)
        assert bot.returncode == 0, output
        found = re.fullmatch(
            r"rounds (\d+), fills (\d+), position (-?\d+) lots, result -?\d+ ticks x lots\n", output
        )
        assert found is not None, output
        assert int(found[1]) > 1
        assert int(found[3]) == filled > 0
        world.until(lambda: operator.query.open_orders(account=9_001) == ())
        world.done()
    finally:
        bot.kill()
        bot.wait()
        world.close()


@pytest.mark.parametrize("number", range(2))
def test_docs_client_code_runs(number: int) -> None:
    """The blocks of docs/client.md that say so are programs that run."""
    found = blocks.programs("client.md")
    assert len(found) == 2
    assert blocks.run(found[number]) == blocks.printed(found[number])
