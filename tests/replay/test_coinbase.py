"""Coinbase messages: price levels with their matches and tickers, and the full channel order by order."""

import json
from pathlib import Path

from cmatch.replay.feeds.json_lines import time_of
from tests.replay.flows import book, replayed, trades

EXAMPLE = Path(__file__).parents[2] / "examples" / "coinbase" / "COINBASE.ws.28.0.gz"


def lines(*messages: dict[str, object]) -> str:
    """A capture: each message after its time of receipt."""
    return "wss://ws-feed.pro.coinbase.com <-> 1618677816.8\n" + "".join(
        f"{1618677817 + k}.5: {json.dumps(message)}\n" for k, message in enumerate(messages)
    )


def update(time: int, *changes: tuple[str, str, str]) -> dict[str, object]:
    """A message that sets levels: side, price, size."""
    return {
        "type": "l2update",
        "product_id": "BTC-USD",
        "changes": [list(change) for change in changes],
        "time": f"2021-04-17T16:43:{time:02}.000001Z",
    }


SNAPSHOT: dict[str, object] = {
    "type": "snapshot",
    "product_id": "BTC-USD",
    "bids": [["100.00", "1.5"], ["99.50", "2"]],
    "asks": [["101.00", "0.5"], ["101.50", "3.25"]],
}


def test_coinbase_levels_become_orders_and_matches_trades(tmp_path: Path) -> None:
    """A match is an execution of the level just before the update that it causes."""
    match: dict[str, object] = {
        "type": "match",
        "side": "sell",
        "size": "0.2",
        "price": "101.00",
        "product_id": "BTC-USD",
        "time": "2021-04-17T16:43:02.000001Z",
    }
    flow, outcome = replayed(
        tmp_path / "capture",
        lines(
            SNAPSHOT,
            update(1, ("buy", "100.00", "0"), ("buy", "100.50", "4")),
            update(2, ("sell", "101.00", "0.3")),
            match,
            update(3, ("buy", "100.50", "1"), ("buy", "99.50", "2.5")),
        ),
    )
    assert flow.format == "Coinbase level2 capture"
    assert trades(flow, outcome) == ["3 101.0 x 0.2"]
    assert [row.rpartition(" of ")[0] for row in book(flow, outcome)] == [
        "buy 100.5 x 1",
        "buy 99.5 x 2.5",
        "sell 101.0 x 0.3",
        "sell 101.5 x 3.25",
    ]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (1, 1)


def test_coinbase_tickers_are_checked_at_their_place(tmp_path: Path) -> None:
    """One agrees, and one that tells of a trade before the first update is left out."""

    def ticker(time: int, bid: str, ask: str) -> dict[str, object]:
        stamp = f"2021-04-17T16:43:{time:02}.000001Z"
        return {"type": "ticker", "product_id": "BTC-USD", "best_bid": bid, "best_ask": ask, "time": stamp}

    flow, _ = replayed(
        tmp_path / "capture",
        lines(
            SNAPSHOT, ticker(1, "7", "8"), update(2, ("buy", "100.25", "1")), ticker(2, "100.25", "101.00")
        ),
    )
    assert [(check.after.size, check.incomparable) for check in flow.book_checks] == [(1, 1)]


def test_coinbase_second_snapshot_clears_the_book(tmp_path: Path) -> None:
    """After a reconnect the book is what the new snapshot says."""
    flow, outcome = replayed(
        tmp_path / "capture", lines(SNAPSHOT, {**SNAPSHOT, "bids": [], "asks": [["99", "1"]]})
    )
    assert [row.rpartition(" of ")[0] for row in book(flow, outcome)] == ["sell 99.0 x 1"]


def test_coinbase_full_channel_is_followed_order_by_order(tmp_path: Path) -> None:
    """open, match with its maker, change and done; ids that are texts are numbered as they come."""
    same = {"product_id": "BTC-USD", "side": "sell", "price": "101"}
    flow, outcome = replayed(
        tmp_path / "full.jsonl",
        "".join(
            json.dumps({**same, "time": f"2021-04-17T16:43:{k:02}.5Z", **message}) + "\n"
            for k, message in enumerate(
                (
                    {"type": "received", "order_id": "a", "size": "2", "price": "101", "order_type": "limit"},
                    {"type": "open", "order_id": "a", "remaining_size": "2", "price": "101"},
                    {"type": "open", "order_id": "b", "remaining_size": "1", "price": "101"},
                    {
                        "type": "match",
                        "maker_order_id": "a",
                        "taker_order_id": "t",
                        "size": "2",
                        "price": "101",
                    },
                    {
                        "type": "match",
                        "maker_order_id": "b",
                        "taker_order_id": "t",
                        "size": "0.25",
                        "price": "101",
                    },
                    {"type": "done", "order_id": "t", "reason": "filled", "side": "buy"},
                    {"type": "done", "order_id": "a", "reason": "filled", "price": "101"},
                    {
                        "type": "change",
                        "order_id": "b",
                        "old_size": "0.75",
                        "new_size": "0.5",
                        "price": "101",
                    },
                    {"type": "open", "order_id": "c", "remaining_size": "4", "price": "100", "side": "buy"},
                    {"type": "done", "order_id": "c", "reason": "canceled", "price": "100", "side": "buy"},
                )
            )
        ),
    )
    assert flow.format == "Coinbase full channel"
    assert trades(flow, outcome) == ["1 101 x 2", "2 101 x 0.25"]
    assert len(set(outcome.trades["order_id"].tolist())) == 1
    assert book(flow, outcome) == ["sell 101 x 0.5 of 2"]
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (2, 2)


def test_coinbase_example_agrees_with_its_matches_and_tickers() -> None:
    """The capture that ships: every match names the best level, every ticker is our book, none crosses."""
    from cmatch.replay import check_books, check_trades, open_flow, play

    flow = open_flow(EXAMPLE)
    outcome = play(flow)
    assert len(flow.instruments) == 10
    assert outcome.rejects == {}
    assert flow.agreement is not None
    assert (flow.agreement.events, flow.agreement.named) == (97, 97)
    (tickers,) = check_books(flow)
    assert (tickers.right, tickers.total) == (97, 97)
    assert all(check.good for check in check_trades(flow, outcome))
    assert not any("in the way" in note for note in flow.notes)


def test_time_of_is_exact_and_counts_leap_days() -> None:
    """Nanoseconds since the epoch, without a float."""
    assert time_of("1970-01-01T00:00:00Z") == 0
    assert time_of("2000-02-29T23:59:59.123456789Z") == 951_868_799_123_456_789
    assert time_of("2021-04-17T16:43:37.067586Z") == 1_618_677_817_067_586_000
