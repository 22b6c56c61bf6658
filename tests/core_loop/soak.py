"""Executes without a pause: what comes within a turn of the loop is journaled, matched and answered in it.

    python -m tests.core_loop.soak [--turns 20000] [--seed 1]

The real stages over memory. Between two turns pass from a microsecond to two seconds, so that timers are due
now and then; they delay nobody. Orders come in frames of several clients, cross, rest and are cancelled.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from cmatch import frames
from cmatch._core import JournalReader, Venue
from cmatch.enums import Side
from cmatch.frames import CommandList, ReportList
from tests.core_loop.bench_table import LIMITS, Bench, Rows, order

ACCOUNTS: Final = (1, 2, 3)
_LIMITS: Final = LIMITS | {"max_client_ids": 2**18, "max_orders": 2**12}
_CHECK_TURNS: Final = 500
_MOST_A_FRAME: Final = 8


@dataclass(frozen=True)
class Soaked:
    """What came of it.

    Args:
        turns: Of the loop.
        orders: That were entered, each answered in its own turn.
        trades: Two sides each.
        left: Turns whose commands were not journaled and answered when they ended.
    """

    turns: int
    orders: int
    trades: int
    left: tuple[int, ...]

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.turns:,} turns, {self.orders:,} orders, {self.trades:,} trades;"
            f" {len(self.left)} turns left something for the next one"
        )


def frame_of(random: Random, number: int, account: int, now_ns: int) -> Rows:
    """New orders of an account around one price; one in four at once or not at all."""
    return np.concatenate(
        [
            order(
                f"{number}-{account}-{each}", account, side=random.choice((Side.BUY, Side.SELL)),
                qty=random.randint(1, 5), price=random.randint(98, 102),
                time_in_force=random.choice((2, 2, 2, 4)), sent_at=now_ns,
            )
            for each in range(random.randint(1, _MOST_A_FRAME))
        ]
    )  # fmt: skip


def soak(turns: int, seed: int) -> Soaked:
    """So many turns; the books are checked now and then, and the journal is replayed at the end."""
    random, bench = Random(seed), Bench(limits=dict(_LIMITS))
    operator = bench.connect("operator")
    bench.market(operator, len(ACCOUNTS))
    clients = {account: bench.connect(f"client-{account}", tenant=1) for account in ACCOUNTS}
    entered, trades, left = 0, 0, []
    for turn in range(turns):
        wanted = {}
        for account, connection in clients.items():
            rows = frame_of(random, turn, account, bench.clock.now_ns())
            if turn % 64 == 63:  # so that the books stay small
                rows = order(f"{turn}-{account}-all", account, kind=4, sent_at=bench.clock.now_ns())
            assert bench.transport.push(connection, frames.encode_commands(CommandList.ORDERS, rows))
            wanted[connection] = rows.size
        before = bench.journal.written_sequence
        bench.turn(random.choice((1_000, 10**6, 10**9, 2 * 10**9)))
        made = bench.journal.written_sequence - before
        entered += sum(wanted.values())
        for connection, asked in wanted.items():
            reports = bench.took(connection, ReportList.REPORTS)
            names = {bytes(name) for name in reports["client_order_id_head"]}
            answered = {name for name in names if name.startswith(b"%d-" % turn)}
            trades += int(np.count_nonzero(reports["trade_id"]))
            if len(answered) < asked or made < sum(wanted.values()):
                left.append(turn)
        if turn % _CHECK_TURNS == 0:
            bench.venue.check_invariants()
    bench.venue.check_invariants()
    again = Venue(**_LIMITS)
    for record in JournalReader("/j", 1, disk=bench.disk):
        again.apply_payload(record.payload)
    assert again.state_hash() == bench.venue.state_hash()
    return Soaked(turns, entered, trades // 2, tuple(dict.fromkeys(left)))


def main() -> int:
    """Prints one line; 1 where a turn left something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    verdict = soak(options.turns, options.seed)
    print(verdict)
    return int(bool(verdict.left))


if __name__ == "__main__":
    sys.exit(main())
