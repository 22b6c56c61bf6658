"""A long search for a frame that two readers see differently.

    python -m tests.wire.campaign --frames 1000000 --seed 1

Prints how many frames got which verdict; ends with 1 and the frame in hexadecimal where the readers differ.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from cmatch.frames import FrameFault
from tests.wire.fuzzing import Verdict, made_frames, verdict

ALL: list[Verdict] = [*FrameFault, "value", "read"]


def search(count: int, seed: int) -> Counter[Verdict]:
    """Verdicts of that many frames. Raises AssertionError with the frame where the readers differ."""
    seen: Counter[Verdict] = Counter()
    for at, frame in enumerate(islice(made_frames(random.Random(seed)), count)):
        seen[verdict(frame, of_reports=at % 2 == 0)] += 1
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the campaign. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Compares the two readers of hot frames.")
    parser.add_argument("--frames", type=int, default=1_000_000, help="how many (1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the frames (1)")
    options = parser.parse_args(arguments)
    try:
        seen = search(options.frames, options.seed)
    except AssertionError as difference:
        print(f"seed {options.seed}: {difference}")
        return 1
    print(f"{options.frames:,} frames, no difference")
    for name in ALL:
        print(f"{seen[name]:>12,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
