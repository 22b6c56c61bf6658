"""The core is stopped for seconds under load; nobody loses, doubles or misses anything."""

from pathlib import Path

from tests.crash.stall import run


def test_core_stopped_for_longer_than_a_heartbeat_goes_on_without_loss(tmp_path: Path) -> None:
    """Clients leave after three seconds, come back, and know in the end exactly what is so."""
    verdict = run(tmp_path / "x", stops=1, seconds=6.0, seed=3)
    assert verdict.good, str(verdict)
    assert verdict.answered > 100
    assert verdict.reconnects >= 4
