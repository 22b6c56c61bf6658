"""The store of keys: made, listed, rotated, revoked; secrets in private files or nowhere."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.errors import AuthenticationError, SecurityError, SecurityFault
from exchange.security import KeyKind, KeyStatus, KeyStore, SecurityContext, SecurityContextSerializer
from exchange.security.audit.heads import Position
from tests.clock import Clock

HOUR_MS = 3_600_000


def test_store_is_private_and_has_no_secret_in_its_table(tmp_path: Path) -> None:
    """0700 and 0600; hashes only of API secrets; nothing of a secret in the table or in a repr."""
    store = KeyStore(tmp_path / "keys")
    context, audit = store.create_signing(KeyKind.CONTEXT), store.create_signing(KeyKind.AUDIT)
    api, secret = store.create_api("algo", tenant="7", roles=("trade", "read"), accounts=(5,))
    paths = [store.directory, *store.directory.rglob("*")]
    assert {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in paths} == {
        (True, 0o700),
        (False, 0o600),
    }
    table = (store.directory / "store.json").read_text()
    secrets = [secret.partition(".")[2]]
    secrets += [path.read_text().strip() for path in (store.directory / "secret").iterdir()]
    assert len(secrets) == 3
    for each in secrets:
        assert each not in table
        assert each not in repr(store.records()) + repr(store.head_signer()) + repr(store.context_keys())
    assert [record.key_id for record in store.records()] == [context.key_id, audit.key_id, api.key_id]
    assert (api.roles, api.accounts, api.tenant) == (("read", "trade"), (5,), "7")


def test_api_key_is_known_by_its_secret_alone(tmp_path: Path) -> None:
    """Any other text is refused with one message; used keys know when."""
    clock = Clock(1_000_000_000_000)
    store = KeyStore(tmp_path / "keys", clock)
    record, secret = store.create_api("algo", tenant="7", roles=("read",), expires_ms=clock.now + HOUR_MS)
    other, _ = store.create_api("other", tenant="8", roles=("read",))
    assert store.used_ms(record.key_id) is None
    assert store.verify_api(secret) == record
    assert store.used_ms(record.key_id) == clock.now
    wrong = [
        secret[:-3] + "AA=",
        f"{other.key_id}.{secret.partition('.')[2]}",
        record.key_id,
        "",
        "x.y",
        "é.é",
    ]
    for text in wrong:
        with pytest.raises(AuthenticationError) as refused:
            store.verify_api(text)
        assert str(refused.value) == "8202 WRONG_SECRET: the API key is not known"
    clock.now += HOUR_MS
    with pytest.raises(AuthenticationError) as refused:
        store.verify_api(secret)
    assert refused.value.fault is SecurityFault.KEY_EXPIRED


def test_rotated_api_key_counts_beside_its_successor_until_it_is_revoked(tmp_path: Path) -> None:
    """Two at once, then one; a third only from the newest."""
    store = KeyStore(tmp_path / "keys")
    old, first = store.create_api("algo", tenant="7", roles=("read",))
    with pytest.raises(SecurityError, match="8205 KEY_EXISTS"):
        store.create_api("algo", tenant="7", roles=("read",))
    new, second = store.rotate_api(old.key_id)
    assert [store.verify_api(text).key_id for text in (first, second)] == [old.key_id, new.key_id]
    assert [each.status(0) for each in store.records()] == [KeyStatus.RETIRING, KeyStatus.LIVE]
    with pytest.raises(SecurityError, match=f"8205 KEY_EXISTS: {old.key_id} was replaced by {new.key_id}"):
        store.rotate_api(old.key_id)
    store.revoke(old.key_id, "left the desk")
    with pytest.raises(AuthenticationError, match="8203 KEY_REVOKED"):
        store.verify_api(first)
    assert store.verify_api(second).name == "algo"
    with pytest.raises(SecurityError, match="8203 KEY_REVOKED"):
        store.revoke(old.key_id, "again")
    assert store.find(old.key_id).reason == "left the desk"


def test_rotated_context_key_reads_what_the_old_one_signed(tmp_path: Path) -> None:
    """The newest writes, both are read; after the revocation only the newest."""
    store = KeyStore(tmp_path / "keys")
    with pytest.raises(SecurityError, match="8201 UNKNOWN_KEY"):
        store.context_keys()
    old = store.create_signing(KeyKind.CONTEXT)
    context = SecurityContext("7", "olivia", frozenset({"trade"}), frozenset({"trade"}), "jwt", 0, HOUR_MS)
    header = SecurityContextSerializer(store.context_keys()).encode(context)
    new = store.rotate_signing(old.key_id)
    assert store.context_keys().active == new.key_id
    assert SecurityContextSerializer(store.context_keys()).decode(header, 1) == context
    store.revoke(old.key_id, "rotated")
    with pytest.raises(AuthenticationError) as refused:
        SecurityContextSerializer(store.context_keys()).decode(header, 1)
    assert refused.value.fault is SecurityFault.CONTEXT_KEY
    assert not (store.directory / "secret" / f"{old.key_id}.key").exists()


def test_key_of_the_audit_log_is_made_when_it_is_needed_and_rotated(tmp_path: Path) -> None:
    """What the old one signed stays true; a foreign head does not."""
    store = KeyStore(tmp_path / "keys")
    first = store.head_signer()
    assert store.head_signer() == first
    head = first.sign("core", 3, "0" * 64, Position(), 5)
    new = store.rotate_signing(first.key_id)
    assert store.head_signer().key_id == new.key_id
    assert store.audit_keys().fault_of(head) is None
    forged = replace(head, seq=4)
    assert store.audit_keys().fault_of(forged) == f"is not what {first.key_id} has signed"


def test_stores_that_are_none_are_refused(tmp_path: Path) -> None:
    """Other JSON, another version, a file that others may read, a role that is none."""
    store = KeyStore(tmp_path / "keys")
    path = store.directory / "store.json"
    for content in ("{", "[]", '{"version": 2, "keys": []}', '{"version": 1, "keys": [{"kind": "x"}]}'):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(SecurityError, match="8206 BAD_KEY_STORE"):
            store.records()
    path.write_text(json.dumps({"version": 1, "keys": []}))
    assert store.records() == []
    path.chmod(0o644)
    with pytest.raises(SecurityError, match="is open to others"):
        store.records()
    for role in ("king", "service"):
        with pytest.raises(SecurityError, match="8103 UNKNOWN_ROLE"):
            store.create_api("algo", tenant="7", roles=(role,))


def test_keys_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Who changes the store has it to itself."""
    store = KeyStore(tmp_path / "keys")
    names = [f"algo-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: store.create_api(name, tenant="7", roles=("read",))[0], names))
    assert sorted(each.key_id for each in store.records()) == sorted(each.key_id for each in made)
