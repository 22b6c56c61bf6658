"""`exchange users` and `exchange identity`: what they change, print, record, and refuse."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from exchange.cli import main

PASSWORD = "a long enough pass 7!"  # noqa: S105 (of a test)


class World:
    """A data directory, and what is typed."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = data
        self._monkeypatch = monkeypatch

    def run(self, *words: str, typed: str = "") -> tuple[int, str]:
        """The exit code of a command, and what it prints."""
        self._monkeypatch.setattr("sys.stdin", StringIO(typed))
        with redirect_stdout(StringIO()) as printed:
            code = main([*words, "--data", str(self.data)])
        return code, printed.getvalue()

    def say(self, *words: str, typed: str = "") -> str:
        """Of one that goes well."""
        code, printed = self.run(*words, typed=typed)
        assert code == 0, printed
        return printed


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Of an exchange that keeps nothing yet."""
    (tmp_path / "data" / "stores").mkdir(parents=True)
    return World(tmp_path / "data", monkeypatch)


def test_users_are_made_shown_changed_and_disabled(world: World) -> None:
    """Each change is in the audit log, without any password."""
    assert world.say("users", "list") == "no users\n"
    words = ["--tenant", "7", "--role", "trader", "--role", "viewer", "--account", "12", "--account", "11"]
    made = json.loads(world.say("users", "create", "Ann", *words, "--json", typed=PASSWORD + "\n"))
    assert made | {"user_id": "", "created": ""} == {
        "user_id": "", "name": "ann", "tenant": 7, "roles": "trader,viewer", "accounts": "11,12",
        "status": "live", "created": "", "disabled": "", "reason": "",
    }  # fmt: skip
    world.say("users", "create", "bob", "--tenant", "8", "--role", "viewer", typed=PASSWORD)
    assert json.loads(world.say("users", "show", "ANN", "--json")) == made
    assert "roles     trader,viewer" in world.say("users", "show", "ann")
    assert [each["name"] for each in json.loads(world.say("users", "list", "--json"))] == ["ann", "bob"]
    assert [each["name"] for each in json.loads(world.say("users", "list", "--tenant", "8", "--json"))] == [
        "bob"
    ]
    assert "all sessions of it have ended" in world.say("users", "password", "ann", typed="other" + PASSWORD)
    assert world.say("users", "roles", "ann", "--role", "operator") == "ann is operator\n"
    assert json.loads(world.say("users", "show", "ann", "--json"))["accounts"] == "11,12"
    world.say("users", "roles", "ann", "--role", "admin", "--account", "13")
    assert json.loads(world.say("users", "show", "ann", "--json"))["accounts"] == "13"
    gone = json.loads(world.say("users", "disable", "ann", "--reason", "left", "--json"))
    assert (gone["status"], gone["reason"]) == ("disabled", "left")
    shown = world.say("audit", "--show", "--json")
    assert [(each["action"], each["target"]) for each in json.loads(shown) if each["outcome"] == "done"] == [
        ("users.create", "Ann"),
        ("users.create", "bob"),
        ("users.password", "ann"),
        ("users.roles", "ann"),
        ("users.roles", "ann"),
        ("users.disable", "ann"),
    ]
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["create"], PASSWORD, "takes one NAME"),
        (["create", "ann", "--role", "viewer"], PASSWORD, "takes the number of a --tenant"),
        (["create", "ann", "--tenant", "1"], PASSWORD, "takes a --role"),
        (["create", "a b", "--tenant", "1", "--role", "viewer"], PASSWORD, "is no name"),
        (["create", "ann", "--tenant", "1", "--role", "viewer"], "", "no password on standard input"),
        (["create", "ann", "--tenant", "1", "--role", "viewer"], "short", "has 12 to 128 characters"),
        (["roles", "ann"], "", "takes a --role"),
        (["show", "ann"], "", "there is no user ann"),
        (["password", "ann"], PASSWORD, "there is no user ann"),
        (["disable", "ann"], "", "takes a --reason"),
        (["disable", "ann", "--reason", "x"], "", "there is no user ann"),
    ],
)
def test_command_that_can_be_none_is_refused(
    world: World, capsys: pytest.CaptureFixture[str], words: list[str], typed: str, said: str
) -> None:
    """In one sentence; there is nobody afterwards."""
    code, _ = world.run("users", *words, typed=typed)
    assert code != 0
    assert said in capsys.readouterr().err
    assert world.say("users", "list") == "no users\n"


def test_signing_keys_are_rotated(world: World) -> None:
    """Two count, the newest signs; that it was done is recorded."""
    (first,) = json.loads(world.say("identity", "signing", "--json"))
    assert first["signs"]
    rotated = json.loads(world.say("identity", "rotate-signing", "--json", "--reason", "yearly"))
    assert [(each["kid"] == first["kid"], each["signs"]) for each in rotated] == [
        (False, True),
        (True, False),
    ]
    world.say("identity", "rotate-signing")
    assert first["kid"] not in world.say("identity", "signing")
    shown = json.loads(world.say("audit", "--show", "--json"))
    assert [each["action"] for each in shown if each["outcome"] == "done"] == ["identity.rotate"] * 2
