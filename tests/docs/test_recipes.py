"""Recipes that need no running exchange, or start their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import files, outputs, printed, programs, python, run


@pytest.mark.parametrize("number", range(2))
def test_simulator_prints_what_it_says(number: int) -> None:
    """The same run for the same seed, one call an order and in arrays."""
    program = programs("recipes/simulator.md")[number]
    assert run(program) == printed(program) != []


def test_replay_of_the_sample_prints_what_it_says() -> None:
    """Trades, checks and a best price of the capture in examples."""
    program = programs("recipes/replay-a-feed.md")[0]
    assert run(program) == printed(program) != []


def test_feed_of_ones_own_trades_and_can_be_replayed_again(tmp_path: Path) -> None:
    """What it saves is a file of `cmatch replay`."""
    program = programs("recipes/replay-a-feed.md")[1]
    assert run(program, cwd=tmp_path) == outputs("recipes/replay-a-feed.md")[0].splitlines()
    done = python("-m", "cmatch.cli", "replay", str(tmp_path / "feed.npy"))
    assert (done.returncode, done.stderr) == (0, "")
    said = {tuple(line.split()) for line in done.stdout.splitlines()}
    assert {("trades", "2"), ("rejects", "0")} <= said


def test_bot_is_tested_embedded_and_against_the_real_processes(tmp_path: Path) -> None:
    """The files of the page are modules of pytest, and all their tests pass."""
    written = files("recipes/test-a-bot.md")
    assert set(written) == {"bot.py", "test_bot_embedded.py", "test_bot_real.py"}
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), ".", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
