"""A long random comparison: `python -m tests.venue.campaign --seconds 600 --seed 1`.

Runs sessions, each from a seed of its own that it prints, until the time is over or the two venues differ.
Then it prints the fewest commands it can find that show the difference, and exits with 1.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.oracle.venue.words import ACTIONS, CANCEL_REASONS, EXEC_TYPES, LIQUIDITIES, ORDER_STATUSES, REJECTS
from tests.venue.sessions import Session, shrink

BATCHES = 500

UNREACHED = frozenset(
    {"invalid_order_id", "duplicate_order_id", "capacity_ids", "side_overflow", "invalid_scope"}
)
"""What the venue's own rules keep the engine from saying, or would take more lots than a flow has."""

ALL = [
    *EXEC_TYPES,
    *(f"{family} {kind}" for family, kinds in ACTIONS.items() if family != "orders" for kind in kinds),
    *(f"reject {word}" for word in REJECTS if word not in UNREACHED),
    *(f"cancel_reason {word}" for word in CANCEL_REASONS),
    *(f"order_status {word}" for word in ORDER_STATUSES),
    *(f"liquidity {word}" for word in LIQUIDITIES),
    "duplicate",
]
"""Everything that a long campaign reaches."""


def run_session(seed: int, batches: int) -> Counter[str]:
    """One session. Prints what differs, and raises AssertionError."""
    session = Session(seed)
    try:
        return session.run(batches).seen
    except Exception as difference:
        print(f"seed {seed}, {session.sizes}: {difference}")
        print("the fewest commands that show it:")
        for batch in shrink(session.sizes, session.pair.history):
            print(f"  {batch}")
        raise AssertionError(f"seed {seed} fails") from difference


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the campaign. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Compares the compiled venue with the plain one.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the first session; the next has the next (1)")
    parser.add_argument("--batches", type=int, default=BATCHES, help=f"of a session ({BATCHES})")
    options = parser.parse_args(arguments)

    seen: Counter[str] = Counter()
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        print(f"seed {seed}", flush=True)
        try:
            seen += run_session(seed, options.batches)
        except AssertionError:
            return 1
        seed += 1
    print(f"{seed - options.seed:,} sessions of {options.batches:,} batches, no difference")
    for name in ALL:
        print(f"{seen[name]:>12,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
