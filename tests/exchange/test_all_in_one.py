"""`exchange up --all-in-one`: publishing and the history in the same process as the core."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from exchange.client import Client, Reader
from exchange.runtime.audit import audit
from exchange.runtime.registry import Registry
from tests.exchange.running import settings, until

WAIT_MS = 60_000


def test_one_process_trades_publishes_and_keeps_a_history(tmp_path: Path) -> None:
    """It ends in order, with all that was traded published and kept; nothing of it is another process."""
    data = tmp_path / "data"
    words = [sys.executable, "-m", "exchange.cli", "up", "--all-in-one", "--data", str(data), *settings()]
    words += ["--set", "history.enabled=true", "--set", "endpoints.metrics="]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        registry = Registry({}, data / "run" / "instances")
        until(lambda: [each.ready for each in registry.instances("history")] == [True], "it did not start")
        assert {each.pid for each in registry.instances()} == {process.pid}
        endpoint = f"ipc://{data}/run/orders.sock"
        with Client.connect(
            endpoint, tenant=0, name="o", user="o", account=11, connect_ms=WAIT_MS, timeout_ms=WAIT_MS
        ) as client:
            client.admin.define_asset(1, "BTC", 8)
            client.admin.define_asset(2, "USD", 6)
            client.admin.define_instrument(7, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4)
            for account in (11, 12):
                client.admin.open_account(account, tenant=1)
                client.admin.deposit("BTC", "10", account=account)
                client.admin.deposit("USD", "10000", account=account)
            client.limit("BTC-USD", "sell", "0.5", "200.25")
            bought = client.limit("BTC-USD", "buy", "0.5", "200.25", account=12)
        with Reader(endpoint, tenant=1, name="r", user="r", timeout_ms=WAIT_MS) as reader:
            query = reader.make.query.past_executions(instrument="BTC-USD", min_seq=bought.sequence)
            rows = reader.ask(query)
            assert sorted(row.account for row in rows) == [11, 12]
            assert reader.instruments.instrument("BTC-USD").price(rows[0].last_price) == "200.25"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    assert code == 0, (tmp_path / "log").read_text()[-3000:]
    assert registry.instances() == []
    verdict = audit(data, stopped=True)
    assert verdict.good, "\n".join(verdict.lines())
