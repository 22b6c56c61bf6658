"""The store of keys: made, listed, rotated, revoked; secrets in private files or nowhere."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.bus.curve import KeyPair
from exchange.errors import AuthenticationError, SecurityError, SecurityFault
from exchange.security import (
    KeyKind,
    KeyRecord,
    KeyStatus,
    KeyStore,
    SecurityContext,
    SecurityContextSerializer,
)
from exchange.security.audit.heads import Position
from tests.clock import Clock

HOUR_MS = 3_600_000


def client(name: str, key_id: str, public: str = "") -> KeyRecord:
    """What is known of a client's key."""
    return KeyRecord(
        key_id=key_id,
        kind=KeyKind.CURVE,
        name=name,
        tenant="7",
        roles=("read", "trade"),
        accounts=(5,),
        public=public,
        created_ms=1,
    )


def test_store_is_private_and_has_no_secret_in_its_table(tmp_path: Path) -> None:
    """0700 and 0600; nothing of a secret in the table or in a repr."""
    store = KeyStore(tmp_path / "keys")
    context, audit = store.create_signing(KeyKind.CONTEXT), store.create_signing(KeyKind.AUDIT)
    pair = KeyPair.generate()
    pair.write(store.directory / "algo.key")
    curve = store.add(client("algo", "curve-1", pair.public))
    paths = [store.directory, *store.directory.rglob("*")]
    assert {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in paths} == {
        (True, 0o700),
        (False, 0o600),
    }
    table = (store.directory / "store.json").read_text()
    secrets = [pair.secret]
    secrets += [path.read_text().strip() for path in (store.directory / "secret").iterdir()]
    assert len(secrets) == 3
    for each in secrets:
        assert each not in table
        assert each not in repr(store.records()) + repr(store.head_signer()) + repr(store.context_keys())
    assert [record.key_id for record in store.records()] == [context.key_id, audit.key_id, "curve-1"]
    assert store.find("curve-1") == curve


def test_key_counts_beside_its_successor_until_it_is_revoked(tmp_path: Path) -> None:
    """Two at once, then one; a third only from the newest; one that expires counts until then."""
    clock = Clock(1_000_000_000_000)
    store = KeyStore(tmp_path / "keys", clock)
    old = store.add(client("algo", "curve-1"))
    with pytest.raises(SecurityError, match="8205 KEY_EXISTS"):
        store.add(client("algo", "curve-2"))
    new = store.replace("curve-1", client("algo", "curve-2"))
    assert [each.status(clock.now) for each in store.records()] == [KeyStatus.RETIRING, KeyStatus.LIVE]
    with pytest.raises(SecurityError, match="8205 KEY_EXISTS: curve-1 was replaced by curve-2 already"):
        store.replace(old.key_id, client("algo", "curve-3"))
    store.revoke(old.key_id, "left the desk")
    assert [each.counts(clock.now) for each in store.records()] == [False, True]
    with pytest.raises(SecurityError, match="8203 KEY_REVOKED"):
        store.revoke(old.key_id, "again")
    with pytest.raises(SecurityError, match="8203 KEY_REVOKED"):
        store.replace(old.key_id, client("algo", "curve-3"))
    assert store.find(old.key_id).reason == "left the desk"
    assert store.find(new.key_id) == new
    context = store.create_signing(KeyKind.CONTEXT, clock.now + HOUR_MS)
    assert store.context_keys().active == context.key_id
    clock.now += HOUR_MS
    assert store.find(context.key_id).status(clock.now) is KeyStatus.EXPIRED
    with pytest.raises(SecurityError, match="8201 UNKNOWN_KEY"):
        store.context_keys()


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
            store.add(replace(client("algo", "curve-1"), roles=(role,)))


def test_keys_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    """Who changes the store has it to itself."""
    store = KeyStore(tmp_path / "keys")
    names = [f"algo-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: store.add(client(name, f"curve-{name}")), names))
    assert sorted(each.key_id for each in store.records()) == sorted(each.key_id for each in made)
