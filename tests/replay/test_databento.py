"""Databento market-by-order records, as CSV and as DBN: trades, icebergs, self-match prevention, auctions."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import cmatch
from cmatch.replay import FeedOptions, Flow, open_flow
from cmatch.replay.flow import Why
from cmatch.replay.play import Outcome
from tests.encoders import dbn
from tests.replay.flows import book, replayed, trades

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,"
    "channel_id,order_id,flags,ts_in_delta,sequence,symbol"
)

# action, side, price in cents, size, order id, flags
Record = tuple[str, str, int, int, int, int]


def as_csv(records: Sequence[Record], *, raw: bool = False) -> str:
    """The records as CSV, a millisecond apart; readable or with raw times and prices."""
    lines = [HEADER]
    for k, (action, side, cents, size, order_id, flags) in enumerate(records):
        time = str(1_752_739_503_000_000_000 + k * 10**6) if raw else f"2025-07-17T08:05:03.{k:03}000000Z"
        price = "" if cents == 0 else str(cents * 10**7) if raw else f"{cents // 100}.{cents % 100:02}0000000"
        lines.append(f"{time},{time},160,2,7,{action},{side},{price},{size},0,{order_id},{flags},0,{k},TEST")
    return "\n".join(lines) + "\n"


def as_dbn(records: Sequence[Record], version: int = 3) -> bytes:
    """The same records as DBN."""
    return dbn.file(
        version,
        {7: "TEST"},
        [
            dbn.mbo(
                action,
                side,
                cents * 10**7 if cents else (1 << 63) - 1,
                size,
                order_id,
                ts_event=1_752_739_503_000_000_000 + k * 10**6,
                flags=flags,
                sequence=k,
                instrument_id=7,
            )
            for k, (action, side, cents, size, order_id, flags) in enumerate(records)
        ],
    )


def replay(tmp_path: Path, records: Sequence[Record]) -> tuple[Flow, Outcome]:
    """A checked replay of the records."""
    return replayed(tmp_path / "test.mbo.dbn", as_dbn(records))


SWEEP: list[Record] = [
    ("R", "N", 0, 0, 0, 8),
    ("A", "A", 1000, 5, 11, 128),
    ("A", "A", 1000, 3, 12, 128),
    ("A", "A", 1001, 4, 13, 128),
    ("A", "B", 999, 7, 14, 128),
    ("T", "B", 1000, 8, 20, 0),
    ("F", "A", 1000, 5, 11, 0),
    ("F", "A", 1000, 3, 12, 0),
    ("T", "B", 1001, 1, 20, 0),
    ("F", "A", 1001, 1, 13, 0),
    ("C", "A", 1000, 5, 11, 0),
    ("C", "A", 1000, 3, 12, 0),
    ("M", "A", 1001, 3, 13, 128),
    ("T", "N", 1000, 2, 0, 128),
    ("M", "B", 998, 7, 14, 128),
]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_dbn_sweep_becomes_one_incoming_order(tmp_path: Path, version: int) -> None:
    """Fills of one aggressor meet their makers in order; what C and M then say is done already."""
    flow, outcome = replayed(tmp_path / "test.mbo.dbn", as_dbn(SWEEP, version))
    assert flow.format == f"Databento DBN version {version}"
    assert [(i.symbol, i.tick_text) for i in flow.instruments] == [("TEST", "0.01")]
    assert trades(flow, outcome) == ["11 10.00 x 5", "12 10.00 x 3", "13 10.01 x 1"]
    assert len(set(outcome.trades["order_id"].tolist())) == 1
    assert book(flow, outcome) == ["buy 9.98 x 7 of 14", "sell 10.01 x 3 of 13"]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (2, 2)


@pytest.mark.parametrize("raw", [False, True])
def test_csv_gives_the_same_commands_as_dbn(tmp_path: Path, raw: bool) -> None:
    """Readable and raw CSV are the DBN file in other clothes."""
    flow, outcome = replayed(tmp_path / "test_mbo.csv", as_csv(SWEEP, raw=raw))
    other, _ = replayed(tmp_path / "test.mbo.dbn", as_dbn(SWEEP))
    assert flow.format == "Databento MBO CSV"
    assert flow.commands.tobytes() == other.commands.tobytes()
    assert outcome.trades.size == 3


def test_dbn_records_of_other_kinds_and_lengths_are_passed_over(tmp_path: Path) -> None:
    """A system message between, and records that carry a sending time."""
    records = [dbn.other_record(), dbn.mbo("A", "B", 10**9, 5, 1, extra=bytes(8)), dbn.other_record(0x16, 44)]
    flow, outcome = replayed(tmp_path / "live.dbn", dbn.file(2, {1: "TEST"}, records))
    assert book(flow, outcome) == ["buy 1 x 5 of 1"]


def test_dbn_instruments_are_told_apart_and_picked(tmp_path: Path) -> None:
    """Two instruments may use the same order ids: the orders are numbered anew."""
    path = tmp_path / "two.dbn"
    path.write_bytes(
        dbn.file(
            3,
            {1: "ONE", 2: "TWO"},
            [
                dbn.mbo("A", "B", 10**9, 5, 77, instrument_id=1),
                dbn.mbo("A", "A", 2 * 10**9, 6, 77, instrument_id=2),
                dbn.mbo("C", "A", 2 * 10**9, 2, 77, instrument_id=2),
            ],
        )
    )
    flow = open_flow(path)
    assert [i.symbol for i in flow.instruments] == ["ONE", "TWO"]
    assert flow.commands["order_id"][2:].tolist() == [1, 2, 2]
    assert flow.notes == [
        "order ids are numbered anew, in order of first appearance: the venue's are not unique or too large"
    ]
    assert [i.symbol for i in open_flow(path, options=FeedOptions(symbols=("TWO",))).instruments] == ["TWO"]


def test_iceberg_shows_its_next_part_behind_the_others(tmp_path: Path) -> None:
    """A fill with nothing said of the rest: the order shows as much as before, and has lost its place."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 5, 11, 128),
            ("A", "A", 1000, 3, 12, 128),
            ("T", "B", 1000, 5, 20, 0),
            ("F", "A", 1000, 5, 11, 128),
            ("T", "B", 1000, 2, 21, 0),
            ("F", "A", 1000, 2, 12, 0),
            ("M", "A", 1000, 1, 12, 128),
        ],
    )
    assert trades(flow, outcome) == ["11 10 x 5", "12 10 x 2"]
    assert book(flow, outcome) == ["sell 10 x 1 of 12", "sell 10 x 5 of 102"]


def test_iceberg_executed_for_more_than_it_shows_names_the_right_maker(tmp_path: Path) -> None:
    """What was shown is matched; the rest is told as reserve, and the trade counts as named."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 5, 11, 128),
            ("T", "B", 1000, 9, 20, 0),
            ("F", "A", 1000, 9, 11, 0),
            ("M", "A", 1000, 5, 11, 128),
        ],
    )
    assert trades(flow, outcome) == ["11 10 x 5"]
    assert flow.agreement is not None
    assert (flow.agreement.named, flow.agreement.reserve) == (1, 1)
    assert [miss.why for miss in flow.agreement.misses] == [Why.RESERVE]


def test_iceberg_that_is_told_at_its_last_part_trades_first(tmp_path: Path) -> None:
    """It stood in front and showed 2; the venue tells all 5 of it behind the order that came between."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 2, 11, 128),
            ("A", "A", 1000, 3, 12, 128),
            ("T", "B", 1000, 8, 20, 0),
            ("F", "A", 1000, 3, 12, 0),
            ("F", "A", 1000, 5, 11, 0),
            ("C", "A", 1000, 3, 12, 0),
            ("M", "A", 1000, 1, 11, 128),
        ],
    )
    assert trades(flow, outcome) == ["11 10 x 2", "12 10 x 3"]
    assert book(flow, outcome) == ["sell 10 x 1 of 102"]
    assert flow.agreement is not None
    told = flow.agreement
    assert (told.events, told.named, told.plain, told.late, told.reserve) == (1, 1, 0, 1, 1)


def test_order_canceled_in_the_packet_of_a_trade_is_withdrawn_first(tmp_path: Path) -> None:
    """Self-match prevention took the order in front; the venue tells it after the trade."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 5, 11, 128),
            ("A", "A", 1000, 3, 12, 128),
            ("T", "B", 1000, 3, 20, 0),
            ("F", "A", 1000, 3, 12, 0),
            ("C", "A", 1000, 3, 12, 0),
            ("C", "A", 1000, 5, 11, 128),
        ],
    )
    assert trades(flow, outcome) == ["12 10 x 3"]
    assert flow.agreement is not None
    assert (flow.agreement.named, flow.agreement.withdrawn) == (1, 1)


def test_order_in_the_way_of_a_resting_one_is_taken_out(tmp_path: Path) -> None:
    """Canceled later in the packet: withdrawn. Never heard of again: gone unseen, and counted."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 5, 11, 128),
            ("A", "B", 1000, 3, 12, 0),
            ("C", "A", 1000, 5, 11, 128),
            ("A", "A", 999, 4, 13, 128),
        ],
    )
    assert trades(flow, outcome) == []
    assert book(flow, outcome) == ["sell 9.99 x 4 of 13"]
    assert flow.notes == ["1 orders stood in the way of a resting one, gone at the venue unseen: taken out"]


def test_aggressors_own_fill_is_no_maker(tmp_path: Path) -> None:
    """An order that rested and was modified to cross lists a fill of its own."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "A", 1000, 5, 11, 128),
            ("A", "B", 990, 5, 12, 128),
            ("T", "B", 1000, 5, 12, 0),
            ("F", "B", 1000, 5, 12, 0),
            ("F", "A", 1000, 5, 11, 0),
            ("C", "A", 1000, 5, 11, 0),
            ("C", "B", 990, 5, 12, 128),
        ],
    )
    assert trades(flow, outcome) == ["11 10.0 x 5"]
    assert book(flow, outcome) == []


def test_auction_is_uncrossed_by_the_engine_with_the_orders_never_shown(tmp_path: Path) -> None:
    """Crossed before the first trade, so in a call: the venue's auction and its orders are the engine's."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "B", 1002, 5, 11, 128),
            ("A", "A", 998, 4, 12, 128),
            ("A", "A", 1001, 2, 13, 128),
            ("A", "B", 990, 9, 14, 128),
            ("T", "N", 1002, 6, 0, 0),
            ("F", "N", 1002, 2, 15, 0),
            ("F", "N", 1002, 4, 12, 0),
            ("F", "N", 1002, 4, 11, 0),
            ("F", "N", 1002, 2, 13, 0),
            ("C", "A", 998, 4, 12, 0),
            ("M", "B", 1002, 1, 11, 0),
            ("C", "A", 1001, 2, 13, 128),
        ],
    )
    assert flow.agreement is not None
    (auction,) = flow.agreement.auctions
    assert (auction.price, auction.qty) == (auction.venue_price, auction.venue_qty)
    assert (auction.venue_orders, auction.same_orders, auction.unseen_orders) == (4, 4, 1)
    assert trades(flow, outcome) == ["15 10.02 x 2", "11 10.02 x 2", "11 10.02 x 2"]
    assert book(flow, outcome) == ["buy 10.02 x 1 of 11", "buy 9.90 x 9 of 14"]


def test_auction_that_differs_is_put_right(tmp_path: Path) -> None:
    """The venue executed other orders than ours: afterwards the book is the venue's all the same."""
    flow, outcome = replay(
        tmp_path,
        [
            ("A", "B", 1002, 5, 11, 128),
            ("A", "B", 1002, 5, 12, 128),
            ("A", "A", 1000, 5, 13, 128),
            ("T", "N", 1002, 5, 0, 0),
            ("F", "N", 1002, 5, 12, 0),
            ("F", "N", 1002, 5, 13, 0),
            ("C", "B", 1002, 5, 12, 0),
            ("C", "A", 1000, 5, 13, 128),
        ],
    )
    assert flow.agreement is not None
    assert [(a.venue_orders, a.same_orders) for a in flow.agreement.auctions] == [(2, 1)]
    assert book(flow, outcome) == ["buy 10.02 x 5 of 101"]


def test_ten_level_book_beside_the_records_is_checked_row_by_row(tmp_path: Path) -> None:
    """A trade's row holds behind all records of its sequence; the others behind their own."""
    names = [f"{s}_{what}_{k:02}" for k in range(10) for s in ("bid", "ask") for what in ("px", "sz", "ct")]
    empty = [("", 0, 0)] * 20
    rows = ["ts_event,sequence,action," + ",".join(names)]
    for k, action, bid, ask in (
        (0, "A", ("", 0, 0), ("10.00", 5, 1)),
        (1, "T", ("", 0, 0), ("10.00", 3, 1)),
    ):
        levels = [bid, ask, *empty[2:]]
        text = ",".join(f"{price},{size},{count}" for price, size, count in levels)
        rows.append(f"2025-07-17T08:05:03.00{k}000000Z,{k},{action},{text}")
    (tmp_path / "x_mbp10.csv").write_text("\n".join(rows) + "\n")
    start, time = "2025-07-17T08:05:03.000000000Z", "2025-07-17T08:05:03.001000000Z"
    content = [
        HEADER,
        f"{start},{start},160,2,7,A,A,10.000000000,5,0,11,128,0,0,TEST",
        f"{time},{time},160,2,7,T,B,10.000000000,2,0,0,0,0,1,TEST",
        f"{time},{time},160,2,7,F,A,10.000000000,2,0,11,0,0,1,TEST",
        f"{time},{time},160,2,7,C,A,10.000000000,2,0,11,128,0,1,TEST",
    ]
    flow, _ = replayed(tmp_path / "x_mbo.csv", "\n".join(content) + "\n")
    assert [check.after.size for check in flow.book_checks] == [2]


def test_parts_of_one_message_that_are_all_flagged_last_are_one_packet(tmp_path: Path) -> None:
    """Nasdaq's T, F and C of one execution: the cancel is its book side, and no iceberg is seen."""
    told = [("A", 5, 11, 1, 0), ("T", 2, 0, 2, 1), ("F", 2, 11, 2, 1), ("C", 2, 11, 2, 1), ("C", 3, 11, 3, 2)]
    records = [
        dbn.mbo(
            action,
            "B" if action == "T" else "A",
            10**10,
            size,
            order_id,
            ts_event=time,
            flags=130,
            sequence=number,
        )
        for action, size, order_id, time, number in told
    ]
    flow, outcome = replayed(tmp_path / "x.dbn", dbn.file(1, {1: "TEST"}, records))
    assert trades(flow, outcome) == ["11 10 x 2"]
    assert [str(cmatch.CommandKind(kind)) for kind in flow.commands["kind"]] == [
        "define_instrument",
        "new_order",
        "new_order",
        "cancel",
    ]
