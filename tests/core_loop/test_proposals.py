"""Proposals to stages elsewhere: their word is journaled with the order, and the core never waits for it."""

from __future__ import annotations

import numpy as np
import pytest

from cmatch import RejectCode, frames
from cmatch._core import DiskOperation, Stat
from cmatch.frames import CommandList, ReportList
from exchange.domain.enums import AdminAction, Judge, LedgerAction
from tests.core_loop.bench_table import ENOSPC, SECOND_NS, Rows, order, replayed
from tests.core_loop.stage_bench import BEAT, DEADLINE, MS, Scripted, StageBench, cancel, go, staged

_WELCOME = 1
_CANCEL_ON_DISCONNECT = 1


def orders(*names: str, **values: int) -> Rows:
    """New orders of these names in one frame."""
    return np.concatenate([order(name, **values) for name in names])


def settled(bench: StageBench) -> None:
    """The replay, which has no stages, is the live state; sequences have no gap, time does not step back."""
    bench.venue.check_invariants()
    assert not bench.core.waits
    assert replayed(bench.disk).state_hash() == bench.venue.state_hash()
    headers = [(header, len(rows)) for header, _, rows in bench.journaled()]
    firsts = [header.first_seq for header, _ in headers]
    assert firsts == [1 + sum(count for _, count in headers[:at]) for at in range(len(headers))]
    assert sorted(header.ts_ns for header, _ in headers) == [header.ts_ns for header, _ in headers]


@pytest.mark.parametrize("judge", list(Judge))
def test_verdict_lies_in_the_record_of_its_order_and_stays(judge: Judge) -> None:
    """What the stage refused is refused, for good; the rest of the batch goes on; a replay needs no stage."""
    bench, me, (stage,) = staged(judge)
    bench.send(me, CommandList.ORDERS, orders("a", "b", "c"))
    before = bench.venue.sequence
    assert bench.took(me, ReportList.REPORTS).size == 0
    stage.answer({1: RejectCode.RISK_REFUSED})
    reports = bench.took(me, ReportList.REPORTS)
    assert reports["reject"].tolist() == [0, RejectCode.RISK_REFUSED, 0]
    assert reports["sequence"].tolist() == [before + 1, before + 2, before + 3]
    [proposed] = stage.proposals
    header, _, rows = bench.journaled()[-1]
    assert header == proposed[0]
    assert rows["verdict"].tolist() == [0, RejectCode.RISK_REFUSED, 0]
    bench.send(me, CommandList.ORDERS, order("b"))
    stage.answer()
    (again,) = bench.took(me, ReportList.REPORTS)
    assert (again["reject"], again["sequence"]) == (RejectCode.RISK_REFUSED, before + 4)
    settled(bench)


def test_stages_are_asked_one_behind_the_other_and_the_first_word_counts() -> None:
    """Accounts see what risk said; each order has the code of who refused it first."""
    bench, me, (risk, accounts) = staged(Judge.RISK, Judge.ACCOUNTS)
    bench.send(me, CommandList.ORDERS, orders("a", "b", "c"))
    assert accounts.listen() == []
    risk.answer({0: RejectCode.RISK_REFUSED})
    [(header, _, rows)] = accounts.listen()
    assert header == risk.proposals[-1][0]
    assert rows["verdict"].tolist() == [RejectCode.RISK_REFUSED, 0, 0]
    accounts.answer({0: RejectCode.INSUFFICIENT_FUNDS, 1: RejectCode.INSUFFICIENT_FUNDS})
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [
        RejectCode.RISK_REFUSED,
        RejectCode.INSUFFICIENT_FUNDS,
        0,
    ]
    settled(bench)


def test_the_fold_refuses_whatever_a_stage_says() -> None:
    """Money comes first, whatever the verdict: it can refuse more, and never less."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, np.concatenate([order("a", qty=10_001, price=10_000_000), order("b")]))
    risk.answer({0: RejectCode.RISK_REFUSED})
    reports = bench.took(me, ReportList.REPORTS)
    assert reports["reject"].tolist() == [RejectCode.INSUFFICIENT_FUNDS, 0]
    settled(bench)


def test_late_stage_has_its_orders_refused_and_the_rest_journaled() -> None:
    """After the deadline new and replaced orders get a code that says so; a cancel is carried out."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("rests"))
    risk.answer()
    bench.took(me, ReportList.REPORTS)
    before = bench.venue.sequence
    replace = cancel("r", "rests")
    replace["kind"], replace["present"], replace["qty"] = 2, 1 << 9, 5
    bench.send(me, CommandList.ORDERS, np.concatenate([order("a"), replace, cancel("c", "rests")]))
    bench.turn(DEADLINE - 2_000)
    assert bench.core.waits
    bench.turn(2_000)
    reports = bench.took(me, ReportList.REPORTS)
    unavailable = RejectCode.RISK_UNAVAILABLE
    told = reports[["exec_type", "reject", "sequence"]].tolist()
    assert sorted(told) == [(2, unavailable, 0), (4, 0, before + 1), (9, unavailable, 0)]
    assert bench.journaled()[-1][2]["client_order_id_head"].tolist() == [b"c"]
    bench.send(me, CommandList.ORDERS, order("b"))  # at once: it has not been heard since
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [unavailable]
    stats = bench.stats
    assert [stats.get(Stat.proposals), stats.get(Stat.proposals_late), stats.get(Stat.orders_unjudged)] == [
        2,
        1,
        3,
    ]
    risk.beat()
    bench.turn()
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    settled(bench)


def test_second_stage_that_is_late_is_named() -> None:
    """Risk has judged, accounts have not: the code is theirs, and nothing of the batch is journaled."""
    bench, me, (risk, accounts) = staged(Judge.RISK, Judge.ACCOUNTS)
    before = bench.venue.sequence
    bench.send(me, CommandList.ORDERS, orders("a", "b"))
    risk.answer({0: RejectCode.RISK_REFUSED})
    bench.turn(DEADLINE)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.ACCOUNTS_UNAVAILABLE] * 2
    assert bench.venue.sequence == before
    settled(bench)
    assert accounts.listen()


@pytest.mark.parametrize("what", ["earlier", "epoch", "beyond", "judge"])
def test_verdict_that_is_not_due_is_passed_over(what: str) -> None:
    """One on an earlier proposal in the same place, of another epoch, stage or batch: it decides nothing."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.listen()
    first = risk.proposals[-1][0]
    bench.turn(DEADLINE)
    risk.beat()
    bench.turn()
    bench.took(me, ReportList.REPORTS)
    bench.send(me, CommandList.ORDERS, order("b"))
    risk.listen()
    header, kind, rows = risk.proposals[-1]
    assert header.first_seq == first.first_seq
    if what == "earlier":
        risk.say({0: RejectCode.RISK_REFUSED}, first)
    elif what == "judge":
        risk.judge = Judge.ACCOUNTS
        risk.say({0: RejectCode.INSUFFICIENT_FUNDS})
        risk.judge = Judge.RISK
    else:
        changed = {"epoch": header.epoch + 1} if what == "epoch" else {"first_seq": header.first_seq + 1}
        risk.proposals.append((header._replace(**changed), kind, rows))
        risk.say({0: RejectCode.RISK_REFUSED})
        risk.proposals.pop()
    bench.turn()
    assert bench.core.waits
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    settled(bench)


def test_silent_stage_is_away_until_it_is_heard_and_only_orders_are_refused() -> None:
    """At once and not journaled; cancels, money and administration pass; nobody waits for it."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("rests"))
    risk.answer()
    for _ in range(20):
        bench.turn(BEAT)
    bench.took(me, ReportList.REPORTS)
    assert bench.stats.get(Stat.risk_stage) == 2
    before = bench.venue.sequence
    bench.send(me, CommandList.ORDERS, order("a"))
    (refused,) = bench.took(me, ReportList.REPORTS)
    assert (refused["reject"], refused["sequence"]) == (RejectCode.RISK_UNAVAILABLE, 0)
    assert bench.venue.sequence == before
    bench.send(me, CommandList.ORDERS, cancel("c", "rests"))
    gift = np.zeros(1, frames.LEDGER_COMMAND_DTYPE)
    gift["kind"], gift["amount"], gift["account"], gift["asset"] = LedgerAction.DEPOSIT, 5, 1, 1
    gift["transfer_id"][:, 0] = 777
    bench.send(me, CommandList.LEDGER, gift)
    opened = np.zeros(1, frames.ADMIN_COMMAND_DTYPE)
    opened["kind"], opened["tenant"], opened["account"] = AdminAction.OPEN_ACCOUNT, 1, 9
    bench.send(me, CommandList.ADMINISTRATION, opened)
    assert bench.venue.sequence == before + 3
    assert bench.took(me, ReportList.REPORTS)["exec_type"].tolist() == [4]
    assert bench.took(me, ReportList.ANSWERS)["reject"].tolist() == [0, 0]
    assert not bench.core.waits
    go(bench, risk)
    assert bench.stats.get(Stat.risk_stage) == 1
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    settled(bench)


def test_stage_that_was_never_there_has_orders_refused() -> None:
    """Its core is up, and takes everything but orders."""
    bench = StageBench(remote=(Judge.ACCOUNTS,))
    me = bench.connect()
    bench.market(me)
    bench.send(me, CommandList.ORDERS, order("a"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.ACCOUNTS_UNAVAILABLE]
    settled(bench)


def test_stage_whose_connection_is_gone_is_not_waited_for() -> None:
    """The proposal cannot be sent: the order is refused in the same turn."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.transport.close(risk.wire.number)
    bench.send(me, CommandList.ORDERS, order("a"))
    bench.turn()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.RISK_UNAVAILABLE]
    settled(bench)


def test_loop_goes_on_while_a_batch_is_held_and_what_comes_is_journaled_behind_it() -> None:
    """Queries and logons are answered; orders, cancels and sessions follow in order, each once."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("a"))
    held = bench.venue.sequence
    query = np.zeros(1, frames.BALANCE_QUERY_DTYPE)
    query["account"], query["asset"], query["request"] = 1, 1, 7
    bench.send(me, CommandList.BALANCE_QUERIES, query)
    assert bench.took(me, ReportList.BALANCE_STATES)["request"].tolist() == [7]
    late = bench.connect("late", flags=_CANCEL_ON_DISCONNECT)
    assert bench.took(late, ReportList.SESSIONS)["kind"].tolist() == [_WELCOME]
    bench.send(late, CommandList.ORDERS, order("b", account=2))
    bench.send(me, CommandList.ORDERS, cancel("c", "a"))
    go(bench, risk, turns=5)
    assert (bench.venue.sequence, bench.core.waits) == (held, True)
    risk.answer()
    assert bench.venue.sequence == held + 1
    bench.turn()
    assert bench.core.waits
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["exec_type"].tolist() == [1, 4]
    assert bench.took(late, ReportList.REPORTS)["reject"].tolist() == [0]
    last = [(kind, len(rows)) for _, kind, rows in bench.journaled()[-3:]]
    assert last == [(CommandList.ORDERS, 1), (CommandList.ADMINISTRATION, 1), (CommandList.ORDERS, 2)]
    opened = [
        bytes(row["actor"])
        for _, kind, rows in bench.journaled()
        if kind is CommandList.ADMINISTRATION
        for row in rows[rows["kind"] == AdminAction.OPEN_SESSION]
    ]
    assert sorted(opened) == [b"late", b"me", b"risk"]
    settled(bench)


def test_batch_behind_a_held_one_is_bounded() -> None:
    """QUEUE_FULL for new orders, at once; a cancel is still taken."""
    bench, me, (risk,) = staged(Judge.RISK, options={"orders_behind": 2})
    bench.send(me, CommandList.ORDERS, order("a"))
    bench.send(me, CommandList.ORDERS, orders("b", "c", "d"))
    (refused,) = bench.took(me, ReportList.REPORTS)
    assert (bytes(refused["client_order_id_head"]), refused["reject"]) == (b"d", RejectCode.QUEUE_FULL)
    bench.send(me, CommandList.ORDERS, cancel("x", "a"))
    risk.answer()
    bench.turn()
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["exec_type"].tolist() == [1, 1, 1, 4]
    settled(bench)


def test_session_lost_while_a_batch_is_held_is_journaled_once_behind_it() -> None:
    """Its order in the held batch is accepted, and cancelled right after."""
    bench, me, (risk,) = staged(Judge.RISK, options={"silence_ns": 100 * MS})
    quiet = bench.connect("quiet", flags=_CANCEL_ON_DISCONNECT)
    bench.send(quiet, CommandList.ORDERS, order("a"))
    go(bench, risk, turns=8)
    assert bench.core.waits
    risk.answer()
    go(bench, risk, turns=3)
    status = bench.venue.status()
    assert (status["live_orders"][0], bench.core.waits) == (0, False)
    lost = [
        row
        for _, kind, rows in bench.journaled()
        if kind is CommandList.ADMINISTRATION
        for row in rows[rows["kind"] == AdminAction.LOSE_SESSION]
    ]
    assert [bytes(row["actor"]) for row in lost] == [b"quiet"]
    settled(bench)
    assert me


def test_disk_that_fills_up_while_a_batch_is_held_refuses_it_whole() -> None:
    """READ_ONLY, nothing applied; afterwards the retry is judged anew."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, orders("a", "b"))
    before = bench.venue.state_hash()
    bench.disk.fail(DiskOperation.write, 1, error=ENOSPC, times=1)
    risk.answer({0: RejectCode.RISK_REFUSED})
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.READ_ONLY] * 2
    assert bench.venue.state_hash() == before
    for _ in range(2):
        risk.beat()
        bench.turn(SECOND_NS // 10)
    bench.send(me, CommandList.ORDERS, orders("a", "b"))
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0, 0]
    settled(bench)


def test_core_that_stops_finishes_the_batch_that_is_held() -> None:
    """The verdict that is there still counts."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.say()
    bench.loop.stopping = True
    bench.loop.run()
    bench.turn()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    settled(bench)


def test_batch_without_orders_is_told_to_the_stages_and_not_waited_for() -> None:
    """They follow the journal with it: the very records."""
    bench, me, stages = staged(Judge.RISK, Judge.ACCOUNTS)
    bench.connect("other")
    told = bench.journaled()[-1]
    for stage in stages:
        [(header, kind, rows)] = stage.listen()
        assert (header, kind) == told[:2]
        assert rows.tobytes() == told[2].tobytes()
    assert me
    settled(bench)


def test_client_cannot_write_a_verdict_and_nobody_judges_without_the_role() -> None:
    """The field is the sequencer's; the list is a stage's."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, order("a", verdict=int(RejectCode.RISK_REFUSED)))
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    settled(bench)
    closed = StageBench(options={"trusts_peers": False})
    closed.core.permit("me", 0, True, True)
    connection = closed.transport.open("me")
    row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    row["kind"], row["name"], row["schema_version"] = 1, b"me", frames.SCHEMA_VERSION
    closed.send(connection, CommandList.SESSIONS, row)
    verdict = np.zeros(1, frames.VERDICT_DTYPE)
    verdict["kind"], verdict["judge"], verdict["sequence"] = 2, 2, 1
    closed.send(connection, CommandList.VERDICTS, verdict)
    assert closed.took(connection, ReportList.REFUSALS)["reject"].tolist() == [RejectCode.NOT_PERMITTED]


@pytest.mark.parametrize(
    "changes",
    [{"kind": 3}, {"kind": 0}, {"judge": 3}, {"judge": 0}, {"reject": 1}, {"reject": 4001}, {"place": 1}],
)
def test_verdict_that_no_stage_can_mean_is_refused(changes: dict[str, int]) -> None:
    """And decides nothing: the batch waits on."""
    bench, me, (risk,) = staged(Judge.RISK)
    bench.send(me, CommandList.ORDERS, np.concatenate([order("a"), cancel("c", "a")]))
    risk.listen()
    header, _, _ = risk.proposals[-1]
    verdict = np.zeros(1, frames.VERDICT_DTYPE)
    verdict["kind"], verdict["judge"], verdict["reject"] = 1, int(Judge.RISK), RejectCode.RISK_REFUSED
    verdict["epoch"], verdict["proposed_at"] = header.epoch, header.ts_ns
    verdict["sequence"] = header.first_seq + changes.get("place", 0)
    for name in changes.keys() - {"place"}:
        verdict[name] = changes[name]
    risk.wire.send(frames.encode_commands(CommandList.VERDICTS, verdict))
    bench.turn()
    refused = [frames.decode_reports(each) for each in risk.wire.receive() if frames.is_report_frame(each)]
    assert [int(rows["reject"][-1]) for _, kind, rows in refused if kind is ReportList.REFUSALS] == [
        RejectCode.INVALID_FIELD
    ]
    assert bench.core.waits
    risk.answer()
    assert bench.took(me, ReportList.REPORTS)["exec_type"].tolist() == [1, 4]
    settled(bench)


def test_heartbeat_of_a_stage_that_is_in_the_core_is_refused() -> None:
    """It would wait for proposals that never come."""
    bench, _, _ = staged(Judge.RISK)
    stray = Scripted(bench, Judge.ACCOUNTS)
    stray.beat()
    bench.turn()
    refused = [frames.decode_reports(each) for each in stray.wire.receive() if frames.is_report_frame(each)]
    assert [int(rows["reject"][-1]) for _, kind, rows in refused if kind is ReportList.REFUSALS] == [
        RejectCode.INVALID_FIELD
    ]
