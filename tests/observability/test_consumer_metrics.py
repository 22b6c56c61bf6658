"""What a consumer tells, of a real log and store: taken, duplicates, dead, held, and how far behind it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.observability.openmetrics import Family
from exchange.runtime.consumer_metrics import Lag, consumer_families, lag_of
from exchange.runtime.log_metrics import log_extent_families
from tests.inbox.world import ORDERS, START_NS, TRADES, World


def values(families: list[Family]) -> dict[tuple[str, ...], float]:
    """By name and labels; without those of the service and the topic of orders."""
    return {
        (
            family.name.removeprefix("exchange_"),
            *(v for _, v in labels if v not in {"matching", ORDERS}),
        ): float(value)
        for family in families
        for _, labels, value in family.samples
    }


@pytest.mark.req("C101")
def test_consumer_tells_what_it_took_and_what_it_has_not(tmp_path: Path) -> None:
    """Before, while a dependency is down, and after; the time is the log's own."""
    with World(str(tmp_path / "stores"), tmp_path) as world:
        world.place(1, 2)
        consumer = world.live()
        world.place_rows(3, 4, 5)
        now_ns = START_NS + 1_000_000_000

        def tell() -> dict[tuple[str, ...], float]:
            return values(list(consumer_families(consumer, world.log, lambda: now_ns)))

        before = tell()
        assert before["consumer_lag_records",] == 3
        assert before["consumer_lag_events",] == 5
        assert before["consumer_lag_seconds",] == pytest.approx(0.999)
        assert before["consumer_events", "taken"] == 0
        world.mood.always["2"] = "down"
        world.settle()
        held = tell()
        assert (held["consumer_held",], held["consumer_events", "taken"]) == (1, 0)
        assert (held["consumer_lag_records",], held["consumer_lag_events",]) == (3, 5)
        world.mood.always["2"] = "invalid"
        world.settle(60.0, pace=10.0)
        after = tell()
        assert after == {
            ("consumer_events", "taken"): 4,
            ("consumer_events", "duplicate"): 0,
            ("consumer_events", "behind"): 0,
            ("consumer_events", "dead"): 1,
            ("consumer_retries",): 0,
            ("consumer_held",): 0,
            ("consumer_lag_records",): 0,
            ("consumer_lag_events",): 0,
            ("consumer_lag_seconds",): 0,
            ("outbox_published",): after["outbox_published",],
            ("outbox_held",): 0,
        }
        assert after["outbox_published",] >= 3
        assert lag_of(world.log, ORDERS, 3, now_ns) == Lag()
        consumer.close()
        world.consumer = None
        extent = world.log.extent(ORDERS)
        topics = values(list(log_extent_families(world.log)))
        assert topics["event_log_end_offset",] == extent.end == 3
        assert topics["event_log_size_bytes",] == extent.size
        assert topics["event_log_end_offset", TRADES] >= 1
        assert (topics["event_log_group_lag_records",], topics["event_log_group_lost",]) == (0, 0)
