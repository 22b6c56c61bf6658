"""Secrets that would be known again appear in no repr, no message, no log line and no record."""

from __future__ import annotations

import io
import traceback
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from exchange.bus.curve import KeyPair, Keyring
from exchange.cli import main
from exchange.config import load
from exchange.errors import AuthenticationError, ExchangeError, SecurityError
from exchange.runtime import log as logs
from exchange.security import ContextKeys, KeyKind, KeyStore, SecurityContextSerializer

CANARY = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4"


def test_keys_are_not_in_their_repr(tmp_path: Path) -> None:
    """Of pairs, context keys, signers, records."""
    pair = KeyPair.generate()
    store = KeyStore(tmp_path / "keys")
    store.create_signing(KeyKind.CONTEXT)
    signer = store.head_signer()
    shown = repr([pair, ContextKeys("a", {"a": CANARY.encode()}), signer, store.context_keys(), store])
    shown += f"{pair} {signer} {store.records()}"
    for hidden in (pair.secret, CANARY, signer.secret.hex(), repr(signer.secret)):
        assert hidden not in shown


def test_url_of_a_store_is_shown_without_its_password(tmp_path: Path) -> None:
    """In the repr of the settings and of their section; `url` itself has it."""
    settings = load(environment={}, stores={"url": f"postgresql://ann:{CANARY}@db:5432/exchange"})
    assert CANARY in settings.stores.url
    for shown in (repr(settings), str(settings), repr(settings.stores), f"{settings.stores!s}"):
        assert CANARY not in shown
    sections = [getattr(settings, field.name) for field in fields(settings)]
    assert CANARY not in "".join(repr(each) for each in sections if is_dataclass(each))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no TOML", f'secret_key = "{CANARY}'),
        ("no pair", f'public_key = "x"\nsecret_key = "{CANARY}"\n'),
        ("of another", f'public_key = "{"a" * 40}"\nsecret_key = "{(CANARY * 2)[:40]}"\n'),
    ],
)
def test_file_of_keys_that_is_refused_is_not_quoted(tmp_path: Path, name: str, content: str) -> None:
    """Neither in the message nor in the causes behind it, nor as the log writes them."""
    path = tmp_path / "a.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SecurityError) as refused:
        KeyPair.read(path)
    out = io.StringIO()
    logs.configure("test", out)
    logs.log("refused", reason=refused.value, error=refused.value)
    trace = "".join(traceback.format_exception(refused.value, chain=True))
    assert CANARY not in out.getvalue() + trace + str(refused.value), name


def test_credential_that_is_refused_is_not_in_the_refusal(tmp_path: Path) -> None:
    """Of a security context; of API keys see `tests/gateway`."""
    store = KeyStore(tmp_path / "keys")
    store.create_signing(KeyKind.CONTEXT)
    serializer = SecurityContextSerializer(store.context_keys())
    with pytest.raises(AuthenticationError) as refused:
        serializer.decode(CANARY, 0)
    trace = "".join(traceback.format_exception(refused.value, chain=True))
    assert CANARY not in str(refused.value) + repr(refused.value) + trace


def test_commands_of_keys_record_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All secrets that were made are in no record and on no terminal."""
    words = ["--data", str(tmp_path)]
    for made in (
        ("create", "server"),
        ("create", "client", "bot", "--tenant", "7", "--role", "trade"),
        ("create", "context"),
        ("create", "service", "shard-1"),
    ):
        assert main(["keys", *made, *words]) == 0
    keys = tmp_path / "keys"
    assert [p.name for _, p in Keyring.read(keys / "clients").items()] == ["bot", "shard-1"]
    for what in (("list",), ("list", "--json")):
        assert main(["keys", *what, *words]) == 0
    for record in KeyStore(keys).records():
        assert main(["keys", "show", record.key_id, *words]) == 0
        assert main(["keys", "export", record.key_id, *words]) == 0
    out = capsys.readouterr().out
    assert main(["keys", "create", "client", "bot", "--tenant", "7", *words]) == 78
    out += "".join(capsys.readouterr())
    secrets = [path.read_text().strip() for path in (keys / "secret").iterdir()]
    secrets += [KeyPair.read(path).secret for path in keys.glob("*.key")]
    assert len(secrets) == 5
    records = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*.audit")).decode()
    assert "keys.create" in records
    for each in secrets:
        assert each not in out + records


def test_every_error_of_ours_keeps_its_text_to_itself() -> None:
    """An error has a sentence, and no attribute that holds what was refused."""
    for error in (SecurityError("a"), AuthenticationError("b"), ExchangeError("c")):
        assert set(vars(error)) <= {"message", "fault"}
