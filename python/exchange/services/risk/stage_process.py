"""Risk in a process of its own: says which orders break a limit, or are not approved."""

from __future__ import annotations

from exchange.config.settings import Settings
from exchange.domain.enums import Judge
from exchange.runtime.judge_process import run_judge
from exchange.services.risk.approval import approval_of


def main(settings: Settings) -> int:
    """Runs until it is told to stop; the exit code.

    Raises:
        ConfigError: There is no such approval.
        ExchangeError: It cannot begin, or cannot go on.
    """
    return run_judge(settings, Judge.RISK, approval_of(settings.risk.approval))
