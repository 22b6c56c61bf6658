"""An exchange that a command starts: what is said where it does not start."""

from __future__ import annotations

from exchange.cli.launch import reason_in

_AT = "ts=2026-11-22T14:05:40.522698Z level=info process="


def test_reason_is_what_a_process_lacked_and_not_how_the_others_stopped() -> None:
    """The last line of a log tells of the end alone."""
    refused = f'{_AT}gateway event="refused to start" reason="gateway 127.0.0.1:8080 cannot be had"'
    stopped = f'{_AT}supervisor event="exchange stopped" code=78'
    assert (
        reason_in(f"{_AT}core event=ready\n{refused}\n{stopped}\n") == "gateway 127.0.0.1:8080 cannot be had"
    )
    assert reason_in(f"{stopped}\n") == stopped
    assert reason_in("") == "its log is empty"
