"""Matching asks nothing of the system: a batch of more orders costs no allocation, lock or call more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.face.counted import ASKED, KINDS, SIZES

SOURCE = Path(__file__).with_name("counting.c")
ROOT = Path(__file__).parents[2]
MOST = 64  # of a kind, of a whole batch: its array, the interpreter's lock


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was counted, in a process of its own below the library."""
    library = tmp_path_factory.mktemp("counting") / "counting.so"
    words = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([*words, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.face.counted"], cwd=ROOT, env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_library_sees_what_asks(seen: dict[str, Any]) -> None:
    """Or what follows would show nothing."""
    assert all(seen["asks"][kind] >= ASKED for kind in KINDS), seen


@pytest.mark.req("B036", "B041")
def test_batch_of_fifty_thousand_asks_for_no_more_than_one_of_a_hundred(seen: dict[str, Any]) -> None:
    """Memory, mutexes and files alike, while orders rest, trade, are cancelled and replaced, and refused."""
    batches = dict(zip(SIZES, seen["batches"], strict=True))
    for kind in KINDS:
        asked = {size: counts[kind] for size, counts in batches.items()}
        assert max(asked.values()) - asked[SIZES[0]] <= 8, (kind, asked)
        assert max(asked.values()) <= MOST
    assert [counts["files"] for counts in batches.values()] == [0] * len(SIZES)
    events = seen["events"]
    for what in ("accepted", "trade", "canceled", "replaced", "rejected"):
        assert events[what] > 1_000, events
