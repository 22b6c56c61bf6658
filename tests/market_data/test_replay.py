"""Real order flow: what the vendors and the venues say must come out of our engine."""

from collections import Counter
from pathlib import Path

import pytest

from cmatch.replay import (
    FeedOptions,
    Flow,
    check_books,
    check_paths,
    check_trades,
    open_flow,
    play,
    tops,
    verify,
)
from cmatch.replay.flow import Agreement, Why
from cmatch.replay.play import Outcome
from tests.encoders.itch import Itch, framed
from tests.replay.flows import trades

LOBSTER = "lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.xz"
ARL = "databento/XNAS_ARL_2025-07-17_mbo.csv.xz"
ES = "databento/ESH4_2023-12-25.mbo.dbn.zst"
COINBASE = "coinbase_l2_capture/COINBASE.ws.28.0.gz"


def checked(path: Path) -> tuple[Flow, Outcome, Agreement]:
    """A replay without a reject that does just what was foretold."""
    flow = open_flow(path)
    outcome = play(flow)
    assert outcome.rejects == {}
    assert all(check.good for check in check_trades(flow, outcome))
    outcome.engine.check_invariants()
    assert flow.agreement is not None
    return flow, outcome, flow.agreement


def test_lobster_hour_names_the_venues_makers(market_data: Path) -> None:
    """4,058 of all 4,067 visible executions, nine others with their reasons; best quotes as the vendor's."""
    flow, outcome, agreement = checked(market_data / LOBSTER)
    assert flow.rows == 91_997
    assert (agreement.events, agreement.named, agreement.reserve, agreement.withdrawn) == (4067, 4058, 0, 0)
    assert [(miss.why, miss.ahead_orders) for miss in agreement.misses] == [(Why.BEHIND, 1)] * 9
    assert all(miss.sequel for miss in agreement.misses)
    assert outcome.trades.size == 4058
    (quotes,) = check_paths(flow, tops(flow))
    assert (quotes.right, quotes.total, quotes.remark) == (23_414, 23_439, "in 3 stretches they differ")


def test_arl_day_gives_the_vendors_ten_levels_row_by_row(market_data: Path) -> None:
    """All 3,928 rows, every price, size and count."""
    flow, outcome, agreement = checked(market_data / ARL)
    (book,) = check_books(flow)
    assert (book.right, book.total) == (3928, 3928)
    assert flow.rows == 5886
    assert (agreement.events, agreement.named, outcome.trades.size) == (11, 11, 11)


def test_arl_day_through_itch_is_the_same_day(market_data: Path, tmp_path: Path) -> None:
    """The events as Nasdaq sent them: the same commands but for the date, and the same trades and book."""
    flow, outcome, _ = checked(market_data / ARL)
    (tmp_path / "S071725-v50.NASDAQ_ITCH50").write_bytes(arl_as_itch(market_data / ARL))
    itch, itch_outcome, agreement = checked(tmp_path / "S071725-v50.NASDAQ_ITCH50")
    assert itch.format == "Nasdaq ITCH 5.0"
    assert (agreement.events, agreement.named) == (11, 11)
    kinds = ("kind", "side", "order_id", "qty", "price", "time_in_force")
    ours, theirs = (
        itch.commands[1:][list(kinds)],
        flow.commands[2:][list(kinds)],
    )  # theirs begins with a clear
    assert ours.tolist() == theirs.tolist()
    assert trades(itch, itch_outcome) == trades(flow, outcome)
    assert itch_outcome.engine.l3(1).tobytes() == outcome.engine.l3(1).tobytes()


def arl_as_itch(path: Path) -> bytes:
    """The records as ITCH messages; a trade, its fill and its cancel are one execution."""
    from cmatch.replay.feeds import databento_csv
    from cmatch.replay.feeds.table import split
    from cmatch.replay.files import read_bytes

    assert databento_csv.sniff(path, read_bytes(path, 1000))
    table = split(path, read_bytes(path), header=True)
    times = [
        int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
        for text in table.texts(1, 30).tolist()
    ]
    nanos = [int(text[20:29]) for text in table.texts(1, 30).tolist()]
    letters = [
        (a + s).decode() for a, s in zip(table.texts(5, 1).tolist(), table.texts(6, 1).tolist(), strict=True)
    ]
    prices = [int(text.replace(b".", b"")[:-5]) if text else 0 for text in table.texts(7, 20).tolist()]
    sizes, ids = table.ints(8, "size").tolist(), table.ints(10, "order_id").tolist()
    arl = Itch("ARL", 1108)
    out = [arl.system_event(1), arl.directory(2)]
    resting: Counter[int] = Counter()
    executed = False
    for k, (seconds, nano, letter) in enumerate(zip(times, nanos, letters, strict=True)):
        time = seconds * 10**9 + nano
        side = "B" if letter[1] == "B" else "S"
        if letter[0] == "A":
            resting[ids[k]] = sizes[k]
            out.append(arl.add(time, ids[k], side, sizes[k], prices[k]))
        elif letter == "TN":
            out.append(arl.hidden_trade(time, "B", sizes[k], prices[k], k))
        elif letter[0] == "F":
            out.append(arl.executed(time, ids[k], sizes[k], k))
            executed = True
            resting[ids[k]] -= sizes[k]
        elif letter[0] == "C":
            if not executed:
                resting[ids[k]] -= sizes[k]
                whole = resting[ids[k]] == 0
                out.append(arl.delete(time, ids[k]) if whole else arl.cancel(time, ids[k], sizes[k]))
            executed = False
    return framed(*out)


def test_es_day_names_the_venues_makers_and_uncrosses_as_it_did(market_data: Path) -> None:
    """All 2,972 trades, 2,847 as the queue stood; the opening auction's price, volume and orders."""
    flow, outcome, agreement = checked(market_data / ES)
    assert flow.rows == 68_792
    assert (agreement.events, agreement.named, agreement.plain) == (2972, 2972, 2847)
    assert (agreement.withdrawn, agreement.late, agreement.reserve) == (87, 41, 27)
    assert {miss.why for miss in agreement.misses} == {Why.RESERVE}
    (auction,) = agreement.auctions
    instrument = flow.instruments[0]
    assert instrument.level(auction.venue_price, auction.venue_qty) == "4800.25 x 44"
    assert (auction.price, auction.qty) == (auction.venue_price, auction.venue_qty)
    assert (auction.venue_orders, auction.same_orders, auction.unseen_orders) == (35, 35, 7)
    assert outcome.trades.size == 6258
    assert not any("in the way" in note for note in flow.notes)


def test_coinbase_capture_agrees_with_its_tickers(market_data: Path) -> None:
    """All 97 tickers after the first update, all 97 matches at the best price; no book ever crosses."""
    flow, outcome, agreement = checked(market_data / COINBASE)
    (tickers,) = check_books(flow)
    assert (tickers.right, tickers.total) == (97, 97)
    assert tickers.remark.startswith("10 more left out")
    assert (agreement.events, agreement.named, outcome.trades.size) == (97, 97, 97)
    assert not any("in the way" in note for note in flow.notes)


@pytest.mark.parametrize("name", [ARL, COINBASE])
def test_real_flow_is_the_same_in_pieces_and_from_snapshots(market_data: Path, name: str) -> None:
    """What `cmatch verify` proves."""
    assert all(trial.same for trial in verify(open_flow(market_data / name)))


def test_one_product_of_a_capture_is_as_it_is_among_all(market_data: Path) -> None:
    """Instruments do not touch each other."""
    whole, one = (
        open_flow(market_data / COINBASE, options=FeedOptions(symbols=symbols))
        for symbols in ((), ("SKL-USD",))
    )
    number = [i.symbol for i in whole.instruments].index("SKL-USD") + 1
    books = [play(whole).engine.l2(number, None), play(one).engine.l2(1, None)]
    assert [side.tobytes() for side in books[0]] == [side.tobytes() for side in books[1]]
