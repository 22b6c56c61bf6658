"""The examples of the gateway's clients, as they are given to people, and what docs/rest.md shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import printed, programs, run
from tests.gateway.door import ANN, BOB, Open
from tests.gateway.rest import client_of
from tests.gateway.running import LARGE, running

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """With ann, whose key is HMAC-SHA256, and bob."""
    with running(tmp_path_factory.mktemp("examples") / "data", *LARGE) as made:
        made.add(ANN, BOB)
        yield made


def key_of(door: Open) -> dict[str, str]:
    """Ann's key, as examples read it from their environment."""
    return {"KEY": door.ann.key["key_id"], "SECRET": door.ann.key["secret"]}


def environment(door: Open) -> dict[str, str]:
    """Of a program with that key."""
    return os.environ | key_of(door)


def test_example_rest_bids_and_leaves_nothing_behind(door: Open) -> None:
    """Its lines; a refusal says why."""
    words = [sys.executable, "examples/rest.py", "BTC-USD", "0.5", "64000.00", "--url"]
    words.append(f"http://127.0.0.1:{door.port}")
    outcome = subprocess.run(
        words, cwd=ROOT, env=environment(door), capture_output=True, text=True, timeout=240, check=False
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[:-1] == [
        "the exchange is up",
        "accepted: 0.5000 BTC-USD at 64000.00",
        "live: buy 0.5000 at 64000.00",
        "BTC: 1000.00000000 of 1000.00000000",
        "USD: 968000.000000 of 1000000.000000",
        "canceled",
    ]
    assert re.fullmatch(r"budget: \d+ of 1000000", outcome.stdout.splitlines()[-1])
    words[3] = "900"
    refused = subprocess.run(
        words, cwd=ROOT, env=environment(door), capture_output=True, text=True, timeout=240, check=False
    )
    assert refused.stderr.startswith("refused: 2002 INSUFFICIENT_FUNDS: ")


def test_example_stream_shows_book_and_trades(door: Open) -> None:
    """As orders come and trade, from another process."""
    words = [sys.executable, "-u", "examples/stream.py", "BTC-USD", "--seconds", "200"]
    words += ["--url", f"http://127.0.0.1:{door.port}"]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as shown:
        try:
            assert shown.stdout is not None
            assert shown.stdout.readline() == "bid nothing, ask nothing\n"
            with client_of(door.bob) as bob, client_of(door.ann) as ann:
                bob.limit("BTC-USD", "sell", "0.5", "100.00")
                assert shown.stdout.readline() == "bid nothing, ask 0.5000 at 100.00\n"
                ann.limit("BTC-USD", "buy", "0.2", "100.00")
                assert {shown.stdout.readline() for _ in range(2)} == {
                    "bid nothing, ask 0.3000 at 100.00\n",
                    "0.2000 at 100.00, taken by a buy\n",
                }
                bob.mass_cancel()
        finally:
            shown.kill()


def test_docs_rest_code_runs(door: Open) -> None:
    """The blocks of docs/rest.md that say so are programs that run, and print what they show."""
    found = programs("rest.md")
    assert len(found) == 2
    for program in found:
        code = program.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{door.port}")
        assert run(code, environment=key_of(door)) == printed(program)
