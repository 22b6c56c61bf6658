"""The process of a stage that judges orders: accounts or risk."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

from cmatch._core import JournalReader
from exchange.bus.dealer import JOURNAL_OPTIONS, Dealer
from exchange.config.settings import Settings
from exchange.domain.enums import Judge
from exchange.runtime.beside_core import keys_beside_core, work_beside_core
from exchange.runtime.follower_metrics import tell_progress
from exchange.runtime.judging import Codes, Judging, Pace, Records
from exchange.runtime.log import log
from exchange.runtime.proposal_fold import ProposalFold
from exchange.runtime.vitals import telling
from exchange.storage.directory import DataDirectory
from exchange.storage.fold import Fold, starting_venue
from exchange.storage.venue_limits import limits_of

_MS: Final = 1_000_000


def run_judge(
    settings: Settings, judge: Judge, approve: Callable[[Fold, Records], Codes] | None = None
) -> int:
    """Runs until it is told to stop; the exit code.

    Args:
        settings: Of the exchange.
        judge: Which stage it is.
        approve: What it says beyond the fold; see Judging.

    Raises:
        ExchangeError: It cannot begin, or cannot go on.
    """
    directory, name = DataDirectory(settings.data_directory), judge.name.lower()

    def begin() -> Fold:
        start = time.monotonic()
        venue = starting_venue(directory, limits_of(settings), 0)
        # Nobody asks it what has become of orders.
        fold = Fold(
            directory.journal, venue, orders_per_account=1, max_orders=1, max_accounts=1, max_instruments=1
        )
        commands, seconds = fold.advance_to_end(), f"{time.monotonic() - start:.3f}"
        log("folded snapshot and journal", commands=commands, sequence=fold.sequence, seconds=seconds)
        return fold

    def records_from(sequence: int) -> JournalReader:
        return JournalReader(str(directory.journal), sequence)

    timeout_ns = settings.stages.heartbeat_timeout_ms * _MS
    keys, server_key = keys_beside_core(settings, name)
    dealer = Dealer(settings.endpoints.orders, keys, server_key, JOURNAL_OPTIONS)

    def wait(seconds: float) -> None:
        if not dealer.readable:
            select.select(dealer.filenos(), (), (), seconds)

    with telling(settings, name, [name]) as vitals:
        try:
            pace = Pace(timeout_ns // 10, 5 * timeout_ns)
            work = Judging(judge, ProposalFold(begin, records_from), dealer, pace, approve)
            tell_progress(vitals, settings, lambda: work.sequence, lambda: work.logged_on)
            return work_beside_core(work, vitals, wait)
        finally:
            dealer.close()
