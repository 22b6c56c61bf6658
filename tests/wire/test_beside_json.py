"""What docs/wire.md says of frames beside JSON: its table is the benchmark's, its ratio is seen here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from bench import wire

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"
ROUNDS = 9
LEAST = 3  # times as fast as JSON; document 004 says 3 to 10
TUPLES, ARRAYS = wire.HEADING.index("tuples: times as fast"), wire.HEADING.index("arrays: times as fast")


def published() -> list[list[str]]:
    """The rows of the page's table below the benchmark's heading."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    at = lines.index(wire.HEADING)
    return [line for line in lines[at + 2 :] if len(line) == len(wire.HEADING)]


@pytest.mark.req("E008")
def test_page_has_a_row_of_each_message_that_is_measured() -> None:
    """With arrays, and with tuples from 100 a message on, its figures are as promised or better."""
    rows = {row[0]: row for row in published()}
    assert list(rows) == [f"{what.name} x {batch}" for batch in wire.BATCHES for what in wire.subjects(1)]
    ratio = {
        name: [float(re.match(r"[\d.]+", row[at])[0]) for at in (TUPLES, ARRAYS)]  # type: ignore[index]
        for name, row in rows.items()
    }
    batched = {name: of for name, of in ratio.items() if not name.endswith("x 1")}
    assert all(arrays >= LEAST for _, arrays in batched.values())
    assert all(tuples >= LEAST for name, (tuples, _) in batched.items() if name.endswith("x 100"))


@pytest.mark.req("E008")
@pytest.mark.parametrize("what", wire.subjects(100), ids=lambda what: str(what.name))
def test_frame_of_a_hundred_is_written_and_read_three_times_as_fast_as_json(what: wire.Subject) -> None:
    """By this thread's processor time, in turns: from and to arrays, as core, journal and clients do."""

    def took(act: Callable[[], object], times: int) -> float:
        start = time.thread_time_ns()
        for _ in range(times):
            act()
        return (time.thread_time_ns() - start) / times

    text, binary = partial(wire.as_json, what), partial(wire.as_arrays, what)
    assert text() == what.dicts
    assert binary().tobytes() == what.records.tobytes()
    ratios = [took(text, 5) / max(took(binary, 50), 1) for _ in range(ROUNDS)]
    assert median(ratios) >= LEAST, ratios
