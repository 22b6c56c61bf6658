"""What the tests of replays share: a small file in, a checked replay out."""

from __future__ import annotations

from pathlib import Path

from cmatch.replay import FeedOptions, Flow, check_books, check_trades, open_flow, play
from cmatch.replay.play import Outcome


def replayed(path: Path, content: bytes | str, format_name: str | None = None) -> tuple[Flow, Outcome]:
    """Writes the file, replays it, and asserts that the engine did just what was foretold."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    flow = open_flow(path, format_name=format_name, options=FeedOptions())
    outcome = play(flow)
    assert outcome.rejects == {}
    for check in (*check_trades(flow, outcome), *check_books(flow)):
        assert check.good, check
    return flow, outcome


def trades(flow: Flow, outcome: Outcome) -> list[str]:
    """Every trade, as `maker price x qty`."""
    return [
        f"{row['maker_order_id']} "
        + flow.instruments[int(row["instrument_id"]) - 1].level(int(row["price"]), int(row["qty"]))
        for row in outcome.trades
    ]


def book(flow: Flow, outcome: Outcome, instrument_id: int = 1) -> list[str]:
    """Every order that rests, as `side price x qty of id`, bids first, in priority order."""
    instrument = flow.instruments[instrument_id - 1]
    return [
        f"{'buy' if row['side'] == 1 else 'sell'} {instrument.level(int(row['price']), int(row['qty']))} "
        f"of {row['order_id']}"
        for row in outcome.engine.l3(instrument_id)
    ]
