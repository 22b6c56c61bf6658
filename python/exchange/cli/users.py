"""`exchange users`."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from cmatch.cli.words import UINT32_MAX, whole
from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.cli.identity_store import identity_store
from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.security.user_roles import USER_ROLES

if TYPE_CHECKING:
    from exchange.services.identity.users import User, Users

DESCRIPTION = """The people who sign in at the gateway, with a name and a password.

  create NAME      a new one: --tenant, --role, --account; the password is read from standard input
  list             all of them; --tenant: of one tenant
  show NAME        what is known of one
  password NAME    another password, from standard input; all sessions of the user end
  roles NAME       other --role, and other --account where they are said
  disable NAME     may do nothing more: sessions and keys are revoked; takes a --reason

Roles: viewer (looks), trader (orders, cancels, transfers), operator (looks, also at users), admin (all of
that, and makes users). A password has 12 to 128 characters; those that are tried first are refused.
Every command that changes something is recorded in the audit log before it does."""

_MS: Final = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, its word and the options."""
    parser.add_argument("what", choices=list(_WHATS), metavar="WHAT", help=", ".join(_WHATS))
    parser.add_argument("word", nargs="?", metavar="NAME", help="as above")
    add_settings(parser)
    parser.add_argument(
        "--tenant", type=whole(0, UINT32_MAX), metavar="N", help="the tenant for whom the user speaks"
    )
    parser.add_argument(
        "--role", action="append", default=[], choices=list(USER_ROLES), help="what it is; repeatable"
    )
    parser.add_argument(
        "--account", action="append", type=whole(), metavar="N", help="those alone; repeatable"
    )
    parser.add_argument("--reason", metavar="TEXT", help="with disable: why")
    parser.add_argument("--user", metavar="NAME", help="who, for the records (default: who is logged on)")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0."""
    settings = settings_of(options)
    if options.what in ("list", "show"):
        check_made(settings)
    return _WHATS[options.what](options, settings)


@contextmanager
def users_of(settings: Settings) -> Iterator[Users]:
    """Those of an exchange."""
    with identity_store(settings) as store:
        yield import_module("exchange.services.identity.users").Users(store)


def _create(options: argparse.Namespace, settings: Settings) -> int:
    name = _name(options)
    if options.tenant is None:
        raise ConfigError("exchange users create takes the number of a --tenant")
    if not options.role:
        raise ConfigError(f"exchange users create takes a --role: {', '.join(USER_ROLES)}")
    password = _hashed(name, options.what)
    said = {"tenant": options.tenant, "roles": ",".join(sorted(options.role))}
    with (
        audited(settings, "users.create", name, user=options.user, begins=True, **said),
        users_of(settings) as users,
    ):
        user = users.create(name, options.tenant, password, options.role, options.account or ())
    return _told(options, user, f"{user.name} is made, as {user.user_id}")


def _password(options: argparse.Namespace, settings: Settings) -> int:
    name = _name(options)
    password = _hashed(name, options.what)
    with audited(settings, "users.password", name, user=options.user), users_of(settings) as users:
        user = users.named(name)
        users.set_password(user.user_id, password)
    return _told(options, user, f"{user.name} has another password; all sessions of it have ended")


def _roles(options: argparse.Namespace, settings: Settings) -> int:
    name = _name(options)
    if not options.role:
        raise ConfigError(f"exchange users roles takes a --role: {', '.join(USER_ROLES)}")
    said = ",".join(sorted(options.role))
    recorded = audited(settings, "users.roles", name, user=options.user, roles=said)
    with recorded, users_of(settings) as users:
        user = users.set_roles(name, options.role, options.account)
    return _told(options, user, f"{user.name} is {', '.join(sorted(user.roles))}")


def _disable(options: argparse.Namespace, settings: Settings) -> int:
    name = _name(options)
    if not options.reason:
        raise ConfigError("exchange users disable takes a --reason")
    recorded = audited(settings, "users.disable", name, user=options.user, reason=options.reason)
    with recorded, users_of(settings) as users:
        user = users.disable(name, options.reason)
    return _told(options, user, f"{user.name} may do nothing more")


def _list(options: argparse.Namespace, settings: Settings) -> int:
    found: list[dict[str, Any]] = []
    with users_of(settings) as users:
        page = users.all(options.tenant)
        while page:
            found += map(_row, page)
            page = users.all(options.tenant, page[-1].name)
    if options.json:
        print(json.dumps(found, indent=2))
    elif not found:
        print("no users")
    else:
        names = ("name", "user_id", "tenant", "roles", "accounts", "status", "created")
        rows = [tuple(str(row[name] or "-") for name in names) for row in found]
        print(table(tuple(name.replace("_id", "") for name in names), rows, left=len(names)))
    return 0


def _show(options: argparse.Namespace, settings: Settings) -> int:
    with users_of(settings) as users:
        user = users.named(_name(options))
    if not options.json:
        for name, value in _row(user).items():
            print(f"{name.replace('_', ' '):<9} {value or '-'}")
        return 0
    return _told(options, user, "")


def _told(options: argparse.Namespace, user: User, sentence: str) -> int:
    print(json.dumps(_row(user), indent=2) if options.json else sentence)
    return 0


def _row(user: User) -> dict[str, Any]:
    """What may be told of a user: no hash."""
    return {
        "user_id": user.user_id,
        "name": user.name,
        "tenant": user.tenant,
        "roles": ",".join(sorted(user.roles)),
        "accounts": ",".join(map(str, user.accounts)),
        "status": "live" if user.disabled_ms is None else "disabled",
        "created": _when(user.created_ms),
        "disabled": _when(user.disabled_ms),
        "reason": user.reason,
    }


def _hashed(name: str, what: str) -> str:
    """The hash of a password: the first line of standard input, or typed twice at a terminal."""
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            raise ConfigError("the two passwords are not the same")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise ConfigError(
                f"there is no password on standard input: echo PASSWORD | exchange users {what} {name} ..."
            )
    passwords = import_module("exchange.services.identity.passwords")
    hashed: str = passwords.hashed(passwords.checked_password(password, name))
    return hashed


def _name(options: argparse.Namespace) -> str:
    if not options.word:
        raise ConfigError(f"exchange users {options.what} takes one NAME")
    word: str = options.word
    return word


def _when(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / _MS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_WHATS: Final[dict[str, Callable[[argparse.Namespace, Settings], int]]] = {
    "create": _create,
    "list": _list,
    "show": _show,
    "password": _password,
    "roles": _roles,
    "disable": _disable,
}
