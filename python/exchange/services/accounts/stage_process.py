"""Accounts in a process of its own: says which orders the money of their accounts does not allow."""

from __future__ import annotations

from exchange.config.settings import Settings
from exchange.domain.enums import Judge
from exchange.runtime.judge_process import run_judge


def main(settings: Settings) -> int:
    """Runs until it is told to stop; the exit code.

    Raises:
        ExchangeError: It cannot begin, or cannot go on.
    """
    return run_judge(settings, Judge.ACCOUNTS)
