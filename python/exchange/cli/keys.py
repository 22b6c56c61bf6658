"""`exchange keys`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cmatch.cli.words import DAYS_MAX, decimal, place, whole
from exchange.bus.curve import KeyPair, Principal, let_in
from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.config import Settings
from exchange.errors import ConfigError, SecurityError
from exchange.runtime.auditing import key_store
from exchange.security.key_records import KeyKind, KeyRecord, new_key_id
from exchange.security.keys import KeyStore
from exchange.security.roles import LOCAL_ROLE, ROLES, SERVICE_ACCOUNTS, check_roles, service_of

DESCRIPTION = """The keys of an exchange: who may come in, and what signs.

  create server           the CURVE keys of the exchange itself, for TCP
  create client NAME      CURVE keys of a client, which let it in: --tenant, --role, --account
  create service NAME     CURVE keys of a process of ours, with the roles it needs: shard-1, accounts, risk,
                          standby
  create context          what signs security contexts
  create audit            what signs heads of the audit log (made by itself when it is first needed)
  list                    those that count; --all: the others, too
  show KEY                what is known of one
  rotate KEY              a new one in its place; both count until the old one is revoked
  revoke KEY              it counts no more; takes a --reason
  export KEY              its public half and what is known of it, as JSON, for who has to check

Secret halves are written to files that you alone can read, and are never printed.
Every command that changes something is recorded in the audit log before it does.
Keys by which programs sign requests over HTTP are others: `exchange apikeys`."""

SERVER: Final = "server"
_KINDS: Final = ("server", "client", "service", "context", "audit")
_MS: Final = 1_000
_ROLES: Final = ", ".join(role for role in ROLES if role != LOCAL_ROLE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, its words and the options."""
    parser.add_argument("what", choices=list(_WHATS), metavar="WHAT", help=", ".join(_WHATS))
    parser.add_argument("words", nargs="*", metavar="KIND NAME | KEY", help="as above")
    add_settings(parser)
    parser.add_argument(
        "--keys", type=place, metavar="DIR", help="where keys lie (default: DATA/keys, or as configured)"
    )
    parser.add_argument("--tenant", metavar="N", help="client: the tenant that it speaks for")
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="ROLE",
        help=f"client: what it may do, of {_ROLES}; repeatable",
    )
    parser.add_argument(
        "--account", action="append", type=whole(), default=[], metavar="N", help="those alone; repeatable"
    )
    parser.add_argument(
        "--days",
        type=decimal(0, DAYS_MAX, above=True),
        metavar="N",
        help="context: it expires after so many days (default: never)",
    )
    parser.add_argument("--reason", metavar="TEXT", help="with revoke: why")
    parser.add_argument("--user", metavar="NAME", help="who, for the records (default: who is logged on)")
    parser.add_argument("--all", action="store_true", help="with list: revoked and expired ones, too")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0."""
    settings = settings_of(options)
    if options.keys is not None:
        settings = settings_of(options, security={"keys_directory": options.keys})
    if options.what in ("list", "show", "export"):
        check_made(settings)
    return _WHATS[options.what](options, settings, key_store(settings))


def _create(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    kind, name = _kind_and_name(options)
    recorded = audited(
        settings, "keys.create", f"{kind} {name}".strip(), user=options.user, begins=True, **_said(options)
    )
    with recorded:
        if kind in ("context", "audit"):
            expires_ms = _expires(options, store) if kind == "context" else None
            record = store.create_signing(KeyKind(kind), expires_ms)
        else:
            record = _create_curve(options, store, kind, name)
    return _made(options, store, record)


def _create_curve(options: argparse.Namespace, store: KeyStore, kind: str, name: str) -> KeyRecord:
    if kind == "service":
        account = service_of(name)
        if account is None:
            raise ConfigError(f"{name!r} is no service account: expected {', '.join(SERVICE_ACCOUNTS)}")
        tenant, roles = "0", SERVICE_ACCOUNTS[account]
    else:
        tenant, roles = ("" if kind == SERVER else _tenant(options)), frozenset(options.role)
        check_roles(roles, tenant)
    pair = KeyPair.generate()
    record = KeyRecord(
        key_id=new_key_id(KeyKind.CURVE),
        kind=KeyKind.CURVE,
        name=name,
        tenant=tenant,
        roles=tuple(sorted(roles)),
        accounts=tuple(options.account),
        public=pair.public,
        created_ms=store.now_ms(),
    )
    path = store.directory / f"{name}.key"
    pair.write(path)
    try:
        store.add(record)
    except SecurityError:
        path.unlink()
        raise
    _let_in(store, name)
    return record


def _rotate(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    old = store.find(_key(options))
    with audited(settings, "keys.rotate", old.key_id, user=options.user, name=old.name):
        record = _rotate_curve(store, old) if old.kind is KeyKind.CURVE else store.rotate_signing(old.key_id)
    return _made(options, store, record)


def _rotate_curve(store: KeyStore, old: KeyRecord) -> KeyRecord:
    pair = KeyPair.generate()
    record = KeyRecord(
        key_id=new_key_id(KeyKind.CURVE),
        kind=KeyKind.CURVE,
        name=old.name,
        tenant=old.tenant,
        roles=old.roles,
        accounts=old.accounts,
        public=pair.public,
        created_ms=store.now_ms(),
    )
    store.replace(old.key_id, record)
    (store.directory / f"{old.name}.key").unlink(missing_ok=True)
    pair.write(store.directory / f"{old.name}.key")
    _let_in(store, old.name)
    return record


def _revoke(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    key_id = _key(options)
    if not options.reason:
        raise ConfigError("exchange keys revoke takes a --reason")
    with audited(settings, "keys.revoke", key_id, user=options.user, reason=options.reason):
        record = store.revoke(key_id, options.reason)
        if record.kind is KeyKind.CURVE:
            _let_in(store, record.name)
    print(json.dumps(_row(store, record), indent=2) if options.json else f"{key_id} counts no more")
    return 0


def _let_in(store: KeyStore, name: str) -> None:
    """Writes who comes in as a client: by all of its keys that count, the newest first."""
    if name == SERVER:
        return
    now_ms = store.now_ms()
    records = [each for each in store.records() if (each.kind, each.name) == (KeyKind.CURVE, name)]
    counting = [each for each in reversed(records) if each.counts(now_ms)]
    newest = counting[0] if counting else records[-1]
    principal = Principal(name, newest.tenant or None, frozenset(newest.roles), frozenset(newest.accounts))
    let_in(store.directory, principal, [each.public for each in counting])


def _list(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    now_ms = store.now_ms()
    found = [each for each in store.records() if options.all or each.counts(now_ms)]
    if options.json:
        print(json.dumps([_row(store, each) for each in found], indent=2))
        return 0
    if not found:
        print("no keys")
        return 0
    head = ("key", "kind", "name", "tenant", "roles", "status", "created", "expires")
    rows = [_row(store, each) for each in found]
    names = ("key_id", "kind", "name", "tenant", "roles", "status", "created", "expires")
    print(table(head, [tuple(str(row[name] or "-") for name in names) for row in rows], left=len(head)))
    return 0


def _show(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    row = _row(store, store.find(_key(options)))
    if options.json:
        print(json.dumps(row, indent=2))
        return 0
    for name, value in row.items():
        print(f"{name.replace('_', ' '):<13} {value or '-'}")
    return 0


def _export(options: argparse.Namespace, settings: Settings, store: KeyStore) -> int:
    record = store.find(_key(options))
    public = record.public if record.kind in (KeyKind.CURVE, KeyKind.AUDIT) else ""
    print(json.dumps(_row(store, record) | {"public": public}, indent=2))
    return 0


def _made(options: argparse.Namespace, store: KeyStore, record: KeyRecord) -> int:
    if options.json:
        print(json.dumps(_row(store, record), indent=2))
        return 0
    print(f"{record.key_id} is made")
    if record.kind is KeyKind.CURVE and record.name == SERVER:
        print(f"public key of the exchange: {record.public}")
        print("clients are let in by `exchange keys create client NAME`")
    elif record.kind is KeyKind.CURVE:
        print(f"{store.directory / record.name}.key is for {record.name}")
    return 0


def _row(store: KeyStore, record: KeyRecord) -> dict[str, Any]:
    """What may be told of a key: no secret."""
    return {
        "key_id": record.key_id,
        "kind": str(record.kind),
        "name": record.name,
        "tenant": record.tenant,
        "roles": ",".join(record.roles),
        "accounts": ",".join(str(each) for each in record.accounts),
        "status": str(record.status(store.now_ms())),
        "created": _when(record.created_ms),
        "expires": _when(record.expires_ms),
        "replaced_by": record.replaced_by,
        "revoked": _when(record.revoked_ms),
        "reason": record.reason,
    }


def _kind_and_name(options: argparse.Namespace) -> tuple[str, str]:
    kind, *rest = options.words or [""]
    if kind not in _KINDS:
        raise ConfigError(f"exchange keys create takes {', '.join(_KINDS)}, not {kind!r}")
    named = kind in ("client", "service")
    if len(rest) != int(named):
        raise ConfigError(f"exchange keys create {kind} takes {'one NAME' if named else 'no NAME'}")
    name = rest[0] if named else (SERVER if kind == SERVER else "")
    if named and not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise ConfigError(f"{name!r} is no name: expected letters, digits, - and _")
    if kind == "client" and name == SERVER:
        raise ConfigError("`server` is the exchange's own")
    return kind, name


def _key(options: argparse.Namespace) -> str:
    if len(options.words) != 1:
        raise ConfigError(f"exchange keys {options.what} takes one KEY")
    key: str = options.words[0]
    return key


def _tenant(options: argparse.Namespace) -> str:
    tenant: str | None = options.tenant
    if tenant is None or not (tenant.isascii() and tenant.isdecimal() and int(tenant) < 2**32):
        raise ConfigError("--tenant takes the number of the tenant, 0 for an operator's")
    return tenant


def _expires(options: argparse.Namespace, store: KeyStore) -> int | None:
    if options.days is None:
        return None
    return store.now_ms() + int(timedelta(days=options.days).total_seconds() * _MS)


def _said(options: argparse.Namespace) -> dict[str, str | int]:
    said: dict[str, str | int] = {}
    if options.tenant is not None:
        said["tenant"] = options.tenant
    if options.role:
        said["roles"] = ",".join(sorted(options.role))
    return said


def _when(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / _MS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_WHATS: Final[dict[str, Callable[[argparse.Namespace, Settings, KeyStore], int]]] = {
    "create": _create,
    "list": _list,
    "show": _show,
    "rotate": _rotate,
    "revoke": _revoke,
    "export": _export,
}
