"""A leader and its standby as users run them: `exchange up`, `exchange standby`, `exchange promote`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.client import Client, Reader
from exchange.client.questions import Query
from exchange.domain.enums import Durability, OrderStatus
from exchange.errors import DeadlineExceeded, ServiceUnavailableError
from exchange.runtime.exits import ExitCode
from tests.core_loop.bench_table import order
from tests.exchange.commands import exchange
from tests.replication.processes import Running, open_market, promote

_FILLED = 150_000  # sequences: more than three segments


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[Running]:
    """Give a leader whose answers wait."""
    made = Running.leader(tmp_path / "a")
    yield made
    made.stop()


@pytest.mark.req("B074", "B075")
def test_standby_takes_over_and_every_acknowledged_order_is_there(leader: Running, tmp_path: Path) -> None:
    """Trade, lose the leader's machine, promote: the same orders; the same client goes on; both verify."""
    standby = Running.standby(tmp_path / "b", leader.data)
    try:
        standby.until(lambda: standby.said('event="in sync"'))
        with leader.client() as client:
            open_market(client)
            client.load_instruments()
            sent = [client.limit("A-B", "sell", 1, 100 + number, account=1) for number in range(20)]
        assert all(report.ok and report.durability is Durability.REPLICA for report in sent)
        leader.kill()
        done = promote(standby.data)
        assert done.returncode == 0, done.stderr
        assert "lost     nothing that is known of" in done.stdout
        with standby.client() as client:
            client.load_instruments()
            assert client.limit("A-B", "sell", 1, 500, account=1).ok
            rows = client.query.open_orders(account=1)
        assert [row.order_id for row in rows[:20]] == [report.order_id for report in sent]
        assert promote(standby.data).returncode == 1  # it leads already
    finally:
        assert standby.stop() == 0
    exchange("verify", str(standby.data))
    again = Running.standby(standby.data, leader.data)  # it led, and leads again
    with again.client() as client:
        client.load_instruments()
        assert len(client.query.open_orders(account=1)) == 21
    assert again.stop() == 0


def test_standby_lets_nobody_in_and_is_not_promoted_out_of_sync(leader: Running, tmp_path: Path) -> None:
    """NOT_LEADER for a client; NOT_IN_SYNC for an operator while the leader does not wait for it."""
    with leader.client() as operator:
        exchange("solo", "--data", str(leader.data))
        open_market(operator)
        standby = Running.standby(tmp_path / "b", leader.data)
        try:
            standby.until(lambda: "not_leader" in refusal(standby))
            done = promote(standby.data)
            assert done.returncode == 1
            assert "this standby may lack what its leader has acknowledged" in done.stderr
        finally:
            assert standby.stop() == 0


def refusal(standby: Running) -> str:
    """Why a client is not let in; it asks until this one leads, or a while is over."""
    with pytest.raises(DeadlineExceeded) as late:
        standby.client(connect_ms=1_500)
    return str(late.value)


def test_standby_whose_recovery_cut_something_off_does_not_lead(leader: Running, tmp_path: Path) -> None:
    """Its last record, which it had acknowledged, is damaged while both machines are down."""
    standby = Running.standby(tmp_path / "b", leader.data)
    standby.until(lambda: standby.said('event="in sync"'))
    with leader.client() as client:
        open_market(client)
    standby.kill()
    leader.kill()
    segment = max((standby.data / "journal").glob("*.journal"))
    content = segment.read_bytes()
    last = len(content.rstrip(b"\0")) - 1
    segment.write_bytes(content[:last] + bytes([content[last] ^ 1]) + content[last + 1 :])
    for _ in range(2):  # what was cut off is gone, and not forgotten
        again = Running.standby(standby.data, leader.data)
        try:
            why = why_not_promoted(again, standby.data)
            assert "this standby may lack what its leader has acknowledged" in why
            assert again.said("may lack what it acknowledged")
        finally:
            assert again.stop() == 0


def why_not_promoted(standby: Running, data: Path) -> str:
    """Why it is not promoted, as soon as it is there to be asked."""
    refused: list[str] = []

    def asked() -> bool:
        done = promote(data)
        assert done.returncode == 1
        refused.append(done.stderr)
        return "no standby answers" not in done.stderr

    standby.until(asked)
    return refused[-1]


def test_old_leader_that_lives_is_fenced(leader: Running, tmp_path: Path) -> None:
    """A promotion while the leader runs: its core stops with its own exit code, and is not started again."""
    standby = Running.standby(tmp_path / "b", leader.data)
    try:
        standby.until(lambda: standby.said('event="in sync"'))
        assert promote(standby.data).returncode == 0
        assert leader.process.wait(240) == ExitCode.FENCED
        assert leader.said("fenced: another core leads")
    finally:
        assert standby.stop() == 0


def test_standby_begins_with_a_snapshot_where_the_first_records_are_gone(tmp_path: Path) -> None:
    """The leader's journal begins later: the standby fetches its newest snapshot and follows from there."""
    data = tmp_path / "a"
    small = ("--set", "limits.segment_bytes=4198400", "--set", "limits.journal_bytes=8396800")
    leader = Running.leader(data, *small)
    try:
        exchange("solo", "--data", str(data))
        with leader.client() as client:
            open_market(client)
            client.load_instruments()
            early = client.limit("A-B", "sell", 1, 900, account=1)
            assert client.cancel(early).ok
            _fill(client)
        taken = exchange("snapshot", "--data", str(data))
        assert int(taken.stdout.split()[0]) >= _FILLED, "it lacks what was answered before it was asked for"
        assert not (data / "journal" / f"{1:020d}.journal").exists()
        standby = Running.standby(tmp_path / "b", data)
        try:
            assert standby.said("begins with a snapshot of the leader")
            standby.until(lambda: standby.said("state=streaming"))
            # Its replica tells of orders that ended before what it began with.
            with Reader(
                f"ipc://{standby.data}/run/orders.sock", tenant=0, name="past", user="past", timeout_ms=60_000
            ) as reader:
                asked = reader.make.query.order_history(account=1, order_status=OrderStatus.CANCELED)
                standby.until(lambda: [each.order_id for each in _told(reader, asked)] == [early.order_id])
            with leader.client("other") as client:
                client.load_instruments()
                assert client.limit("A-B", "sell", 1, 900, account=1).ok
                exchange("solo", "--off", "--data", str(data))
                assert client.limit("A-B", "sell", 1, 901, account=1).durability is Durability.REPLICA
        finally:
            assert standby.stop() == 0
        exchange("verify", str(standby.data))
    finally:
        leader.stop()


def _told(reader: Reader, asked: Query[Any]) -> list[Any]:
    """The rows; none before its replica serves."""
    try:
        return list(reader.ask(asked))
    except ServiceUnavailableError:
        return []


def _fill(client: Client) -> None:
    """Some megabytes of journal: orders for more than there is, which are commands all the same.

    What a slow core refuses before it is journaled has no sequence, and does not count.
    """
    reached = 0
    for part in itertools.count():
        if reached >= _FILLED:
            return
        rows = np.repeat(order("", side=2, qty=10**6), 1_000)
        rows["client_order_id_head"] = [f"{part}-{number}".encode() for number in range(rows.size)]
        rows["sent_at"] = time.time_ns()
        reports = client.submit_array(rows).result()
        assert len(reports) == rows.size
        reached = max(reached, int(reports.rows["sequence"].max()))
