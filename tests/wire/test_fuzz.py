"""A share of the search for frames that two readers see differently; tests/wire/campaign.py is the whole."""

import pytest

from cmatch.frames import FrameFault
from tests.wire.campaign import main, search


@pytest.mark.req("A008", "E010")
def test_readers_agree_on_frames_that_are_hurt() -> None:
    """Same refusal or same content, and frames of every verdict among them (no frame here is too large)."""
    seen = search(4_000, seed=7)
    assert set(seen) == {"read", "value", *FrameFault} - {FrameFault.TOO_LARGE}
    assert seen["read"] > 400


def test_campaign_ends_with_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and a line a verdict."""
    assert main(["--frames", "300", "--seed", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "300 frames, no difference"
    assert len(lines) == 1 + len(FrameFault) + 2
