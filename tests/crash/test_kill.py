"""The core is killed under load; what it acknowledged is there, once."""

from pathlib import Path

import pytest

from tests.crash.campaign import run


@pytest.mark.req("A016", "B005", "B006", "B007", "B033")
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_core_killed_under_load_loses_and_repeats_nothing_acknowledged(
    tmp_path: Path, durability: str
) -> None:
    """Three lives on one journal: each acknowledged request is in it once, and the replay is what ran."""
    verdict = run(tmp_path / "x", kills=3, rate=5_000, seed=7, durability=durability)
    assert verdict.good, verdict
    assert verdict.answered > 500
    assert verdict.findings.trades > 50
