"""How processes rank among each other, and what they tell the collector of garbage, on the kernel itself."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.runtime.priority import as_allowed
from exchange.runtime.processes import rows_of
from exchange.storage.directory import DataDirectory
from tests.exchange.ports import free_pair
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


RANKED = """
import json, os, subprocess, sys, threading
from exchange.config.settings import Log
from exchange.runtime.log import configure
from exchange.runtime.priority import go_realtime
configure("ranked", settings=Log(format="json"))
def of(thread=0):
    return [os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority]
found, stop = {}, threading.Event()
before = threading.Thread(target=stop.wait)
before.start()
go_realtime(PRIORITY, "some.setting")
after = threading.Thread(target=lambda: found.update(after=of()))
after.start()
after.join()
ask = "import os; print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)"
child = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout
found.update(main=of(), before=of(before.native_id), child=[int(each) for each in child.split()])
stop.set()
print(json.dumps(found))
"""
PLAIN = [os.sched_getscheduler(0), os.sched_getparam(0).sched_priority]
NOBODY = 65_534
FIRST = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


def ranked(priority: int, *, allowed: bool = True) -> tuple[dict[str, list[int]], str]:
    """What threads and a child of a process are that asked for a priority; and its log."""

    def deny() -> None:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    done = subprocess.run(
        [sys.executable, "-c", RANKED.replace("PRIORITY", str(priority))],
        check=True, capture_output=True, text=True, preexec_fn=None if allowed else deny,
    )  # fmt: skip
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found, done.stderr


@pytest.mark.skipif(as_allowed(1) == 0, reason="real-time priorities are denied here")
def test_realtime_of_a_process_is_of_the_threads_that_it_has_by_then() -> None:
    """Neither a thread that is started later has it, nor another process."""
    assert ranked(3) == ({"main": [FIRST, 3], "before": [FIRST, 3], "after": PLAIN, "child": PLAIN}, "")
    assert ranked(0) == (dict.fromkeys(("main", "before", "after", "child"), PLAIN), "")


def test_realtime_that_is_denied_is_told_by_its_setting() -> None:
    """Nothing changes."""
    found, said = ranked(3, allowed=False)
    assert found == dict.fromkeys(("main", "before", "after", "child"), PLAIN)
    assert [json.loads(line)["setting"] for line in said.splitlines()] == ["some.setting"]


def test_priorities_of_the_settings_are_of_whoever_is_on_the_way(tmp_path: Path) -> None:
    """Gateways, identity beside them, who answers for market data; not of who keeps it."""
    ranks = ("core.realtime_priority=3", "gateway.realtime_priority=3", "market_data.realtime_priority=2")
    port = free_pair()
    up = Up.start(
        tmp_path / "data", *ranks, "gateway.enabled=true", "gateway.instances=2", f"gateway.port={port}",
        "market_data.enabled=true", "market_data.query_process=true",
    )  # fmt: skip

    def priorities() -> dict[str, int]:
        pids = {row.name: row.pid or 0 for row in rows_of(DataDirectory(up.data))}
        return {name: os.sched_getparam(pid).sched_priority for name, pid in pids.items()}

    try:
        until(up.announcement, "it did not start")
        ranked = {"core": 3, "gateway": 3, "gateway-2": 3, "identity": 3, "marketquery": 2}
        wanted = {name: as_allowed(ranked.get(name, 0)) for name in priorities()}
        assert ranked.keys() < wanted.keys()
        until(lambda: priorities() == wanted, "they have other priorities")
    finally:
        up.end()


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
