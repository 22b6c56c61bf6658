"""Trades that wait although no settlement service runs: who looks after the exchange is told."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from exchange.client import Client
from exchange.observability.health import Status
from exchange.runtime import log as logs
from exchange.runtime.registry import Instance, Membership, Registry
from exchange.runtime.unsettled import UnsettledWatch
from tests.exchange.commands import exchange
from tests.exchange.running import Up, fetch, until

WAIT_MS = 60_000
MARKET = 7
ANN, BOB = 11, 12


def test_who_waits_for_nobody_is_said_once_and_taken_back(tmp_path: Path) -> None:
    """Not while the service starts, nor where nothing waits; again where it goes again."""
    printed, now = io.StringIO(), [0.0]
    logs.configure("replica", printed)
    member = Membership(tmp_path, "settlement")
    watch = UnsettledWatch(Registry({}, tmp_path), lambda: now[0])

    def look(waiting: int, seconds: float) -> tuple[list[str], dict[str, Status]]:
        now[0] += seconds
        watch.look(waiting)
        lines = printed.getvalue().splitlines()
        return [line for line in lines if "settlement service" in line], dict(watch.needs())

    def there() -> None:
        beat = time.monotonic_ns()
        member.beat(Instance("settlement", 1, ("settlement",), "", "1", 1, beat, Status.HEALTHY, True, {}))

    assert look(0, 100.0) == look(3, 4.9) == ([], {})
    assert look(3, 4.9) == ([], {})
    lines, needs = look(4, 0.2)
    assert needs == {"settlement": Status.DEGRADED}
    assert "level=warning" in lines[0]
    assert "waiting=4" in lines[0]
    assert len(look(5, 100.0)[0]) == 1
    [family] = watch.families()
    assert (family.name, [sample[2] for sample in family.samples]) == ("exchange_unposted_trades", ["5"])
    there()
    lines, needs = look(5, 1.0)
    assert (len(lines), needs) == (2, {})
    assert "again" in lines[1]
    member.leave()
    assert len(look(5, 1.0)[0]) == 2
    assert look(5, 5.0)[1] == {"settlement": Status.DEGRADED}
    assert look(0, 1.0)[1] == {}


def trade(data: Path) -> None:
    """One of a new market, that a service has to post."""
    place = f"ipc://{data}/run/orders.sock"
    with Client.connect(place, tenant=0, name="op", user="op", connect_ms=WAIT_MS, timeout_ms=WAIT_MS) as op:
        op.admin.define_asset(1, "BTC", 8)
        op.admin.define_asset(2, "USD", 6)
        op.admin.define_instrument(MARKET, "BTC-USD", base="BTC", quote="USD", price_scale=2, qty_scale=4)
        for account in (ANN, BOB):
            op.admin.open_account(account, tenant=1)
            op.admin.deposit("BTC", "10", account=account)
            op.admin.deposit("USD", "10000", account=account)
        assert op.admin.set_settlement(True).ok
    with Client.connect(
        place, tenant=1, name="ann", user="ann", account=ANN, connect_ms=WAIT_MS, timeout_ms=WAIT_MS
    ) as ann:
        ann.load_instruments()
        ann.limit(MARKET, "sell", "0.5", "100.00")
        assert ann.limit(MARKET, "buy", "0.5", "100.00", account=BOB).ok


def test_exchange_without_settlement_is_degraded_until_there_is_one(tmp_path: Path) -> None:
    """Health, `ps`, metrics, one line of the log and `settlement status` say so; the service posts it."""
    data = tmp_path / "data"
    up = Up.start(data, "endpoints.metrics=127.0.0.1:0")
    try:
        until(up.announcement, "it did not start")
        pages = up.announcement()["endpoints"]["metrics"].removesuffix("/metrics")
        said = json.loads(up.say("settlement", "status", "--json"))
        assert said == {
            "posted_by": "venue",
            "service_runs": False,
            "trades": 0,
            "waiting": 0,
            "taken": None,
            "posted": None,
        }
        trade(data)

        def health() -> dict[str, object]:
            body: dict[str, object] = json.loads(fetch(f"{pages}/health/replica"))
            return body

        until(lambda: health()["dependencies"] == {"settlement": "degraded"}, "nobody misses settlement")
        assert health()["status"] == "degraded"
        assert b'exchange_unposted_trades{process="replica"} 1' in fetch(f"{pages}/metrics")
        rows = {row["name"]: row["state"] for row in json.loads(up.say("ps", "--json", check=1))}
        assert rows["replica"] == "degraded"
        assert rows["core"] == "healthy"
        lines = [line for line in up.log.splitlines() if "no settlement service runs" in line]
        assert len(lines) == 1
        shown = up.say("settlement", "status", check=1).splitlines()
        assert shown == [
            "trades   1 made; posted by the settlement service",
            "service  none runs",
            "waiting  1",
            "trades wait and nobody posts them: start the exchange with --set settlement.enabled=true",
        ]
        refused = exchange("settlement", "list", "--data", str(data), check=1)
        assert "keeps no settlements: start it with --set settlement.enabled=true" in refused.stderr
        assert up.stop() == 0
    finally:
        up.end()

    up = Up.start(data, "endpoints.metrics=127.0.0.1:0", "settlement.enabled=true")
    try:
        until(up.announcement, "it did not start again")

        def posted() -> bool:
            body = json.loads(up.say("settlement", "status", "--json", check=None) or "{}")
            return (body.get("posted"), body.get("waiting")) == (1, 0)

        until(posted, "the trade was not posted")
        shown = up.say("settlement", "status").splitlines()
        assert shown == [
            "trades   1 made; posted by the settlement service",
            "service  runs; has taken trades to 1, posted to 1",
            "waiting  0",
        ]
        page, none = (
            up.announcement()["endpoints"]["metrics"],
            b'exchange_unposted_trades{process="replica"} 0',
        )
        until(
            lambda: none in fetch(page), "the metric is not taken back"
        )  # it is looked at four times a second
    finally:
        up.end()
