"""Accounts and risk as their processes have them, beside a core over memory."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from cmatch import RejectCode, frames
from cmatch.frames import CommandList, Records, ReportList
from exchange.domain.enums import AdminAction, ExecType, Judge, LimitField
from exchange.errors import StorageError
from exchange.runtime.core_session import CoreRefusedError
from exchange.services.risk.approval import Approval, approval_of
from exchange.services.risk.ports import RiskPort
from tests.core_loop.bench_table import START_NS, Bench, Rows, order, replayed
from tests.core_loop.stage_bench import BEAT, DEADLINE, MS, Real, StageBench, cancel

BOTH = (Judge.RISK, Judge.ACCOUNTS)
_TOLD = ["exec_type", "order_status", "reject", "account", "client_order_id_head", "last_qty", "leaves_qty"]


def started(bench: StageBench, *stages: Real) -> int:
    """The number of a client with a market, once all stages are there."""
    go(bench, *stages, turns=40)
    me = bench.connect()
    bench.market(me)
    go(bench, *stages)
    return me


def go(bench: StageBench, *stages: Real, turns: int = 5, later_ns: int = 5 * MS) -> None:
    """Turns of the stages and of the core."""
    for _ in range(turns):
        for stage in stages:
            stage.turn()
        bench.turn(later_ns)


def agree(bench: StageBench, *stages: Real) -> None:
    """Each stage's fold, the core's and the journal's are one."""
    go(bench, *stages)
    assert not bench.core.waits
    bench.venue.check_invariants()
    for stage in stages:
        assert stage.fold.view.venue.state_hash() == bench.venue.state_hash()
    assert replayed(bench.disk).state_hash() == bench.venue.state_hash()


def flow(seed: int, batches: int) -> Iterator[Rows]:
    """Random batches of orders that meet, cost too much, break limits, are replaced and cancelled."""
    choose = random.Random(seed)
    names: list[tuple[str, int]] = []
    for number in range(batches):
        rows = []
        for place in range(choose.choice((1, 2, 7))):
            name, account = f"{number}.{place}", choose.randint(1, 3)
            kind = choose.random()
            if kind < 0.15 and names:
                rows.append(cancel(name, *choose.choice(names)))
            elif kind < 0.3 and names:
                rows.append(cancel(name, *choose.choice(names)))
                rows[-1]["kind"], rows[-1]["present"], rows[-1]["qty"] = 2, 1 << 9, choose.randint(1, 9)
            else:
                names.append((name, account))
                price, qty = choose.choice((95, 98, 99, 100, 101, 102)), choose.randint(1, 9)
                if choose.random() < 0.1:
                    price, qty = 10_000_000, 10_001  # for more than there is
                rows.append(order(name, account, side=choose.choice((1, 2)), qty=qty, price=price))
        yield np.concatenate(rows)


def limits(account: int) -> Rows:
    """No order above 7 lots, no position above 25."""
    row = np.zeros(1, frames.ADMIN_COMMAND_DTYPE)
    row["kind"], row["account"] = AdminAction.SET_LIMITS, account
    row["present"] = int(LimitField.ORDER_QTY | LimitField.POSITION)
    row["max_order_qty"], row["max_position"] = 7, 25
    return row


def outcome(bench: Bench, reports: Rows) -> list[object]:
    """What clients hear and have: without sequences and times, which sessions of stages shift."""
    balances = [
        row[["asset", "total", "reserved"]].tolist()
        for account in (1, 2, 3)
        for row in bench.venue.balances(account)
    ]
    positions = [row["qty"].tolist() for account in (1, 2, 3) for row in bench.venue.positions(account)]
    status = bench.venue.status()[0]
    told = [tuple(row) for row in reports[_TOLD].tolist()]
    return [told, balances, positions, int(status["trades"]), int(status["live_orders"])]


@pytest.mark.req("A012", "B005")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("remote", [(Judge.RISK,), (Judge.ACCOUNTS,), BOTH], ids=str)
def test_one_flow_comes_to_the_same_with_stages_here_and_elsewhere(
    remote: tuple[Judge, ...], seed: int
) -> None:
    """Orders, balances, positions and trades; rejects by money and by limits among them."""
    local = Bench()
    me = local.connect()
    local.market(me)
    bench = StageBench(remote=remote)
    stages = [Real(bench, judge) for judge in remote]
    you = started(bench, *stages)
    for account in (1, 2, 3):
        local.send(me, CommandList.ADMINISTRATION, limits(account))
        bench.send(you, CommandList.ADMINISTRATION, limits(account))
    for rows in flow(seed, 60):
        local.send(me, CommandList.ORDERS, rows)
        bench.send(you, CommandList.ORDERS, rows)
        go(bench, *stages, turns=4)
    here = outcome(local, local.took(me, ReportList.REPORTS))
    assert outcome(bench, bench.took(you, ReportList.REPORTS)) == here
    told = {reject for _, _, reject, *_ in here[0]}  # type: ignore[attr-defined]
    assert {RejectCode.INSUFFICIENT_FUNDS, RejectCode.MAX_ORDER_QTY, RejectCode.MAX_POSITION} <= told
    agree(bench, *stages)
    assert [stage.fold.beginnings for stage in stages] == [1] * len(
        stages
    )  # nothing was forgotten for nothing
    verdicts = {
        int(each)
        for _, kind, rows in bench.journaled()
        if kind is CommandList.ORDERS
        for each in rows["verdict"]
    }
    wanted = {Judge.RISK: RejectCode.MAX_ORDER_QTY, Judge.ACCOUNTS: RejectCode.INSUFFICIENT_FUNDS}
    assert verdicts >= {0, *(int(wanted[judge]) for judge in remote)}


@pytest.mark.parametrize("seed", range(4))
def test_stages_that_stop_and_start_anew_lose_and_repeat_nothing(seed: int) -> None:
    """Killed, or stopped beyond the deadline, at random: each order is answered once, all folds agree."""
    choose = random.Random(seed)
    bench = StageBench(remote=BOTH)
    stages = {judge: Real(bench, judge) for judge in BOTH}
    me = started(bench, *stages.values())
    names: set[bytes] = set()
    for rows in flow(seed, 60):
        names |= set(rows["client_order_id_head"].tolist())
        bench.send(me, CommandList.ORDERS, rows)
        fate = choose.random()
        judge = choose.choice(BOTH)
        if fate < 0.15:
            stages[judge] = Real(bench, judge)
        elif fate < 0.3:
            others = [stage for each, stage in stages.items() if each is not judge]
            go(bench, *others, turns=choose.choice((2, 12, 35)), later_ns=BEAT)
        go(bench, *stages.values(), turns=choose.choice((1, 4, 12)))
    go(bench, *stages.values(), turns=200)
    reports = bench.took(me, ReportList.REPORTS)
    assert names <= set(reports["client_order_id_head"].tolist())
    answers = reports[np.isin(reports["exec_type"], (ExecType.ACCEPTED, ExecType.REJECTED))]
    _, counts = np.unique(answers["client_order_id_head"], return_counts=True)
    assert counts.tolist() == [1] * len(counts)
    assert {RejectCode.RISK_UNAVAILABLE, RejectCode.ACCOUNTS_UNAVAILABLE} & set(reports["reject"].tolist())
    agree(bench, *stages.values())


def test_proposal_that_is_never_journaled_is_forgotten() -> None:
    """The stage folds it, the core gives it up; with the next one the stage has the journal's state again."""
    bench = StageBench(remote=BOTH)
    risk, accounts = (Real(bench, judge) for judge in BOTH)
    me = started(bench, risk, accounts)
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.turn()  # it has judged, accounts never do
    bench.turn()
    assert risk.fold.sequence == bench.venue.sequence + 1
    bench.turn(DEADLINE)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.ACCOUNTS_UNAVAILABLE]
    go(bench, risk, accounts, turns=60)
    bench.send(me, CommandList.ORDERS, order("b"))
    go(bench, risk, accounts)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    assert (risk.fold.beginnings, accounts.fold.beginnings) == (2, 2)
    agree(bench, risk, accounts)


def test_stage_that_starts_anew_is_asked_again() -> None:
    """The one that was asked is gone: its next life judges what is held, long before the deadline."""
    bench = StageBench()
    risk = Real(bench)
    me = started(bench, risk)
    bench.send(me, CommandList.ORDERS, order("a"))
    risk = Real(bench)
    go(bench, risk, turns=5)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    assert risk.fold.beginnings == 1
    agree(bench, risk)


def test_stage_that_was_away_catches_up_from_the_journal() -> None:
    """The core journaled without it: nothing is forgotten, the records are read."""
    bench = StageBench()
    risk = Real(bench)
    me = started(bench, risk)
    go(bench, turns=40, later_ns=BEAT)
    gifts = bench.venue.sequence
    for account in (1, 2):
        bench.send(me, CommandList.ADMINISTRATION, limits(account))
    assert bench.venue.sequence == gifts + 2
    go(bench, risk, turns=40)
    bench.send(me, CommandList.ORDERS, order("a"))
    go(bench, risk)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    assert risk.fold.beginnings == 1
    agree(bench, risk)


def test_core_that_starts_anew_has_its_stages_back() -> None:
    """What was proposed and not journaled is forgotten, on both sides."""
    bench = StageBench()
    risk = Real(bench)
    me = started(bench, risk)
    bench.send(me, CommandList.ORDERS, order("a"))
    risk.turn()
    bench.journal.close()
    again = StageBench(bench.disk, clock=bench.clock, options={"epoch": 2})
    risk.bench = risk.wire.bench = again
    risk.wire.number = again.transport.open()
    again.followed.add(risk.wire.number)
    go(again, risk, turns=300)
    me = again.connect(last_event=1)
    again.send(me, CommandList.ORDERS, order("b"))
    go(again, risk)
    assert again.took(me, ReportList.REPORTS)["client_order_id_head"].tolist() == [b"b"]
    agree(again, risk)


def at_most_five(view: RiskPort, orders: Records) -> npt.NDArray[np.bool_]:
    """An approval: no more than 5 lots, and none of an account that has a position."""
    held = [any(view.positions(int(account))["qty"]) for account in orders["account"]]
    approved: npt.NDArray[np.bool_] = (orders["qty"] <= 5) & ~np.array(held)
    return approved


def test_approval_is_asked_with_the_state_before_and_its_word_is_journaled() -> None:
    """RISK_REFUSED, for good; the replay, which has no approval, says the same."""
    bench = StageBench()
    approve = approval_of("tests.core_loop.test_judging:at_most_five")
    risk = Real(bench, approve=approve)
    me = started(bench, risk)
    rows = [order("a", 1, side=2, qty=5), order("b", 2, qty=6), order("c", 2, qty=5), cancel("x", "a")]
    bench.send(me, CommandList.ORDERS, np.concatenate(rows))
    go(bench, risk)
    bench.send(me, CommandList.ORDERS, order("d", 2))
    go(bench, risk)
    reports = bench.took(me, ReportList.REPORTS)
    rejects = {bytes(row["client_order_id_head"]): int(row["reject"]) for row in reports if row["reject"]}
    refused = int(RejectCode.RISK_REFUSED)
    assert {name: rejects.get(name, 0) for name in (b"a", b"b", b"c", b"d")} == {
        b"a": 0,
        b"b": refused,
        b"c": 0,
        b"d": refused,
    }
    agree(bench, risk)


def test_verdicts_on_a_batch_of_any_size_are_journaled() -> None:
    """Larger than a client's frame: each order has its own."""
    bench = StageBench()
    risk = Real(bench, approve=approval_of("tests.core_loop.test_judging:at_most_five"))
    me = started(bench, risk)
    rows = np.concatenate([order(f"o{number}", 1 + number % 3, qty=1 + number % 6) for number in range(900)])
    for part in np.array_split(rows, 3):
        bench.push(me, CommandList.ORDERS, part)
    go(bench, risk)
    assert len(bench.journaled()[-1][2]) == 900
    reports = bench.took(me, ReportList.REPORTS)
    told = dict(zip(reports["client_order_id_head"].tolist(), reports["reject"].tolist(), strict=True))
    wanted = [int(RejectCode.RISK_REFUSED) * (number % 6 == 5) for number in range(900)]
    assert [told[b"o%d" % number] for number in range(900)] == wanted
    agree(bench, risk)


def _raises(_view: RiskPort, _orders: Records) -> Records:
    raise ZeroDivisionError


def _says_something_else(_view: RiskPort, orders: Records) -> Records:
    return np.zeros(len(orders) + 1, np.bool_)


def _says_numbers(_view: RiskPort, orders: Records) -> Records:
    return np.ones(len(orders), np.int64)


@pytest.mark.parametrize("approve", [_raises, _says_something_else, _says_numbers])
def test_approval_that_fails_refuses_its_orders_until_it_is_mended(
    approve: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """RISK_UNAVAILABLE, in the log, and not remembered: the same order is judged anew."""
    bench = StageBench()
    risk = Real(bench, approve=Approval("here:it", approve))  # type: ignore[arg-type]
    me = started(bench, risk)
    bench.send(me, CommandList.ORDERS, order("a"))
    go(bench, risk)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [RejectCode.RISK_UNAVAILABLE]
    risk.work._approve = None
    bench.send(me, CommandList.ORDERS, order("a"))
    go(bench, risk)
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]
    agree(bench, risk)
    capsys.readouterr()


def test_second_process_of_a_stage_ends_the_first() -> None:
    """Two must not judge in one place."""
    bench = StageBench()
    first = Real(bench)
    started(bench, first)
    second = Real(bench)
    go(bench, second, turns=3)
    with pytest.raises(CoreRefusedError, match="Another connection"):
        first.turn()


def test_stage_whose_verdict_the_core_refuses_stops() -> None:
    """It says something that it must not: it ends, and is started anew."""
    bench = StageBench()
    risk = Real(bench, approve=lambda _view, orders: np.full(len(orders), 77, np.uint32))
    me = started(bench, risk)
    bench.send(me, CommandList.ORDERS, order("a"))
    with pytest.raises(CoreRefusedError, match="4002"):
        go(bench, risk)


def test_journal_that_does_not_lead_to_the_proposal_stops_the_stage() -> None:
    """Another directory, or a fold that parted: it must not judge by that."""
    bench = StageBench()
    risk = Real(bench)
    started(bench, risk)
    with pytest.raises(StorageError, match="is proposed on digest"):
        risk.fold.reach(risk.fold.sequence + 1, 12345)
    with pytest.raises(StorageError, match="is proposed on digest"):
        risk.fold.reach(risk.fold.sequence + 50, 12345)
    assert START_NS
