"""A journal that lost what was synced: the core does not start on what is left, and `verify` says so."""

from __future__ import annotations

from pathlib import Path

from cmatch._core import JournalReader
from exchange.runtime.exits import ExitCode
from tests.exchange.commands import exchange
from tests.exchange.running import Up, until


def test_bit_that_flips_before_an_orderly_stop_is_no_torn_tail(tmp_path: Path) -> None:
    """No record knows one before it to be durable, but who stopped in order has synced them all."""
    up = Up.start(tmp_path / "data")
    try:
        until(up.announcement, "it did not start")
        up.say("admin", "define-asset", "1", "BTC", "8")
        up.say("admin", "open-account", "11", "--of", "1")
        up.say("admin", "deposit", "11", "BTC", "1.5")
        assert up.stop() == ExitCode.STOPPED
    finally:
        up.end()
    journal = up.data / "journal"
    records = list(JournalReader(str(journal)))
    hit, last = records[len(records) // 2], records[-1].first_sequence + records[-1].commands - 1
    (segment,) = journal.glob("*.journal")
    whole = segment.read_bytes()
    at = whole.index(hit.payload)
    segment.write_bytes(whole[: at - 64] + bytes(len(whole) - at + 64))
    said = exchange("verify", str(up.data), check=1).stdout
    assert said.splitlines()[-1] == f"sequences {hit.first_sequence} to {last} were synced, and are gone"
    segment.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    again = Up.start(up.data)
    try:
        assert again.process.wait(60) == ExitCode.JOURNAL_CORRUPT, again.log[-2000:]
        assert f"sequence {last} was synced" in again.log
    finally:
        again.end()
    segment.write_bytes(whole)
    assert f"the same, up to sequence {last}" in exchange("verify", str(up.data)).stdout
