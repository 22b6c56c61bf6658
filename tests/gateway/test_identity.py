"""API keys in their store, on both databases; and the command that makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from exchange.bus.topics import TopicTable
from exchange.cli import main
from exchange.errors import ConfigError, SecurityError, SecurityFault
from exchange.security.key_records import KeyStatus
from exchange.security.sealing import Sealer
from exchange.security.signing import ED25519, new_ed25519
from exchange.services.identity.api_keys import ApiKeys, Wanted
from exchange.services.identity.replay import Keyring
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.tables import METADATA, MIGRATIONS
from exchange.storage.sql import Store, open_store
from tests.gateway.signed import signature

NOW = 1_800_000_000_000
ANN = Wanted(name="ann", tenant=7, scopes=("read", "trade"), accounts=(12, 11), addresses=("10.0.0.0/8",))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """With the tables of identity."""
    with open_store(store_url, "identity", MIGRATIONS) as made:
        yield made


@pytest.fixture
def keys(store: Store, tmp_path: Path) -> ApiKeys:
    """A store of keys, and a key that seals them."""
    (tmp_path / "keys").mkdir(mode=0o700)
    return ApiKeys(IdentityStore(store, Sealer(tmp_path / "keys"), TopicTable("dev"), lambda: NOW))


def test_tables_are_those_of_the_code(store: Store) -> None:
    """Columns, and whether they may be empty."""
    found = inspect(store.engine)
    for name, table in METADATA.tables.items():
        columns = {each["name"]: each["nullable"] for each in found.get_columns(name)}
        wanted = {each.name: bool(each.nullable) for each in table.columns if not each.primary_key}
        keys = {each.name for each in table.primary_key}
        if name == "revision":
            assert set(columns) == {each.name for each in table.columns}
        else:
            assert {each: empty for each, empty in columns.items() if each not in keys} == wanted, name


def test_key_through_its_life(keys: ApiKeys, store: Store) -> None:
    """Made, read back, rotated with both counting, revoked with its secret gone; each change counted."""
    key, secret = keys.create(ANN)
    assert keys.find(key.key_id) == key
    assert (key.accounts, key.verifier.hex()) == ((11, 12), secret)
    assert key.scopes == {"read", "trade"}
    with pytest.raises(SecurityError, match="is ann's already: rotate it, or revoke it first") as caught:
        keys.create(ANN)
    assert caught.value.fault is SecurityFault.KEY_EXISTS
    new, other = keys.rotate(key.key_id)
    assert (other != secret, new.scopes, new.accounts, new.addresses) == (
        True,
        key.scopes,
        key.accounts,
        key.addresses,
    )
    assert [each.status(NOW) for each in keys.all()] in (
        [KeyStatus.RETIRING, KeyStatus.LIVE],
        [KeyStatus.LIVE, KeyStatus.RETIRING],  # both are of one millisecond
    )
    with pytest.raises(SecurityError, match="KEY_EXISTS"):
        keys.rotate(key.key_id)
    keys.revoke(key.key_id, "rotated")
    gone = keys.find(key.key_id)
    assert (gone.status(NOW), gone.reason, gone.verifier) == (KeyStatus.REVOKED, "rotated", b"")
    for act in (keys.rotate, lambda each: keys.revoke(each, "again")):
        with pytest.raises(SecurityError, match="KEY_REVOKED"):
            act(key.key_id)
    with pytest.raises(SecurityError, match="UNKNOWN_KEY"):
        keys.find("gk-0")
    assert keys.revision == 3
    keys.note_used([new.key_id], NOW)
    assert (keys.find(new.key_id).used_ms, keys.revision) == (NOW, 3)
    with store.read() as tx:
        rows = str(tx.execute(text("SELECT * FROM api_keys")).all())
    assert bytes.fromhex(other) not in rows.encode("latin-1", "replace")


def test_key_of_ed25519_is_made_here_or_brought(keys: ApiKeys) -> None:
    """The private half is printed once, or was never here."""
    made, secret = keys.create(Wanted(name="made", tenant=1, scopes=("read",), algorithm=ED25519))
    headers = signature(ED25519, made.key_id, secret, "GET", "/", b"", at_ms=NOW)
    assert headers["x-api-signature"]
    private, public = new_ed25519()
    brought, nothing = keys.create(
        Wanted(name="brought", tenant=1, scopes=("read",), algorithm=ED25519, public=public)
    )
    assert (nothing, brought.verifier.hex(), private != public) == ("", public, True)
    assert not brought.is_signature(b"text", b"\0" * 64)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(name="", tenant=1, scopes=("read",)), "is no name"),
        (Wanted(name="a", tenant=0, scopes=("read",)), "tenant is 0"),
        (Wanted(name="a", tenant=1, scopes=()), "scopes are none"),
        (Wanted(name="a", tenant=1, scopes=("admin",)), "expected some of read, trade, transfer"),
        (Wanted(name="a", tenant=1, scopes=("read",), addresses=("here",)), "'here' does not appear"),
        (Wanted(name="a", tenant=1, scopes=("read",), algorithm="none"), "expected hmac-sha256 or ed25519"),
        (Wanted(name="a", tenant=1, scopes=("read",), public="00"), "an HMAC key has a secret alone"),
        (
            Wanted(name="a", tenant=1, scopes=("read",), algorithm=ED25519, public="00"),
            "expected the 32 bytes",
        ),
    ],
)
def test_key_that_can_be_none_is_refused(keys: ApiKeys, wanted: Wanted, said: str) -> None:
    """With what was expected; nothing is kept of it."""
    with pytest.raises(ConfigError, match=said):
        keys.create(wanted)
    assert keys.all() == []


def test_keys_sealed_by_another_key_are_refused_whole(keys: ApiKeys, store: Store, tmp_path: Path) -> None:
    """A store that was moved without its key tells so; secrets are not guessed."""
    keys.create(ANN)
    (tmp_path / "other").mkdir(mode=0o700)
    with pytest.raises(SecurityError, match="was sealed by another key"):
        ApiKeys(IdentityStore(store, Sealer(tmp_path / "other"), TopicTable("dev"))).all()


def test_keyring_has_changes_when_it_looks(keys: ApiKeys) -> None:
    """And asks for the keys only where they changed."""
    keyring = Keyring(keys)
    keyring.look()
    key, _ = keys.create(ANN)
    assert keyring.find(key.key_id) is None
    keyring.look()
    keyring.used(key.key_id)
    keyring.look()
    assert keyring.find(key.key_id) == key
    assert keys.find(key.key_id).used_ms is not None


def say(*words: str) -> str:
    """What a command prints."""
    with redirect_stdout(StringIO()) as printed:
        assert main(words) == 0
    return printed.getvalue()


def test_apikeys_command_makes_lists_and_ends_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Secrets are printed once, and each change is in the audit log, without any."""
    data = ["--data", str(tmp_path / "data")]
    assert main(["apikeys", "list", *data]) == 1  # to look makes nothing
    (tmp_path / "data" / "stores").mkdir(parents=True)
    assert say("apikeys", "list", *data) == "no keys\n"
    words = [
        "--tenant",
        "7",
        "--scope",
        "read",
        "--account",
        "11",
        "--address",
        "10.0.0.1",
        "--days",
        "3",
        "--json",
    ]
    made = json.loads(say("apikeys", "create", "ann", *words, *data))
    assert len(bytes.fromhex(made.pop("secret"))) == 32
    assert json.loads(say("apikeys", "show", made["key_id"], "--json", *data)) == made
    assert (made["scopes"], made["accounts"], made["addresses"]) == ("read", "11", "10.0.0.1/32")
    new = json.loads(say("apikeys", "rotate", made["key_id"], "--json", *data))
    say("apikeys", "revoke", made["key_id"], "--reason", "rotated", *data)
    assert [each["key_id"] for each in json.loads(say("apikeys", "list", "--json", *data))] == [new["key_id"]]
    assert new["key_id"] in say("apikeys", "list", *data)
    assert len(json.loads(say("apikeys", "list", "--all", "--json", *data))) == 2
    shown = json.loads(say("audit", "--show", "--json", *data))
    assert [(each["action"], each["outcome"]) for each in shown] == [
        (f"apikeys.{what}", outcome)
        for what in ("create", "rotate", "revoke")
        for outcome in ("requested", "done")
    ]
    assert new["secret"] not in json.dumps(shown)
    for wrong in (
        ["create"],
        ["create", "x"],
        ["revoke", new["key_id"]],
    ):
        assert main(["apikeys", *wrong, *data]) == 78, wrong
        assert "exchange: " in capsys.readouterr().err
