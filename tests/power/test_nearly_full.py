"""A disk that is nearly full takes no new orders, and everything that ends what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmatch import RejectCode
from exchange.bench.market import BASE, INSTRUMENT, Market
from exchange.client import Client
from exchange.services.orders import disk_watch
from exchange.services.orders.disk_watch import DiskWatch, used_percent
from tests.crash.lives import Core, open_market
from tests.crash.traders import TENANT

_SECOND_NS = 1_000_000_000


def test_watch_looks_once_a_second_and_tells_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit it is not yet nearly full; above it it is, and is told once."""
    told: list[bool] = []
    said: list[str] = []
    monkeypatch.setattr(disk_watch, "log", lambda event, **_: said.append(event))
    now, used, looks = [0], [85.0], [0]

    def look(_: Path) -> float:
        looks[0] += 1
        return used[0]

    watch = DiskWatch(Path("/j"), 85, told.append, lambda: now[0], look)
    for percent in (85.0, 85.1, 99.0, 85.0, 10.0):
        used[0] = percent
        for _ in range(3):
            watch()
            now[0] += _SECOND_NS // 2
        now[0] += _SECOND_NS // 2
    assert told == [True, False]
    assert looks[0] == 10
    assert said == ["disk nearly full: no new orders", "disk has room again"]


def test_used_is_a_share_of_what_there_is(tmp_path: Path) -> None:
    """Between nothing and all."""
    assert 0 < used_percent(tmp_path) <= 100


def test_core_on_a_nearly_full_disk_refuses_new_orders_and_takes_cancels(tmp_path: Path) -> None:
    """A limit that every disk exceeds, then one that none does: the order is taken where it was refused."""
    roomy = Core(tmp_path / "x", settings=("limits.disk_used_percent=100",))
    roomy.start()
    with Market(roomy.endpoint, 1) as market:
        open_market(market)
    with _client(roomy) as client:
        rests = client.limit(INSTRUMENT, "sell", 1, 50_000, client_order_id="rests")
        assert rests.ok
    roomy.stop()
    _use_more_than_one_percent(tmp_path)
    full = Core(tmp_path / "x", settings=("limits.disk_used_percent=1",))
    full.start()
    with _client(full) as client:
        refused = client.limit(INSTRUMENT, "buy", 1, 1, client_order_id="again")
        assert refused.reject is not None
        assert refused.reject.number == RejectCode.DISK_NEARLY_FULL
        assert client.cancel(rests.order_id, instrument=INSTRUMENT).ok
        assert client.balance(BASE).reserved == 0
    full.stop()
    roomy.start()
    with _client(roomy) as client:
        assert client.limit(INSTRUMENT, "buy", 1, 1, client_order_id="again").ok
    roomy.stop()


def _use_more_than_one_percent(place: Path) -> None:
    status = os.statvfs(place)
    if used_percent(place) <= 1:
        with (place / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, status.f_blocks * status.f_frsize // 50)


def _client(core: Core) -> Client:
    return Client.connect(core.endpoint, tenant=TENANT, name="me", user="me", account=1, timeout_ms=30_000)
