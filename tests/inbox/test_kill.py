"""A service that is killed with SIGKILL at any point of its work: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.inbox.world import memory

ROOT = Path(__file__).parents[2]
# The campaign has every point, CI every fifth of about two hundred.
STEP = int(os.environ.get("CMATCH_KILL_STEP", "5"))


@pytest.mark.req("E062", "E064", "E068", "E069", "E070", "E071")
def test_service_killed_at_every_point_ends_where_an_uninterrupted_one_does(store_url: str) -> None:
    """Every statement, commit, append, sync and cursor: state, trades, ids, dead letters are the same."""
    # SIGKILL takes nothing from a disk: the files may as well lie in memory, which is quicker.
    with tempfile.TemporaryDirectory(dir=memory()) as directory:
        store = store_url if "://" in store_url else f"{directory}/stores"
        victim = subprocess.run(
            [sys.executable, "-m", "tests.inbox.victim", store, directory, str(STEP)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            check=True,
        )
    whole, *killed, last = [json.loads(line) for line in victim.stdout.splitlines()]
    assert (whole["point"], last["point"]) == (
        "whole",
        "whole",
    )  # behind the last point nothing is left to kill
    expected = whole["outcome"]
    assert expected["applied"] == [1, 3, 4]
    assert expected["letters"] == [[2, "validation", "dead"], [2, "behind", "behind"]]
    assert [trade[2] for trade in expected["trades"]] == ["1", "3", "4"]
    assert (expected["outbox"], expected["cursor"]) == (0, [3])
    assert [line["point"] for line in killed if line["outcome"] != expected] == []
    points = [line["point"].split(" ", 1) for line in killed]
    assert [int(number) for number, _ in points] == [1 + STEP * at for at in range(len(points))]
    whats = ("commit", "append", "sync", "cursor") if STEP == 1 else ("commit",)
    for what in whats:
        assert {f"before {what}", f"after {what}"} <= {name for _, name in points}
    assert STEP * len(points) > 150
