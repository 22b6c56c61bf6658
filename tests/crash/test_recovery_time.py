"""How long a killed core takes to answer again: the command that measures it, and where its figures are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ["snapshot read and checked", "read, and a venue made of it and verified", "kill to first answer"]


def figures(text: str, head: str) -> dict[str, float]:
    """Seconds by stage, of the table below a heading."""
    found = {}
    for line in text.partition(head)[2].splitlines()[1:]:
        if not line.startswith("|"):
            break
        stage, value = (cell.strip() for cell in line.strip("|").split("|"))
        found[re.sub(r" \(.* MB\)", "", stage)] = float(value.split()[0])
    return found


@pytest.mark.req("B076")
def test_recovery_time_is_measured_by_a_command_and_published() -> None:
    """A core with orders that rest is killed, and answers again; the page has the same three figures."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.restart", "--orders", "2000", "--runs", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    measured = figures(done.stdout, "| 2,000 orders rest | s |\n")
    assert list(measured) == STAGES
    assert 0 < measured[STAGES[2]] < 120
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    published = figures(page, "| 1,000,000 orders rest | s |\n")
    assert list(published) == STAGES
    assert published[STAGES[2]] > published[STAGES[1]] > published[STAGES[0]] > 0
