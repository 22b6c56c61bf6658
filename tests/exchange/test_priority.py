"""How processes rank among each other, and what they tell the collector of garbage, on the kernel itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from exchange.runtime.processes import rows_of
from exchange.storage.directory import DataDirectory
from tests.exchange.running import Up, until

SAYS = """
import gc, json, os
from exchange.runtime.garbage import spare_what_is_there
from exchange.runtime.priority import rank
{}
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), gc.get_freeze_count() > 0,
                  gc.get_threshold()[0], gc.isenabled()]))
"""


def said(statement: str) -> list[object]:
    """What a process of its own is like after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(statement)], check=True, capture_output=True, text=True
    )
    found: list[object] = json.loads(done.stdout)
    return found


def test_rank_of_one_that_nobody_waits_for_is_behind_whoever_wakes_others() -> None:
    """It has its niceness, and the scheduling of a batch; without that the scheduling stays."""
    assert said("rank(19, patient=True)")[:2] == [19, os.SCHED_BATCH]
    assert said("rank(19)")[:2] == [19, os.sched_getscheduler(0)]


def test_what_is_there_is_spared_by_collections_that_go_on() -> None:
    """All is frozen, and a collection comes after 20,000 new objects; before that nothing is."""
    assert said("spare_what_is_there()")[2:] == [True, 20_000, True]
    assert said("")[2] is False


def test_only_followers_of_a_running_exchange_are_patient(tmp_path: Path) -> None:
    """Who answers, and who is on the way to a subscriber, may take the processor from them."""
    behind, before = ("publisher", "audit", "marketdata"), ("replica", "marketquery")
    up = Up.start(tmp_path / "data", "market_data.enabled=true", "market_data.query_process=true")

    def scheduled() -> dict[str, int]:
        pids = {row.name: row.pid for row in rows_of(DataDirectory(up.data))}
        return {name: os.sched_getscheduler(pids[name] or 0) for name in (*behind, *before)}

    try:
        until(up.announcement, "it did not start")
        expected = dict.fromkeys(behind, os.SCHED_BATCH) | dict.fromkeys(before, os.sched_getscheduler(0))
        until(lambda: scheduled() == expected, "they are scheduled otherwise")
    finally:
        up.end()
