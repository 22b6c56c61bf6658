"""The command line without an exchange: help, wrong use, keys, the doctor."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cmatch.frames import EXECUTION_REPORT_DTYPE
from exchange.cli import COMMANDS, main, up
from exchange.cli.admin import WHATS
from exchange.cli.common import plain, settings_of, table
from exchange.client.results import Reports
from exchange.config import Settings
from exchange.domain.enums import ExecType, OrderStatus, Side
from exchange.domain.queries import LevelRow
from exchange.runtime.spec import check_table
from exchange.topology.handover import settings_as_json, settings_of_json
from exchange.topology.services import SERVICES, spec_of
from exchange.topology.table import KERNELS, PROCESSES, SQL_SERVICES


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of one command."""
    try:
        code = main(words)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_help_of_every_command_is_complete(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """It ends with 0, describes itself, explains every option and the exit codes."""
    code, out, err = say(capsys, command, "--help")
    assert (code, err) == (0, "")
    assert f"usage: exchange {command}" in out
    assert "Exit code: 0 all is right" in " ".join(out.split())
    options = [line for line in out.splitlines() if line.startswith(("  -", "  {"))]
    lines = out.splitlines()
    for line in options:
        following = lines[lines.index(line) + 1] if lines.index(line) + 1 < len(lines) else ""
        assert "  " in line.strip() or following.startswith(" " * 20), f"{line!r} says nothing"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With a line of its own."""
    code, out, _ = say(capsys, "--help")
    assert code == 0
    for name, words in COMMANDS:
        assert f"    {name}" in out
        assert words.split(",")[0][:20] in " ".join(out.split())


@pytest.mark.parametrize("what", [what.name for what in WHATS])
def test_help_of_every_administrative_command_names_its_options(
    capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """And where the exchange is."""
    code, out, _ = say(capsys, "admin", what, "--help")
    assert code == 0
    assert "--data DIR" in out
    assert "who speaks" in out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("fly",), 2, "invalid choice: 'fly'"),
        (("admin",), 2, "arguments are required: WHAT"),
        (("order", "new", "BTC-USD", "hold", "1", "--account", "1"), 2, "invalid choice: 'hold'"),
        (("status", "--data", "/nowhere/at/all"), 1, "no exchange runs on /nowhere/at/all"),
        (("book", "BTC-USD", "--data", "/nowhere"), 1, "start one with `exchange up --data /nowhere`"),
        (("status", "--set", "durability"), 78, "--set durability: expected KEY=VALUE"),
        (("status", "--set", "speed=11"), 78, "there is no setting speed"),
        (("status", "--set", "durability=hope"), 78, "durability is 'hope': expected process or disk"),
        (("status", "--set", "limits.orders=many"), 78, "limits.orders is 'many': expected a whole number"),
        (("up", "--config", "/nowhere.toml"), 78, "/nowhere.toml cannot be read"),
        (("keys", "create"), 78, "exchange keys create takes server, client, service, context, audit"),
        (("keys", "create", "client"), 78, "exchange keys create client takes one NAME"),
        (("keys", "revoke", "api-1"), 78, "exchange keys revoke takes a --reason"),
        (("keys", "show", "api-1"), 78, "8201 UNKNOWN_KEY: there is no key api-1"),
        (("audit", "--log", "/nowhere"), 1, "there is no audit log in /nowhere"),
        (("audit", "--log", "--show"), 2, "argument --show: not allowed with argument --log"),
        (("demo", "--rate", "0"), 2, "--rate: expected a whole number from 1 to 4,294,967,295, not '0'"),
        (("demo", "--accounts", "1"), 2, "--accounts: expected a whole number from 2"),
        (("bench", "--batch", "501"), 2, "--batch: expected a whole number from 1 to 500, not '501'"),
        (("bench", "--json", "/nowhere/x"), 2, "--json: /nowhere/x cannot be written: expected a file in a"),
        (("status", "--data", ""), 2, "argument --data: the word is empty"),
        (("standby", "--of", ""), 2, "argument --of: the word is empty"),
        (("bench", "--seconds", "nan"), 2, "--seconds: expected a number above 0, at most 86,400, not 'nan'"),
        (("bench", "--in-flight", "9", "--one-by-one"), 2, "--one-by-one: not allowed with argument --in-fl"),
        (
            ("keys", "create", "context", "--days", "0"),
            2,
            "--days: expected a number above 0, at most 36,500",
        ),
        (("apikeys", "create", "x", "--tenant", "7", "--days", "0"), 2, "--days: expected a number above 0"),
        (("market", "trades", "--most", "-1"), 2, "--most: expected a whole number from 0 to 4,294,967,295"),
        (("status", "--seconds", "1e400"), 2, "--seconds: expected a number from 0 to 86,400, not '1e400'"),
        (("book", "BTC-USD", "--tenant", "-1"), 2, "--tenant: expected a whole number from 0 to"),
        (("book", "BTC-USD", "--user", "a b"), 2, "--user: a name must be 1 to 40 printable ASCII"),
        (("order", "list", "--account", "9" * 5000), 2, "--account: expected a whole number from 0 to"),
        (("replay", "/nowhere"), 1, "there is no journal in /nowhere/journal"),
        (("verify", "/nowhere"), 1, "there is no journal in /nowhere/journal"),
        (("run", "kitchen"), 2, "invalid choice: 'kitchen'"),
        (("run", "core", "--settings", "{"), 78, "settings of another process are no JSON"),
    ],
)
def test_wrong_use_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, complaint: str
) -> None:
    """No traceback, nothing on standard output."""
    found, out, err = say(capsys, *words)
    assert (found, out) == (code, "")
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err
    if code != 2:
        assert err.startswith("exchange: ")
        assert err.count("\n") == 1


def test_doctor_prints_a_line_a_topic_and_a_sum(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its JSON has the same findings; the exit code says whether one fails."""
    code, out, _ = say(capsys, "doctor", "--data", str(tmp_path))
    lines = [line for line in out.splitlines() if line.split(" ")[0] in ("ok", "warn", "fail")]
    found, text, _ = say(capsys, "doctor", "--json", "--data", str(tmp_path))
    findings = json.loads(text)
    assert len(lines) == len(findings)
    assert {finding["level"] for finding in findings} <= {"ok", "warn", "fail"}
    assert code == int(any(line.startswith("fail") for line in lines))
    assert found == int(any(finding["level"] == "fail" for finding in findings))
    assert out.splitlines()[-1].endswith(" fail")


def test_interrupted_command_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell would have it."""

    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("exchange.cli.doctor.run", interrupt)
    code, _, err = say(capsys, "doctor")
    assert (code, err) == (130, "\nexchange: interrupted\n")


def test_command_whose_reader_went_away_ends_quietly() -> None:
    """`exchange doctor | head -1` complains of nothing."""
    command = f"{sys.executable} -m exchange.cli --help | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 (ours)
    assert done.stdout.startswith("usage: exchange")
    assert done.stderr == ""


def test_settings_of_a_supervisor_reach_its_children_whole(tmp_path: Path) -> None:
    """As JSON and back, whatever the child's environment and files say."""
    options = argparse.Namespace(
        data=tmp_path, config=None, set=["durability=disk", "limits.accounts=1234", "core.cpu=1"]
    )
    settings = settings_of(options, endpoints={"metrics": ""})
    assert (settings.limits.accounts, settings.core.cpu, settings.endpoints.metrics) == (1234, 1, "")
    assert settings_of_json(settings_as_json(settings)) == settings
    assert isinstance(settings, Settings)


def test_services_beside_the_core_are_named_and_settings_that_are_said_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`--with all` has every one, `--with NAME` that one, and `--set` the last word."""
    seen: list[Settings] = []

    def supervise(settings: Settings, _: object) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr(up, "supervise", supervise)
    words = ["up", "--data", str(tmp_path / "d")]
    assert main([*words, "--with", "all", "--set", "settlement.enabled=false"]) == 0
    assert main([*words, "--with", "history", "--with", "gateway"]) == 0
    assert main(words) == 0

    def enabled(settings: Settings) -> set[str]:
        of = {
            "admin": settings.admin.enabled,
            "gateway": settings.gateway.enabled,
            "history": settings.history.enabled,
            "marketdata": settings.market_data.enabled,
            "settlement": settings.settlement.enabled,
        }
        assert of.keys() == up.SERVICES.keys()
        return {name for name, on in of.items() if on}

    everything = set(up.SERVICES)
    assert [enabled(each) for each in seen] == [everything - {"settlement"}, {"history", "gateway"}, set()]


def test_topology_hosts_every_service_and_each_query_has_one_service() -> None:
    """A request that two services answer would be two truths."""
    every = (*SERVICES, *(spec_of(name) for name in SQL_SERVICES))
    assert [spec.name for spec in SERVICES] == list(KERNELS)
    # The gateway speaks HTTP, and looks at the keys of identity in its store.
    hosted = {name for process in PROCESSES for name in process.hosts} - {"gateway", "identity"}
    assert hosted == {spec.name for spec in every}
    check_table(every, outside=("core.commands", "orders.lifecycle", "execution.trades", "admin.changes"))
    requests = [request for spec in every for request in spec.queries]
    assert len(requests) == len(set(requests))


def test_plain_and_table_show_messages_as_people_read_them() -> None:
    """Enums by name, nothing as null; columns as wide as their widest word."""
    assert plain((LevelRow(price=1, qty=2, count=3), Side.BUY, None, True, 7)) == [
        {"price": 1, "qty": 2, "count": 3},
        "buy",
        None,
        True,
        7,
    ]
    assert table(("a", "bb"), [("xxx", "1"), ("y", "22")]) == "a    bb\nxxx   1\ny    22"


def test_records_within_a_dictionary_are_printed_as_those_alone() -> None:
    """`balances --reservations --json` is one: it was a text with Python's words for it."""
    rows = np.zeros(1, EXECUTION_REPORT_DTYPE)
    rows["exec_type"], rows["order_status"] = ExecType.ACCEPTED, OrderStatus.OPEN
    answer = Reports(rows, 1)[0]
    told = plain({"balances": [answer], "reservations": ()})
    assert told == {"balances": [plain(answer)], "reservations": []}
    names = ("exec_type", "order_status", "side", "order_id", "duplicate")
    assert {name: told["balances"][0][name] for name in names} == {
        "exec_type": "accepted", "order_status": "open", "side": None, "order_id": 0, "duplicate": False,
    }  # fmt: skip
