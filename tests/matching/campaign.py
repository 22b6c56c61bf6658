"""A long random comparison: `python -m tests.matching.campaign --seconds 600 --seed 1`.

Runs sessions, each from a seed of its own that it prints, until the time is over or the two engines differ.
Then it prints the fewest commands it can find that show the difference, and exits with 1.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.matching.sessions import Session, shrink
from tests.oracle.words import CANCEL_REASONS, EVENT_KINDS, REJECTS

COMMANDS = 1_000

ALL = [
    *EVENT_KINDS,
    *(f"rejected {reason}" for reason in REJECTS),
    *(f"canceled {reason}" for reason in CANCEL_REASONS),
]
"""Everything that a long campaign reaches."""


def run_session(seed: int, commands: int) -> Counter[str]:
    """One session. Prints what differs, and raises AssertionError."""
    session = Session(seed)
    try:
        return session.run(commands).seen
    except Exception as difference:
        print(f"seed {seed}: {difference}")
        print("the fewest commands that show it:")
        for command in shrink(session.limits, session.pair.history):
            print(f"  {command}")
        raise AssertionError(f"seed {seed} fails") from difference


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the campaign. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Compares the core with the oracle on random sessions.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the first session; the next has the next (1)")
    parser.add_argument("--commands", type=int, default=COMMANDS, help=f"of a session ({COMMANDS})")
    options = parser.parse_args(arguments)

    seen: Counter[str] = Counter()
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        print(f"seed {seed}", flush=True)
        try:
            seen += run_session(seed, options.commands)
        except AssertionError:
            return 1
        seed += 1
    sessions = seed - options.seed
    print(f"{sessions:,} sessions of {options.commands:,} commands, no difference")
    for name in ALL:
        print(f"{seen[name]:>12,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
