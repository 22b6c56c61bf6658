"""`exchange apikeys`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from cmatch.cli.words import DAYS_MAX, UINT32_MAX, decimal, whole
from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.cli.identity_store import identity_store
from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.security.api_keys import SCOPES, ApiKey
from exchange.security.key_records import KeyStatus
from exchange.security.signing import ALGORITHMS, HMAC_SHA256

if TYPE_CHECKING:
    from exchange.services.identity.api_keys import ApiKeys

DESCRIPTION = """The keys by which programs come in at the gateway, over HTTP.

  create NAME      a new one: --tenant, --scope, --account, --address, --days; its secret is printed once
  list             those that count; --all: the others, too
  show KEY         what is known of one
  rotate KEY       a new one in its place; both count until the old one is revoked
  revoke KEY       it counts no more, within a second or two; takes a --reason

Scopes: read (accounts, orders), trade (orders, cancels), transfer (money between the tenant's accounts).
A key of one --account need not name it in requests; one without may use all of its tenant's.
Keys lie in the store of the service identity, secrets sealed. Every command that changes something is
recorded in the audit log before it does."""

_MS: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, its words and the options."""
    parser.add_argument("what", choices=list(_WHATS), metavar="WHAT", help=", ".join(_WHATS))
    parser.add_argument("word", nargs="?", metavar="NAME | KEY", help="as above")
    add_settings(parser)
    parser.add_argument(
        "--tenant", type=whole(0, UINT32_MAX), metavar="N", help="with create: the tenant that it speaks for"
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help=f"with create: what it may do, of {', '.join(SCOPES)}; repeatable",
    )
    parser.add_argument(
        "--account", action="append", type=whole(), default=[], metavar="N", help="those alone; repeatable"
    )
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="NETWORK",
        help="from there alone, as in 192.0.2.7 or 10.0.0.0/8; repeatable",
    )
    parser.add_argument(
        "--days",
        type=decimal(0, DAYS_MAX, above=True),
        metavar="N",
        help="with create: it expires after so many days (default: never)",
    )
    parser.add_argument(
        "--algorithm",
        choices=ALGORITHMS,
        default=HMAC_SHA256,
        help="with create: how it signs (default: %(default)s)",
    )
    parser.add_argument(
        "--public-key",
        default="",
        metavar="HEX",
        help="of an ed25519 key that its owner made; none: made here",
    )
    parser.add_argument("--reason", metavar="TEXT", help="with revoke: why")
    parser.add_argument("--user", metavar="NAME", help="who, for the records (default: who is logged on)")
    parser.add_argument("--all", action="store_true", help="with list: revoked and expired ones, too")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0."""
    settings = settings_of(options)
    if options.what in ("list", "show"):
        check_made(settings)
    return _WHATS[options.what](options, settings)


@contextmanager
def _keys(settings: Settings) -> Iterator[ApiKeys]:
    with identity_store(settings) as store:
        yield import_module("exchange.services.identity.api_keys").ApiKeys(store)


def _create(options: argparse.Namespace, settings: Settings) -> int:
    wanted = import_module("exchange.services.identity.api_keys").Wanted
    name = _word(options, "NAME")
    if options.tenant is None:
        raise ConfigError("exchange apikeys create takes the number of a --tenant")
    said = {"tenant": options.tenant, "scopes": ",".join(sorted(options.scope))}
    with (
        audited(settings, "apikeys.create", name, user=options.user, begins=True, **said),
        _keys(settings) as keys,
    ):
        key, secret = keys.create(
            wanted(
                name=name,
                tenant=options.tenant,
                scopes=tuple(options.scope),
                algorithm=options.algorithm,
                public=options.public_key,
                accounts=tuple(options.account),
                addresses=tuple(options.address),
                expires_ms=_expires(options, keys.now_ms()),
            )
        )
    return _made(options, key, secret)


def _rotate(options: argparse.Namespace, settings: Settings) -> int:
    key_id = _word(options, "KEY")
    with audited(settings, "apikeys.rotate", key_id, user=options.user), _keys(settings) as keys:
        key, secret = keys.rotate(key_id, options.public_key)
    return _made(options, key, secret)


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    key_id = _word(options, "KEY")
    if not options.reason:
        raise ConfigError("exchange apikeys revoke takes a --reason")
    recorded = audited(settings, "apikeys.revoke", key_id, user=options.user, reason=options.reason)
    with recorded, _keys(settings) as keys:
        key = keys.revoke(key_id, options.reason)
    print(json.dumps(_row(key), indent=2) if options.json else f"{key_id} counts no more")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    with _keys(settings) as keys:
        counting = {KeyStatus.LIVE, KeyStatus.RETIRING}
        found = [_row(each) for each in keys.all() if options.all or each.status(keys.now_ms()) in counting]
    if options.json:
        print(json.dumps(found, indent=2))
    elif not found:
        print("no keys")
    else:
        names = (
            "key_id",
            "name",
            "tenant",
            "scopes",
            "accounts",
            "addresses",
            "status",
            "expires",
            "last_used",
        )
        head = tuple(name.replace("_id", "").replace("_", " ") for name in names)
        print(table(head, [tuple(str(row[name] or "-") for name in names) for row in found], left=len(head)))
    return 0


def _show(options: argparse.Namespace, settings: Settings) -> int:
    with _keys(settings) as keys:
        row = _row(keys.find(_word(options, "KEY")))
    if options.json:
        print(json.dumps(row, indent=2))
        return 0
    for name, value in row.items():
        print(f"{name.replace('_', ' '):<13} {value or '-'}")
    return 0


def _made(options: argparse.Namespace, key: ApiKey, secret: str) -> int:
    if options.json:
        print(json.dumps(_row(key) | ({"secret": secret} if secret else {}), indent=2))
        return 0
    print(f"{key.key_id} is made")
    if secret:
        print(f"secret, printed this once: {secret}")
    return 0


def _row(key: ApiKey) -> dict[str, Any]:
    """What may be told of a key: no secret."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "tenant": key.tenant,
        "algorithm": key.algorithm,
        "scopes": ",".join(sorted(key.scopes)),
        "accounts": ",".join(map(str, key.accounts)),
        "addresses": ",".join(key.addresses),
        "status": str(key.status(time.time_ns() // 1_000_000)),
        "created": _when(key.created_ms),
        "expires": _when(key.expires_ms),
        "last_used": _when(key.used_ms),
        "replaced_by": key.replaced_by,
        "revoked": _when(key.revoked_ms),
        "reason": key.reason,
    }


def _word(options: argparse.Namespace, what: str) -> str:
    if not options.word:
        raise ConfigError(f"exchange apikeys {options.what} takes one {what}")
    word: str = options.word
    return word


def _expires(options: argparse.Namespace, now_ms: int) -> int | None:
    if options.days is None:
        return None
    return now_ms + int(timedelta(days=options.days).total_seconds() * _MS)


def _when(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / _MS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_WHATS: Final[dict[str, Callable[[argparse.Namespace, Settings], int]]] = {
    "create": _create,
    "list": _list,
    "show": _show,
    "rotate": _rotate,
    "revoke": _revoke,
}
