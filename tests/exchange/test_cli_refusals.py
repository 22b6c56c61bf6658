"""Commands that start an exchange and see at once that it could not do its work."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exchange.cli import demo
from exchange.services.orders import disk_watch
from tests.exchange.commands import exchange


def test_demo_on_a_disk_too_full_for_orders_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end with all being right, for want of any trade."""
    monkeypatch.setattr(demo, "used_percent", lambda _: 91.2)
    data = tmp_path / "new" / "data"
    done = exchange("demo", "--no-screen", "--data", str(data), check=1)
    assert done.stderr == (
        f"exchange: the disk of {data} is 91 % full, orders are refused from 85 % on:"
        " free some, or --set limits.disk_used_percent=95\n"
    )
    assert not data.exists()
    monkeypatch.setattr(demo, "used_percent", lambda _: 96.0)
    done = exchange("demo", "--no-screen", "--data", str(data), check=1)
    assert done.stderr.endswith("--set limits.disk_used_percent=100\n")


def test_core_warns_of_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it has room again is no warning."""
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(
        disk_watch, "log", lambda event, *, level=logging.INFO, **_: told.append((event, level))
    )
    used, now = [90.0], [0]

    def time() -> int:
        now[0] += 2_000_000_000
        return now[0]

    watch = disk_watch.DiskWatch(tmp_path, 85, lambda _: None, time, lambda _: used[0])
    watch()
    used[0] = 10.0
    watch()
    assert told == [
        ("disk nearly full: no new orders", logging.WARNING),
        ("disk has room again", logging.INFO),
    ]


def test_standby_of_what_is_no_data_directory_is_refused(tmp_path: Path) -> None:
    """Before its core, which would start over and over, looks for a leader there."""
    nope = tmp_path / "nope"
    done = exchange("standby", "--data", str(tmp_path / "b"), "--of", str(nope), check=78)
    assert done.stderr == (
        f"exchange: {nope} is no data directory of an exchange: expected the leader's, or its endpoint\n"
    )
    assert not (tmp_path / "b").exists()
