"""The page of security: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tests_that_prove_the_rules_are_there() -> None:
    """One that is renamed is renamed on the page."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.search(r"\| `[a-z_/]+/test_\w+\.py`", line)]
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`([a-z_/]+/test_\w+\.py)`", row)
        assert named
        for path in named:
            assert (ROOT / "tests" / path).is_file(), path
