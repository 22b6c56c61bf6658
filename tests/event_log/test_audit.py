"""`exchange audit`: what is right is found right, and whatever is not is found."""

from __future__ import annotations

import json
import random
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cmatch._core import JournalReader, Venue
from exchange.bus.log.events import batch_of_rows
from exchange.bus.log.interface import Batch
from exchange.cli import main
from exchange.domain.enums import ExecType, OrderStatus, ReportFlag
from exchange.runtime.audit import Audit, ChangesAudit, PublishedAudit, audit
from exchange.runtime.audit.check import Check
from exchange.runtime.audit.orders import OrdersAudit
from exchange.runtime.changes import CHANGES
from exchange.runtime.publisher import EXECUTIONS, TRADES
from exchange.schema.event_rows import EventList, Records, Tenants, decode_rows
from exchange.storage.digests import Digest, append_digest
from exchange.storage.executions import ExecutionFold
from exchange.storage.replay import Verdict, replay, verify
from exchange.storage.venue_limits import limits_of
from tests.event_log.published import EVERYTHING, NAMES, TABLE, Exchange, busy, load_settings
from tests.exchange.journals import BTC, USD
from tests.oracle.venue.model import Sizes
from tests.venue.adapter import FAMILY_NUMBERS, rows
from tests.venue.sessions import Session

PAID_IN = {BTC: 30 * 10**8, USD: 3_000_000 * 10**6}
BATCHES = 120


def audited(exchange: Exchange, **options: Any) -> Audit:
    """The audit of a directory with its log."""
    with exchange.open_log() as events:
        published = [PublishedAudit(name, events, TABLE) for name in (EXECUTIONS, TRADES)]
        return audit(exchange.root, auditors=published, **options)


def wrong(found: Audit) -> dict[str, list[str]]:
    """What is wrong, by check."""
    return {check.name: check.wrong for check in found.checks if not check.good}


def stop(exchange: Exchange) -> Digest:
    """Writes down where the journal ends, as a core that stops in order does."""
    end = replay(exchange.root).digest
    append_digest(exchange.directory.digests, Digest(end.sequence, end.event_digest, end.state_hash))
    return end


@pytest.mark.req("B006", "B007")
def test_honest_exchange_is_right(exchange: Exchange) -> None:
    """Every check says what it counted; what was paid in is what the accounts hold."""
    busy(exchange.writer)
    exchange.publish()
    end = stop(exchange)
    found = audited(exchange, paid_in=PAID_IN, stopped=True)
    trades = len(exchange.events(TRADES))
    published = len(exchange.events(EXECUTIONS))
    assert wrong(found) == {}
    assert (found.good, found.commands, found.trades) == (True, end.sequence, trades)
    says = {check.name: check.says for check in found.checks}
    assert list(says) == ["replay", "invariants", "money", "orders", "trades", EXECUTIONS, TRADES]
    assert says["replay"] == (
        f"{end.sequence:,} commands to sequence {end.sequence:,}, hash {end.state_hash:016x};"
        " 1 recorded live, the end among them"
    )
    assert says["money"] == "balances = deposits - withdrawals in 2 assets"
    assert says["trades"] == f"{trades} trades, two sides each, numbered without a gap"
    assert says[EXECUTIONS] == f"{published} events as the journal makes them, each once"
    assert says[TRADES] == f"{trades} events as the journal makes them, each once"
    assert list(found.lines())[-1] == f"audit: all is right ({trades} trades, hash {end.state_hash:016x})"


def test_what_is_not_published_yet_is_counted(exchange: Exchange) -> None:
    """A publisher that is behind, or none at all, is nothing wrong."""
    busy(exchange.writer, count=20)
    exchange.publish()
    before = len(exchange.events(EXECUTIONS))
    busy(exchange.writer, seed=2, count=20)
    found = audited(exchange)
    assert found.good
    says = {check.name: check.says for check in found.checks}[EXECUTIONS]
    assert says.startswith(f"{before} events as the journal makes them, each once; ")
    assert says.endswith(" not published")


def test_exchange_that_goes_on_meanwhile_is_right(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had when the audit began counts: not what is journaled and published behind the replay."""
    busy(exchange.writer, count=20)
    exchange.publish()
    before = len(exchange.events(EXECUTIONS))

    def verify_and_go_on(*words: Any) -> Verdict:
        verdict = verify(*words)
        busy(exchange.writer, seed=2, count=20)
        exchange.publish()
        return verdict

    monkeypatch.setattr("exchange.runtime.audit.run.verify", verify_and_go_on)
    found = audited(exchange)
    assert wrong(found) == {}
    says = {check.name: check.says for check in found.checks}[EXECUTIONS]
    assert says == f"{before} events as the journal makes them, each once"
    assert len(exchange.events(EXECUTIONS)) > before


def test_log_that_begins_later_is_compared_from_there(exchange: Exchange) -> None:
    """Retention removes the oldest segments; the rest is as right as the whole."""
    busy(exchange.writer, count=200)
    exchange.publish()
    whole = exchange.batches()[EXECUTIONS]
    first, *others = sorted((exchange.directory.log / NAMES[EXECUTIONS]).glob("*.log"))
    assert others
    first.unlink()
    left = exchange.batches()[EXECUTIONS]
    assert 0 < len(left) < len(whole)
    found = audited(exchange)
    assert wrong(found) == {}
    says = {check.name: check.says for check in found.checks}[EXECUTIONS]
    assert says == f"{sum(each.count for each in left):,} events as the journal makes them, each once"


@pytest.mark.parametrize("most", [1, 7, EVERYTHING])
def test_log_is_right_however_many_records_its_batches_are_of(exchange: Exchange, most: int) -> None:
    """Also where the journal's beginning is gone, and the audit's fold begins within one of them."""
    busy(exchange.writer, count=40)
    middle = exchange.writer.sequence
    busy(exchange.writer, seed=2, count=40)
    exchange.publish(most=most)
    found = audited(exchange)
    assert wrong(found) == {}
    events = len(exchange.events(EXECUTIONS))
    says = {check.name: check.says for check in found.checks}[EXECUTIONS]
    assert says == f"{events} events as the journal makes them, each once"
    check, seen = _looked_at(exchange, EXECUTIONS, middle)
    assert (check.wrong, check.says) == ([], f"{seen} events as the journal makes them, each once")
    assert 0 < seen < events


def _looked_at(exchange: Exchange, topic: str, start: int) -> tuple[Check, int]:
    """What the audit of a topic finds with a fold that begins behind a command; how many events it made."""
    venue, seen = Venue(**limits_of(load_settings(exchange.root))), 0
    for record in JournalReader(str(exchange.directory.journal), 1):
        if record.first_sequence <= start:
            venue.apply_payload(record.payload)
    fold = ExecutionFold(exchange.directory.journal, venue)
    with exchange.open_log() as events:
        look = PublishedAudit(topic, events, TABLE)
        while (outcome := fold.advance(EVERYTHING)) is not None:
            seen += sum(len(rows.rows) for rows in outcome.executions)
            look.take(outcome, venue)
        look.close(venue)
    return look.check, seen


@pytest.mark.parametrize("most", [7, EVERYTHING])
def test_single_rows_that_the_journal_does_not_make_are_found(exchange: Exchange, most: int) -> None:
    """One bit of any row or tenant of a batch, its epoch, its time, a row too few: told once a batch."""
    busy(exchange.writer, count=30)
    exchange.publish(most=most)
    honest = exchange.batches()[EXECUTIONS]
    topic, at = TABLE.find(NAMES[EXECUTIONS]), len(honest) // 2
    victim = honest[at]
    rows = decode_rows(victim.payload)
    row = rows.rows.copy()
    row["cum_qty" if rows.kind is EventList.REPORTS else "reject"][-1] ^= 1
    tenants = rows.tenants.copy()
    tenants[0] ^= 1

    def made(given: Records, of: Tenants) -> Batch:
        return batch_of_rows(topic, rows.kind, given, victim.first_seq, epoch=1, tenants=of)

    assert made(rows.rows, rows.tenants) == replace(victim, epoch=1)
    for changed in (
        replace(made(row, rows.tenants), epoch=victim.epoch),
        replace(made(rows.rows, tenants), epoch=victim.epoch),
        replace(victim, epoch=victim.epoch + 1),
        replace(victim, ts_ns=victim.ts_ns + 1),
        replace(victim, payload=b"nothing"),
    ):
        for segment in (exchange.directory.log / NAMES[EXECUTIONS]).glob("*.log"):
            segment.unlink()
        later = [replace(each, epoch=max(each.epoch, changed.epoch)) for each in honest[at + 1 :]]
        with exchange.open_log() as events, events.writer(NAMES[EXECUTIONS]) as writer:
            writer.append([*honest[:at], changed, *(later if changed.epoch == victim.epoch else [])])
        assert wrong(audited(exchange)) == {
            EXECUTIONS: [f"events {victim.first_seq} to {victim.last_seq} are others than the journal makes"]
        }


@pytest.mark.parametrize("most", [1, 7, EVERYTHING])
@pytest.mark.parametrize("topic", [EXECUTIONS, TRADES])
def test_event_that_the_journal_does_not_make_is_found(exchange: Exchange, topic: str, most: int) -> None:
    """One byte of a batch, and what goes beyond the journal."""
    busy(exchange.writer, count=30)
    exchange.publish(most=most)
    honest = exchange.batches()[topic]
    directory = exchange.directory.log / NAMES[topic]
    for segment in directory.glob("*.log"):
        segment.unlink()
    changed = replace(honest[-1], payload=honest[-1].payload[:-1] + b"\x7f")
    beyond = replace(honest[-1], first_seq=honest[-1].last_seq + 1)
    with exchange.open_log() as events, events.writer(NAMES[topic]) as writer:
        writer.append([*honest[:-1], changed, beyond])
    assert wrong(audited(exchange)) == {
        topic: [
            f"events {changed.first_seq} to {changed.last_seq} are others than the journal makes",
            f"events from {beyond.first_seq} on are not in the journal",
        ]
    }


def test_change_that_the_journal_does_not_make_is_found(exchange: Exchange) -> None:
    """One that is another, one that is there again; what retention removed is passed over."""
    busy(exchange.writer, count=5)
    exchange.publish()
    honest = exchange.batches()[CHANGES]
    directory = exchange.directory.log / NAMES[CHANGES]

    def of(batches: list[Batch]) -> list[str]:
        for segment in directory.glob("*.log"):
            segment.unlink()
        with exchange.open_log() as events, events.writer(NAMES[CHANGES]) as writer:
            writer.append(batches)
        with exchange.open_log() as events:
            found = audit(exchange.root, auditors=[ChangesAudit(events, TABLE)])
        return wrong(found).get(CHANGES, [])

    assert of(honest) == []
    assert of(honest[2:]) == []
    changed = replace(honest[-1], ts_ns=honest[-1].ts_ns + 1)
    (sentence,) = of([*honest[:-1], changed])
    assert sentence.endswith(" changed is another than there")
    again = replace(honest[-1], first_seq=honest[-1].last_seq + 1)
    (sentence,) = of([*honest, again])
    assert sentence.endswith(" on are not in the journal")


def test_money_that_was_never_paid_in_is_found(exchange: Exchange) -> None:
    """Somebody counted other deposits than the ledger."""
    found = audited(exchange, paid_in={**PAID_IN, USD: 1})
    assert wrong(found) == {"money": [f"asset {USD}: accounts hold {PAID_IN[USD]:,}, 1 was due"]}


def test_state_that_was_not_live_is_found(exchange: Exchange) -> None:
    """One bit of the recorded hash is enough."""
    busy(exchange.writer, count=10)
    end = replay(exchange.root).digest
    append_digest(exchange.directory.digests, Digest(end.sequence, end.event_digest, end.state_hash ^ 1))
    ((name, (sentence,)),) = wrong(audited(exchange)).items()
    assert name == "replay"
    assert "state part at or before sequence" in sentence


def test_stop_without_a_hash_is_found(exchange: Exchange) -> None:
    """An exchange that was to stop in order and did not prove its end; one that runs need not."""
    assert audited(exchange).good
    assert wrong(audited(exchange, stopped=True)) == {"replay": ["no hash was recorded at the end"]}


def test_command_prints_and_exits_as_it_found(
    exchange: Exchange, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Lines or JSON; 0 and 1; a directory without a journal is an error."""
    busy(exchange.writer, count=10)
    words = ["audit", "--data", str(exchange.root)]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("audit: all is right (")
    stopped = stop(exchange)
    digests = exchange.directory.digests
    digests.write_text(
        digests.read_text().replace(f"{stopped.state_hash:016x}", f"{stopped.state_hash ^ 1:016x}")
    )
    assert main([*words, "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["good"], body["commands"]) == (False, stopped.sequence)
    assert [check["name"] for check in body["checks"] if not check["good"]] == ["replay"]
    assert main(words) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("audit: 1 of 5 checks WRONG (")
    (tmp_path / "other").mkdir()
    for missing in ("none", "other"):
        assert main(["audit", "--data", str(tmp_path / missing)]) == 1
        assert "there is no journal in" in capsys.readouterr().err
    assert list((tmp_path / "other").iterdir()) == []


@cache
def reports_of(seed: int) -> tuple[Venue, Venue, npt.NDArray[np.void]]:
    """An empty venue, the same at the end of a random session, and all reports of it."""
    session = Session(seed)
    history = session.run(BATCHES).history
    sizes = {field.name: getattr(session.sizes, field.name) for field in fields(Sizes)}
    venue = Venue(**sizes)
    found = []
    for family, timestamp, commands in history:
        first = venue.sequence + 1
        reports, _ = venue.apply(FAMILY_NUMBERS[family], first, timestamp, rows(family, commands, first))
        found.append(reports)
    return Venue(**sizes), venue, np.concatenate(found)


def look(empty: Venue, venue: Venue, reports: npt.NDArray[np.void]) -> OrdersAudit:
    """The audit of these reports."""
    orders = OrdersAudit(empty)
    orders.add(reports)
    orders.close(venue)
    return orders


@pytest.mark.parametrize("seed", range(1, 13))
def test_orders_of_random_sessions_are_conserved(seed: int) -> None:
    """Every kind of order, queue, shard, kill and mistake: in = out + resting."""
    assert look(*reports_of(seed)).check.wrong == []


@pytest.mark.parametrize("seed", range(1, 13))
def test_report_that_is_changed_or_missing_is_found(seed: int) -> None:
    """A quantity one higher, or no report of what happened, whichever it is."""
    empty, venue, reports = reports_of(seed)
    numbers = random.Random(seed)
    moving = [int(each) for each in (ExecType.ACCEPTED, ExecType.TRADE, ExecType.CANCELED, ExecType.EXPIRED)]
    moves = np.isin(reports["exec_type"], moving) & ((reports["flags"] & int(ReportFlag.DUPLICATE)) == 0)
    # What two sessions were told is told twice, and so is what was queued: one of them may go.
    moves &= reports["order_status"] != int(OrderStatus.PENDING_NEW)
    told = reports[["order_id", "exec_type", "last_qty", "leaves_qty"]]
    once = np.array([np.sum(told == row) == 1 for row in told])
    places = np.flatnonzero(moves & once).tolist()
    for place in numbers.sample(places, min(30, len(places))):
        for name in ("leaves_qty", "cum_qty"):
            changed = reports.copy()
            changed[name][place] += 1
            assert look(empty, venue, changed).check.count > 0, (seed, place, name)
        missing = np.delete(reports, place)
        assert look(empty, venue, missing).check.count > 0, (seed, place, reports[place])
