"""What a core has room for is used again: names of sessions, batches, the window of duplicates, ids."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from cmatch import RejectCode, frames
from cmatch.frames import CommandList, ReportList
from exchange import Exchange
from exchange.domain.enums import AdminAction, LedgerAction
from tests.core_loop.bench_table import SECOND_NS, Bench, Rows, order

_WELCOME, _REFUSED, _RESYNC = 1, 2, 4
_LOGOFF, _CANCEL_ON_DISCONNECT = 2, 1
_DUPLICATE_WINDOW: Final = 1 << 9


def outcome(bench: Bench, connection: int) -> tuple[int, int]:
    """What the last session answer said, and its reject."""
    said = bench.took(connection, ReportList.SESSIONS)[-1]
    return int(said["kind"]), int(said["reject"])


def log_off(bench: Bench, connection: int) -> None:
    """Ends a session."""
    row = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    row["kind"] = _LOGOFF
    bench.send(connection, CommandList.SESSIONS, row)


def transfers(count: int, first: int, amount: int = 1) -> Rows:
    """Of account 1 to account 2, in the first asset."""
    rows = np.zeros(count, frames.LEDGER_COMMAND_DTYPE)
    rows["kind"], rows["account"], rows["counter_account"], rows["asset"] = LedgerAction.TRANSFER, 1, 2, 1
    rows["amount"], rows["transfer_id"][:, 0] = amount, np.arange(first, first + count)
    return rows


def test_names_that_nobody_uses_make_room_for_others() -> None:
    """The one longest away first; it comes back as one that is not known. A restart has the same ones."""
    bench = Bench(options={"max_sessions": 2})
    for name in ("a", "b", "c", "d"):
        connection = bench.connect(name)
        assert outcome(bench, connection) == (_WELCOME, 0)
        log_off(bench, connection)
    assert outcome(bench, bench.connect("d", last_event=1)) == (_WELCOME, 0)
    bench.journal.close()
    bench = Bench(disk=bench.disk, options={"max_sessions": 2})
    assert len(bench.venue.sessions()) == 2
    assert outcome(bench, bench.connect("e"))[0] == _WELCOME
    assert len(bench.venue.sessions()) == 2


def test_names_that_are_in_use_are_kept_and_one_more_is_refused() -> None:
    """Whoever is connected stays; the next one gets in as soon as one left."""
    bench = Bench(options={"max_sessions": 2})
    first, _ = bench.connect("a"), bench.connect("b")
    assert outcome(bench, bench.connect("c")) == (_REFUSED, RejectCode.CAPACITY_SESSIONS)
    log_off(bench, first)
    assert outcome(bench, bench.connect("c")) == (_WELCOME, 0)


def test_forgotten_session_keeps_its_orders_and_is_told_to_look() -> None:
    """RESYNC for who has seen events, and the order still rests."""
    bench = Bench(options={"max_sessions": 2})
    operator, me = bench.connect("operator"), bench.connect("me")
    bench.market(operator)
    bench.send(me, CommandList.ORDERS, order("a"))
    seen = int(bench.took(me, ReportList.REPORTS)["event_sequence"][-1])
    log_off(bench, me)
    other = bench.connect("other")
    assert outcome(bench, other)[0] == _WELCOME
    log_off(bench, other)
    again = bench.connect("me", last_event=seen)
    assert outcome(bench, again) == (_RESYNC, RejectCode.RESYNC_REQUIRED)
    assert int(bench.venue.status()["live_orders"][0]) == 1


def test_venue_with_room_for_fewer_sessions_bounds_them() -> None:
    """Nobody trades as a session that the venue does not know, whose orders would outlive it."""
    bench = Bench(limits={"max_accounts": 100, "max_client_ids": 100, "max_orders": 100, "max_sessions": 1})
    assert outcome(bench, bench.connect("a", flags=_CANCEL_ON_DISCONNECT)) == (_WELCOME, 0)
    assert outcome(bench, bench.connect("b")) == (_REFUSED, RejectCode.CAPACITY_SESSIONS)


def test_frame_behind_those_that_fill_a_batch_may_come_again() -> None:
    """QUEUE_FULL, which is transient; FRAME_TOO_LARGE is what no batch ever has room for."""
    bench = Bench()
    many, me = bench.connect("many"), bench.connect("me")
    bench.market(many)
    frame = np.zeros(8_000, frames.INSTRUMENT_COMMAND_DTYPE)
    parts = [frames.encode_commands(CommandList.INSTRUMENTS, part) for part in np.array_split(frame, 40)]
    for part in parts:
        assert bench.transport.push(many, part)
    last = frames.encode_commands(CommandList.ORDERS, np.concatenate([order(f"o{n}") for n in range(200)]))
    assert bench.transport.push(me, last)
    bench.turn()
    assert bench.took(me, ReportList.REFUSALS)["reject"].tolist() == [RejectCode.QUEUE_FULL]
    bench.send(me, CommandList.ORDERS, order("again"))
    assert bench.took(me, ReportList.REPORTS)["reject"].tolist() == [0]


def test_window_of_duplicates_has_room_for_all_orders_of_the_longest_window() -> None:
    """What is older than every window is forgotten; younger ones are not, and then there is no room."""
    limits = {"max_accounts": 100, "max_client_ids": 1_000, "max_orders": 1_000, "max_recent_orders": 8}
    bench = Bench(limits=limits)
    me = bench.connect()
    bench.market(me)
    set_window(bench, me, SECOND_NS)
    for number in range(20):
        bench.send(me, CommandList.ORDERS, order(f"a{number}", price=1 + number))
        bench.turn(SECOND_NS // 8)
    assert not bench.took(me, ReportList.REPORTS)["reject"].any()
    set_window(bench, me, 10 * SECOND_NS)
    for number in range(9):
        bench.send(me, CommandList.ORDERS, order(f"b{number}", price=100 + number))
    refused = bench.took(me, ReportList.REPORTS)["reject"].tolist()
    assert RejectCode.CAPACITY_POSITIONS in refused


def set_window(bench: Bench, connection: int, window_ns: int) -> None:
    """For everybody, in every instrument."""
    row = np.zeros(1, frames.ADMIN_COMMAND_DTYPE)
    row["kind"], row["present"], row["duplicate_window"] = (
        AdminAction.SET_LIMITS,
        _DUPLICATE_WINDOW,
        window_ns,
    )
    bench.send(connection, CommandList.ADMINISTRATION, row)
    assert bench.took(connection, ReportList.ANSWERS)["reject"].tolist() == [0]


@pytest.mark.parametrize("amount", [1, 10**15])
def test_client_uses_up_ids_of_transfers_no_faster_than_it_may_send_orders(amount: int) -> None:
    """Refused ones, which are remembered too, count; an operator's do not."""
    bench = Bench(options={"trusts_peers": False, "orders_per_s": 10, "orders_burst": 5})
    bench.core.permit("op", 0, True, True)
    bench.core.permit("ann", 1, True, False)
    operator, ann = enter(bench, "op", 0), enter(bench, "ann", 1)
    bench.market(operator)
    bench.send(ann, CommandList.LEDGER, transfers(8, 1_000, amount))
    codes = bench.took(ann, ReportList.ANSWERS)["reject"].tolist()
    done = RejectCode.INSUFFICIENT_FUNDS if amount > 1 else 0
    assert codes == [done] * 5 + [RejectCode.SESSION_THROTTLED] * 3
    bench.turn(SECOND_NS)
    bench.send(ann, CommandList.LEDGER, transfers(1, 2_000, amount))
    assert bench.took(ann, ReportList.ANSWERS)["reject"].tolist() == [done]
    gifts = transfers(100, 3_000)
    gifts["kind"] = LedgerAction.DEPOSIT
    bench.send(operator, CommandList.LEDGER, gifts)
    assert not bench.took(operator, ReportList.ANSWERS)["reject"].any()


def enter(bench: Bench, key: str, tenant: int) -> int:
    """A session by a key."""
    connection: int = bench.transport.open(key)
    logon = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    logon["kind"], logon["name"], logon["schema_version"], logon["tenant"] = 1, b"t", 1, tenant
    bench.send(connection, CommandList.SESSIONS, logon)
    assert outcome(bench, connection) == (_WELCOME, 0)
    return connection


def test_sessions_that_fall_silent_together_are_lost_a_part_at_a_time() -> None:
    """After a restart all do at once: each loss is journaled, and none of them is more than a write takes."""
    bench = Bench(options={"max_sessions": 4_096, "silence_ns": SECOND_NS}, limits={"max_accounts": 100})
    logon = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    logon["kind"], logon["schema_version"], logon["flags"] = 1, 1, _CANCEL_ON_DISCONNECT
    for number in range(2_500):
        logon["name"] = f"{number:<40}".replace(" ", "x").encode()
        assert bench.transport.push(
            bench.transport.open(), frames.encode_commands(CommandList.SESSIONS, logon)
        )
        if number % 256 == 0:
            bench.turn()
    bench.turn()
    assert len(bench.venue.sessions()) == 2_500
    left = []
    for _ in range(4):
        bench.turn(SECOND_NS)
        left.append(len(bench.venue.sessions()))
    assert left[-1] == 0
    assert all(before - after <= 1_024 for before, after in zip([2_500, *left], left, strict=False))


def test_commands_of_a_batch_that_are_widened_fit_its_write() -> None:
    """Short ones on the wire, of which one names its last field: in an embedded exchange, too."""
    short = np.zeros(4_000, frames.ADMIN_COMMAND_DTYPE)
    short["kind"], short["account"] = AdminAction.SET_COUNTDOWN, 10
    wide = short[:1].copy()
    wide["shard"] = 1
    with Exchange.embedded() as exchange:
        core = exchange.core
        assert core is not None
        me = core.transport.open()
        logon = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
        logon["kind"], logon["name"], logon["schema_version"] = 1, b"me", 1
        assert core.transport.push(me, frames.encode_commands(CommandList.SESSIONS, logon))
        core.loop.turn()
        before = exchange.venue.sequence
        for part in (short, wide, short, wide, short[:190]):
            assert core.transport.push(me, frames.encode_commands(CommandList.ADMINISTRATION, part))
        core.loop.turn()
        assert exchange.venue.sequence == before + 8_192
