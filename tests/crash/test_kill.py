"""The core is killed under load; what it acknowledged is there, once."""

from pathlib import Path

import pytest

from tests.crash.campaign import run
from tests.crash.shards import run as strike_shards
from tests.crash.stages import run as strike_stages


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


@pytest.mark.req("A016", "B005", "B006")
def test_shard_killed_and_stopped_under_load_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Four strikes at a shard: every order answered once, the queue in order, refusals while it is away."""
    verdict = strike_shards(tmp_path / "x", strikes=4, rate=2_000, seed=3)
    assert verdict.good, verdict
    assert verdict.trades > 50
    assert verdict.refused > 0
    assert verdict.queued > 0


@pytest.mark.req("B005", "B006")
def test_stages_killed_and_stopped_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Four strikes at accounts and risk: each order in the journal once, or refused and not in it."""
    verdict = strike_stages(tmp_path / "x", strikes=4, rate=2_000, seed=3)
    assert verdict.good, verdict
    assert verdict.findings is not None
    assert verdict.findings.trades > 50
    assert verdict.unjudged > 0
    assert verdict.refused > 0
