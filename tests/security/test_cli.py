"""`exchange keys` and `exchange audit` on the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from exchange.bus.curve import KeyPair, Keyring
from exchange.cli import main
from exchange.security.audit.files import list_segments


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of one command."""
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command says as data."""
    code, out, err = say(capsys, *words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_keys_let_a_client_in_and_secrets_are_private(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Made once, with tenant, roles and accounts; nothing is replaced."""
    data, keys = ("--data", str(tmp_path)), tmp_path / "keys"
    code, out, _ = say(capsys, "keys", "create", "server", *data)
    server = KeyPair.read(keys / "server.key")
    assert (code, server.public in out, server.secret in out) == (0, True, False)
    made = ("keys", "create", "client", "bot", "--tenant", "7", "--role", "trade", "--account", "5", *data)
    code, out, _ = say(capsys, *made)
    client = KeyPair.read(keys / "bot.key")
    assert (code, client.secret in out) == (0, False)
    principal = Keyring.read(keys / "clients").find(client.public)
    assert principal is not None
    assert (principal.name, principal.tenant) == ("bot", "7")
    assert (sorted(principal.roles), sorted(principal.accounts)) == (["trade"], [5])
    assert stat.S_IMODE((keys / "bot.key").stat().st_mode) == 0o600
    again, _, err = say(capsys, *made)
    assert (again, err.count("\n")) == (78, 1)
    assert KeyPair.read(keys / "bot.key") == client
    for wrong, complaint in (
        (
            ("client", "x", "--tenant", "7", "--role", "admin"),
            "8101 NOT_PERMITTED: the role admin is an oper",
        ),
        (("client", "x", "--tenant", "7", "--role", "king"), "8103 UNKNOWN_ROLE: there is no role 'king'"),
        (("client", "x", "--tenant", "acme"), "--tenant takes the number of the tenant"),
        (("client", "a/b", "--tenant", "7"), "'a/b' is no name"),
        (("service", "gate"), "'gate' is no service account: expected shard, accounts, risk, standby"),
        (("api", "x", "--tenant", "7"), "takes server, client, service, context, audit, not 'api'"),
    ):
        code, _, err = say(capsys, "keys", "create", *wrong, *data)
        assert (code, complaint in err) == (78, True), err


def test_client_comes_in_by_two_keys_until_the_old_one_is_revoked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rotated: the new one in NAME.key, the old one still known; revoked: gone; both revoked: nobody."""
    data, clients = ("--data", str(tmp_path)), tmp_path / "keys" / "clients"
    first = ask(capsys, "keys", "create", "service", "shard-1", *data)["key_id"]
    old = KeyPair.read(tmp_path / "keys" / "shard-1.key")
    second = ask(capsys, "keys", "rotate", first, *data)["key_id"]
    new = KeyPair.read(tmp_path / "keys" / "shard-1.key")
    assert [key for key, _ in Keyring.read(clients).items()] == [new.public, old.public]
    row = ask(capsys, "keys", "show", first, *data)
    assert (row["status"], row["replaced_by"], row["roles"]) == ("retiring", second, "shard")
    ask(capsys, "keys", "revoke", first, "--reason", "rotated", *data)
    assert [key for key, _ in Keyring.read(clients).items()] == [new.public]
    ask(capsys, "keys", "revoke", second, "--reason", "the machine is gone", *data)
    assert len(Keyring.read(clients)) == 0
    everything = ask(capsys, "keys", "list", "--all", *data)
    revoked = {row["key_id"]: row["reason"] for row in everything if row["status"] == "revoked"}
    assert revoked == {first: "rotated", second: "the machine is gone"}
    assert ask(capsys, "keys", "export", second, *data)["public"] == new.public


def test_what_was_done_to_keys_is_shown_and_a_changed_record_is_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By who, action, time; the check says file, line and record, and exits with 1."""
    data = ("--data", str(tmp_path))
    say(capsys, "keys", "create", "context", "--user", "olivia", *data)
    say(capsys, "keys", "create", "client", "algo", "--tenant", "7", "--user", "ann", *data)
    say(capsys, "keys", "revoke", "curve-0", "--reason", "leaked", "--user", "ann", *data)
    done = ask(capsys, "audit", "--show", "--who", "ann", *data)
    assert [(each["action"], each["outcome"]) for each in done] == [
        ("keys.create", "requested"),
        ("keys.create", "done"),
        ("keys.revoke", "requested"),
        ("keys.revoke", "refused"),
    ]
    assert done[-1]["details"]["reason"] == "8201 UNKNOWN_KEY: there is no key curve-0"
    shown = ask(capsys, "audit", "--show", "--action", "keys.revoke", "--outcome", "refused", *data)
    assert shown == done[-1:]
    assert ask(capsys, "audit", "--show", "--until", "2020-01-01", *data) == []
    assert len(ask(capsys, "audit", "--show", "--since", "2020-01-01", *data)) == 6
    code, out, _ = say(capsys, "audit", "--log", *data)
    assert (code, out.splitlines()[-1]) == (0, "ok")
    heads = tmp_path / "heads"
    heads.write_text(say(capsys, "audit", "--heads", *data)[1])
    [file] = list_segments(tmp_path / "audit" / "operator")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"olivia", b"oliver", 1))
    code, out, _ = say(capsys, "audit", "--log", *data)
    assert code == 1
    assert f"operator: changed: {file}:1: the line is not what its hash says" in out
    code, _, err = say(capsys, "keys", "create", "audit", *data)
    assert (code, "8301 AUDIT_DAMAGED" in err) == (78, True)
    file.write_bytes(content[: content.index(b"\n") + 1])
    (file.parent / "heads").unlink()
    assert say(capsys, "audit", "--log", *data)[0] == 0
    code, out, _ = say(capsys, "audit", "--log", "--against", str(heads), *data)
    assert (code, "record 6 was signed, and the chain ends with record 1" in out) == (1, True)


def test_log_is_exported_with_a_record_of_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing is full yet: the answer says so, and the archive is checked like the log."""
    data = ("--data", str(tmp_path))
    say(capsys, "keys", "create", "context", *data)
    code, out, _ = say(capsys, "audit", "--export", str(tmp_path / "archive"), *data)
    assert (code, out) == (0, "operator: nothing is full\n")
    last = ask(capsys, "audit", "--show", *data)[-1]
    assert (last["action"], last["target"], last["outcome"]) == (
        "audit.export",
        str(tmp_path / "archive"),
        "done",
    )


def test_command_for_an_exchange_elsewhere_leaves_nothing_here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without a data directory nothing is made for the record of a command that cannot do anything."""
    gone = tmp_path / "gone"
    code, _, err = say(capsys, "solo", "--data", str(gone))
    assert (code, "no exchange runs on" in err) == (1, True)
    assert not gone.exists()


def test_solo_that_was_refused_is_recorded(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Requested and refused, with the reason."""
    assert say(capsys, "solo", "--user", "ann", "--data", str(tmp_path))[0] == 1
    done = ask(capsys, "audit", "--show", "--data", str(tmp_path))
    assert [(each["action"], each["target"], each["outcome"], each["user"]) for each in done] == [
        ("replication.solo", "on", "requested", "ann"),
        ("replication.solo", "on", "refused", "ann"),
    ]
