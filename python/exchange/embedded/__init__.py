"""The whole core in this program, on a clock that stands still: for tests, notebooks, backtests.

with Exchange.embedded() as exchange:
    bot = exchange.client("bot", account=1)
    ...
    exchange.clock.advance(seconds=60)

The stages, the journal, the venue and the queries are those of the real processes; only sockets, disk and
clock are others. Nothing runs by itself and nothing is random: the same calls give the same state.
"""

from exchange.embedded.exchange import Clock, Exchange, Power, Replayed

__all__ = ["Clock", "Exchange", "Power", "Replayed"]
