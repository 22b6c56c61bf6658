"""Short forms of the campaigns: each is run at length by .ci/campaign."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.power import damage
from tests.power.campaign import Broken, Round, Tally
from tests.power.session import make


@pytest.mark.parametrize(("durability", "whole"), [("disk", False), ("process", False), ("disk", True)])
def test_power_cuts_lose_only_what_the_durability_says(tmp_path: Path, durability: str, whole: bool) -> None:
    """Two cuts on one data directory, each with its recovery; then the whole journal is read."""
    tally = Tally()
    Round(tmp_path, 5, durability, whole=whole, rate=3_000, tally=tally).run(2)
    assert sum(tally.cuts.values()) == 2
    assert tally.answered > 100
    assert tally.findings["missing"] == tally.findings["repeated"] == 0


def test_power_campaign_catches_a_core_that_does_not_sync(tmp_path: Path) -> None:
    """A core that answers before its disk has it, taken for one that waits."""
    one = Round(tmp_path, 5, "process", whole=False, rate=3_000, tally=Tally())
    one._durability = "disk"
    with pytest.raises(Broken, match="acknowledged and not durable"):
        one.run(3)


def test_damage_is_detected_or_without_effect() -> None:
    """Some damages of each kind; every outcome that there is happens."""
    outcomes = damage.run(300, seed=1, say=False)
    assert sum(outcomes.values()) == 300
    found = {outcome.partition(" ")[2] for outcome in outcomes}
    assert found == {"refused", "cut off", "passed over", "without effect"}


def test_damage_campaign_catches_a_core_that_serves_what_is_not_so(
    tmp_path: Path,
) -> None:
    """The judge is shown an undamaged journal in the place of a damaged one, and the other way round."""
    session = make(tmp_path, 1, durable=True, trimmed=False)
    session.start = damage.begin(tmp_path).sequence
    changed = dict(session.files)
    name = max(name for name in changed if name.startswith("journal/"))
    record = session.records[name.removeprefix("journal/")][0]
    content = bytearray(changed[name])
    content[record.offset + 80] ^= 1
    changed[name] = bytes(content)
    with pytest.raises(damage.Undetected, match="expected is"):
        damage.judge(session, changed, tmp_path)
    (tmp_path / name).write_bytes(changed[name])
    assert damage.judge(session, changed, tmp_path) == "refused"
    with pytest.raises(damage.Undetected, match="should have survived"):
        damage.judge(session, session.files, tmp_path)


def test_hurt_changes_what_it_says() -> None:
    """Every damage leaves other bytes, unless it zeroes zeros."""
    files = {"journal/a": bytes(range(1, 200)), "snapshots/b": b"x" * 600}
    kinds = set()
    for seed in range(100):
        changed, what = damage.hurt(files, Random(seed))
        assert changed.keys() == files.keys()
        assert changed != files or what.kind == "flip"  # the same bit, twice
        kinds.add(what.kind)
    assert kinds == {"flip", "zero", "cut"}
