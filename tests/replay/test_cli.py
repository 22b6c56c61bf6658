"""The command line as a person uses it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cmatch.cli import main
from cmatch.cli.bench import mixed_flow
from cmatch.replay.progress import Bar

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "coinbase" / "COINBASE.ws.28.0.gz")
CAPTURE = '1.5: {"type": "snapshot", "product_id": "A-B", "bids": [["1.0", "2"]], "asks": [["1.2", "3"]]}\n'


def test_replay_reports_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Every part of the report, and exit code 0."""
    assert main(["replay", EXAMPLE]) == 0
    out = capsys.readouterr().out
    for words in (
        "COINBASE.ws.28.0.gz: Coinbase level2 capture",
        "9,946: 9,719 l2update",
        "(30.7 s)",
        "million commands/s, the matcher alone (median of 5 runs",
        "p99.9",
        "trades        97\n",
        "rejects       0\n",
        "ok      trades foretold from the tape: 97 of 97\n",
        "ok      tickers: best bid and ask: 97 of 97 (10 more left out: their trade was before the first",
        "ok      one by one gives the same events as in batches: 1 of 1\n",
        "97 of 97 matches (of whole levels) name the level at its best price (100.00 %)\n",
        "  SKL-USD, continuous: 816 bid and 1,341 ask levels\n",
        "         1             468        0.7902",
        "8,359 orders rest in all",
    ):
        assert words in out


def test_replay_json_is_whole_and_exact(capsys: pytest.CaptureFixture[str]) -> None:
    """For a program: decimals as text."""
    assert main(["replay", EXAMPLE, "--json", "--symbol", "NMR-EUR"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"]
    assert told["instruments"] == [{"symbol": "NMR-EUR", "tick": "0.0001", "lot": "0.001"}]
    assert told["volumes"] == [{"symbol": "NMR-EUR", "trades": 8, "volume": "4.761", "last": "66.9254"}]
    assert told["agreement"]["named"] == told["agreement"]["trade_events"] == 8
    assert told["latency_ns"]["calls"] == told["commands"]
    assert [check["name"] for check in told["checks"]][:2] == [
        "trades foretold from the tape",
        "orders resting at the end",
    ]
    assert told["books"][0]["bids"][0].keys() == {"price", "qty", "orders"}


def test_replay_writes_tables_picture_and_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CSV, Parquet, a picture and the commands; and the commands replay to the same state."""
    names = [str(tmp_path / name) for name in ("out.csv", "out.parquet", "out.png", "out.npz")]
    options = [
        word for pair in zip(("--csv", "--parquet", "--plot", "--save"), names, strict=True) for word in pair
    ]
    assert main(["replay", EXAMPLE, "--no-latency", *options]) == 0
    first = capsys.readouterr()
    assert first.err.count("cmatch: wrote ") == 6
    trades = list(csv.DictReader((tmp_path / "out.trades.csv").read_text().splitlines()))
    top = list(csv.DictReader((tmp_path / "out.top.csv").read_text().splitlines()))
    assert len(trades) == 97
    assert trades[0] == {
        "timestamp_ns": "1618677817129505000",
        "symbol": "SKL-BTC",
        "trade_id": "1",
        "price": "0.00001305",
        "qty": "985",
        "taker_side": "buy",
        "maker_order_id": trades[0]["maker_order_id"],
        "taker_order_id": trades[0]["taker_order_id"],
    }
    assert list(top[0].values()) == ["1618677817077736000", "BAND-GBP", "14.7693", "27.51", "", ""]
    assert (top[1]["ask_price"], top[1]["ask_qty"]) == ("14.8024", "12.77")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(tmp_path / "out.trades.parquet").num_rows == 97
    assert parquet.read_table(tmp_path / "out.top.parquet").num_rows == len(top)
    assert main(["replay", names[3], "--no-latency"]) == 0
    second = capsys.readouterr().out
    state = next(line for line in first.out.splitlines() if "state hash" in line)
    assert state in second.splitlines()


def test_replay_of_a_vendors_book_that_differs_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and the first differences."""
    path = tmp_path / "capture"
    times = ("2021-04-17T16:43:01Z", "2021-04-17T16:43:02Z")
    update = {"type": "l2update", "product_id": "A-B", "changes": [["buy", "1.1", "1"]], "time": times[0]}
    ticker = {"type": "ticker", "product_id": "A-B", "best_bid": "1.05", "best_ask": "1.2", "time": times[1]}
    path.write_text(CAPTURE + f"2.5: {json.dumps(update)}\n3.5: {json.dumps(ticker)}\n")
    assert main(["replay", str(path)]) == 1
    out = capsys.readouterr().out
    assert "FAILED  tickers: best bid and ask: 0 of 1\n" in out
    assert "row 1: A-B bid level 1 is 1.10 x 1 (1 orders), the vendor says 1.05" in out


def test_files_that_cannot_be_read_are_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line: file, position, reason."""
    path = tmp_path / "capture"
    path.write_text(CAPTURE + '2.5: {"type": "l2upd')
    for command in ("replay", "verify"):
        assert main([command, str(path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"cmatch: {path}: line 2: it is not a JSON message (")
        assert err.count("\n") == 1
    assert main(["replay", EXAMPLE, "--symbol", "NO-SUCH"]) == 2
    assert "there is no NO-SUCH in it: it has BAND-BTC, BAND-GBP, " in capsys.readouterr().err
    assert main(["replay", EXAMPLE, "--no-latency", "--save", str(tmp_path / "ops.txt")]) == 2
    assert "commands are written as" in capsys.readouterr().err


def test_verify_finds_all_runs_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice, in pieces and from snapshots; as text and as JSON."""
    path = tmp_path / "capture"
    path.write_text(CAPTURE)
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out.endswith(" runs, all the same\n")
    assert main(["verify", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"]
    assert len({trial["digest"] for trial in told["trials"]}) == 1
    assert any("snapshot" in trial["name"] for trial in told["trials"])


def test_bench_runs_the_three_ways_to_the_same_trades(capsys: pytest.CaptureFixture[str]) -> None:
    """A small flow, as text and as JSON."""
    arguments = ["bench", "--ops", "3000", "--resting", "100", "--runs", "1"]
    assert main(arguments) == 0
    assert "the same in all\n" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["good"]
    assert [figure["name"].split(",")[0] for figure in told["figures"]] == [
        "plain Python book",
        "engine",
        "engine",
    ]


def test_bench_flow_is_what_it_says() -> None:
    """58 % limits, 8 % immediate-or-cancel, the rest cancels, and the same every time."""
    flow = mixed_flow(20_000, 300)
    incoming = sum(op[4] for op in flow) / len(flow)
    limits = sum(op[2] > 0 and not op[4] for op in flow) / len(flow)
    assert (round(limits, 2), round(incoming, 2)) == (0.58, 0.08)
    assert flow == mixed_flow(20_000, 300)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["replay"],
        ["replay", ""],
        ["fly"],
        ["bench", "--ops", "0"],
        ["bench", "--resting", "999999999999"],
        ["replay", "x", "--format", "y"],
        ["replay", "x", "--save", "/nowhere/x.npz"],
    ],
)
def test_wrong_use_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: cmatch" in capsys.readouterr().err


def test_help_imports_no_numpy() -> None:
    """`cmatch --help` is quick; `cmatch replay --help` lists the formats."""
    look = (
        "import sys, cmatch.cli\ntry: cmatch.cli.main(['--help'])\n"
        "except SystemExit: print('numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert run.stdout.endswith("False\n")
    listing = subprocess.run(
        [sys.executable, "-m", "cmatch.cli", "replay", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name in ("ops", "dbn", "databento-csv", "lobster", "coinbase", "bitstamp", "itch"):
        assert f"\n  {name} " in listing


def test_output_whose_reader_goes_away_ends_quietly() -> None:
    """`cmatch replay FILE | head`."""
    run = subprocess.Popen(
        [sys.executable, "-m", "cmatch.cli", "replay", EXAMPLE, "--no-latency", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    with run.stderr as stderr:
        assert stderr.read() == b""
    assert run.wait() == 0


class Terminal:
    """A stream that says whether it is a terminal, and keeps what is written."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.is_terminal = is_terminal
        self.written = ""

    def isatty(self) -> bool:
        """What the bar asks."""
        return self.is_terminal

    def write(self, text: str) -> int:
        """Keeps it."""
        self.written += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def test_progress_is_drawn_on_a_terminal_and_taken_away() -> None:
    """And nowhere else, nor where it is not wanted."""
    terminal, plain, unwanted = (
        Terminal(is_terminal=True),
        Terminal(is_terminal=False),
        Terminal(is_terminal=True),
    )
    for stream, wanted in ((terminal, True), (plain, True), (unwanted, False)):
        bar = Bar(stream, wanted=wanted)  # type: ignore[arg-type]
        bar("matching", 1, 2)
        bar("matching", 2, 2)
        bar.clear()
    assert "100 %" in terminal.written
    assert terminal.written.endswith("\r\x1b[K")
    assert plain.written == unwanted.written == ""
