"""The proof at the end: the whole journal folded anew, and held against what was live and was paid in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exchange.storage.replay import Progress, Verdict, verify

_EXTERNAL = 2**64 - 1  # the house account that deposits come from


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        verdict: of the replay against the digests that were recorded live.
        balances: sum over all accounts, the fee account too but not the outside world, by asset.
        deposits: what came in less what went out, by asset, as the ledger's other side has it.
        expected: what was paid in, as whoever paid it in counted it; None where nobody did.
    """

    verdict: Verdict
    balances: Mapping[int, int]
    deposits: Mapping[int, int]
    expected: Mapping[int, int] | None

    @property
    def trades(self) -> int:
        """In the replay."""
        return int(self.verdict.replayed.fold.venue_status()["trades"])

    @property
    def money_right(self) -> bool:
        """Whether all accounts together hold exactly what was paid in."""
        known = self.deposits if self.expected is None else self.expected
        return bool(self.balances) and self.balances == self.deposits == known

    @property
    def hash_right(self) -> bool:
        """Whether live and replay are the same at the very end of the journal, and at every point before."""
        end = self.verdict.replayed.digest.sequence
        at_end = any(digest.sequence == end for digest in self.verdict.compared)
        return self.verdict.same and at_end

    @property
    def good(self) -> bool:
        """Whether everything is right."""
        return self.money_right and self.hash_right

    def line(self) -> str:
        """The audit in one line."""
        money = "=" if self.money_right else "DIFFERS FROM"
        hashes = "=" if self.hash_right else "DIFFERS FROM"
        replayed = self.verdict.replayed.digest
        at_end = [digest for digest in self.verdict.compared if digest.sequence == replayed.sequence]
        live = f"{at_end[-1].state_hash:016x}" if at_end else "none"
        return (
            f"audit: {self.trades:,} trades, sum of balances {money} deposits in {len(self.balances)} assets,"
            f" live hash {live} {hashes} replay hash {replayed.state_hash:016x}"
        )


def audit(root: Path, expected: Mapping[int, int] | None = None, progress: Progress | None = None) -> Audit:
    """Replays the journal of a data directory, checks all invariants, and adds everything up.

    Args:
        root: the data directory; its exchange has stopped.
        expected: what was paid in, by asset, in minor units.
        progress: told how many commands were replayed, now and then.

    Raises:
        StorageError: there is no journal.
        JournalCorrupt: it is damaged.
        InvariantViolation: the state contradicts itself.
    """
    verdict = verify(root, progress)
    venue = verdict.replayed.fold.venue
    venue.check_invariants()
    balances: dict[int, int] = {}
    deposits: dict[int, int] = {}
    for row in venue.balances():
        asset, total = int(row["asset"]), int(row["total"])
        if int(row["account"]) == _EXTERNAL:
            deposits[asset] = deposits.get(asset, 0) - total
        else:
            balances[asset] = balances.get(asset, 0) + total
    return Audit(verdict, balances, deposits, expected)
