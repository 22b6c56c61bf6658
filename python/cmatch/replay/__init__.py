"""Replays of real order flow: feeds of several venues become commands, which are matched and checked.

Example:
    flow = open_flow(Path("examples/coinbase/COINBASE.ws.28.0.gz"))
    outcome = play(flow)
    checks = check_trades(flow, outcome) + check_books(flow)
"""

from cmatch.replay.checks import check_books, check_paths, check_trades, tops
from cmatch.replay.errors import FeedError
from cmatch.replay.feeds import FORMATS, FeedOptions, find_format, open_flow
from cmatch.replay.flow import Flow
from cmatch.replay.play import batch_times, latency, play
from cmatch.replay.verify import verify

__all__ = [
    "FORMATS",
    "FeedError",
    "FeedOptions",
    "Flow",
    "batch_times",
    "check_books",
    "check_paths",
    "check_trades",
    "find_format",
    "latency",
    "open_flow",
    "play",
    "tops",
    "verify",
]
