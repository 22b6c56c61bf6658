"""`exchange dlq`."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from cmatch.cli.words import DAY_S, INT64_MAX, UINT32_MAX, decimal, whole
from exchange.bus.topics import SERVICES
from exchange.cli.auditing import audited
from exchange.cli.common import add_settings, check_made, settings_of, table
from exchange.errors import ConfigError, ExchangeError
from exchange.runtime.dead_letters import letters_of
from exchange.runtime.service_host import store_url
from exchange.schema.events import event_json, event_of
from exchange.storage.sql import Store, open_store
from exchange.storage.sql.dead_letters import OPEN, Action, DeadLetters, Letter, LetterStatus
from exchange.storage.sql.store import stored_services

DESCRIPTION = """Events that a service could not take. They wait, and further events of the same entity behind
them, until somebody decides.

  list                    those that are open; --all: the others, too
  show LETTER             one of them: the event, why it is here, what was done about it
  replay LETTER           have the service try it again; once it is taken, those behind it follow
  discard LETTER          it shall have no effect; those behind it follow

A LETTER is a service and a number, as in settlement-17. To replay or discard takes a --reason, which is kept
with the time and who said so. To replay what was taken already changes nothing."""

_POLL_S: Final = 0.1
_NS_A_S: Final = 1_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, LETTER and the options."""
    parser.add_argument("what", choices=sorted(_WHATS), metavar="WHAT", help="list, show, replay or discard")
    parser.add_argument("letter", nargs="?", metavar="LETTER", help="which; not with list")
    add_settings(parser)
    parser.add_argument("--service", choices=SERVICES, metavar="NAME", help="with list: of that one alone")
    parser.add_argument("--all", action="store_true", help="with list: those that are decided, too")
    parser.add_argument(
        "--after", type=whole(0, INT64_MAX), default=0, metavar="N", help="with list: behind that number (0)"
    )
    parser.add_argument(
        "--most",
        type=whole(1, UINT32_MAX),
        default=100,
        metavar="N",
        help="with list: so many of a service (100)",
    )
    parser.add_argument("--reason", metavar="TEXT", help="with replay and discard: why")
    parser.add_argument(
        "--user",
        default=os.environ.get("USER", "operator"),
        metavar="NAME",
        help="who, for the records (default: who is logged on)",
    )
    parser.add_argument(
        "--wait",
        type=decimal(0, DAY_S),
        metavar="S",
        help="with replay: until the service tried it, so many seconds at most (default: not at all)",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0, or 1 where a replay that was waited for did not go well."""
    if (options.what == "list") == bool(options.letter):
        raise ConfigError("exchange dlq list takes no LETTER, the others take one")
    check_made(settings_of(options))
    return _WHATS[options.what](options)


def _list(options: argparse.Namespace) -> int:
    statuses = tuple(LetterStatus) if options.all else OPEN
    found = letters_of(
        settings_of(options),
        [options.service] if options.service else SERVICES,
        statuses=statuses,
        after=options.after,
        most=options.most,
    )
    if options.json:
        print(json.dumps([_as_json(service, letter) for service, letter in found], indent=2))
        return 0
    if not found:
        print("no dead letters")
        return 0
    head = ("letter", "status", "reason", "event", "entity", "tenant", "attempts", "failed at", "error")
    rows = [
        (
            f"{service}-{letter.letter}",
            letter.status,
            letter.reason,
            letter.envelope.event_type,
            f"{letter.envelope.entity.entity_type} {letter.envelope.entity.entity_id}",
            letter.envelope.tenant_id,
            str(letter.attempts),
            _when(letter.failed_at),
            letter.error.splitlines()[0][:60] if letter.error else "",
        )
        for service, letter in found
    ]
    print(table(head, rows, left=len(head)))
    return 0


def _show(options: argparse.Namespace) -> int:
    service, number = _named(options.letter)
    with _store(options, service) as store, store.read() as tx:
        letters = DeadLetters(service)
        letter = _found(letters.find(tx, number), options.letter)
        actions = letters.actions(tx, number)
    if options.json:
        print(
            json.dumps(_as_json(service, letter) | {"actions": [_action(each) for each in actions]}, indent=2)
        )
        return 0
    print(f"letter    {service}-{letter.letter}: {letter.status}")
    print(f"reason    {letter.reason}, after {letter.attempts} attempts, {_when(letter.failed_at)}")
    print(f"error     {letter.error}")
    print(f"consumer  {service} {letter.consumer_version}")
    print(f"from      {letter.topic}, offset {letter.offset}, sequence {letter.seq}")
    for action in actions:
        print(
            f"{action.what:<10}{_when(action.at)} by {action.who}{': ' * bool(action.reason)}{action.reason}"
        )
    print(f"event     {_event(letter)}")
    return 0


def _replay(options: argparse.Namespace) -> int:
    def ask(letters: DeadLetters, tx: Any, number: int) -> Letter:
        found = _found(letters.find(tx, number, lock=True), options.letter)
        if found.status is LetterStatus.REPLAYED:
            return found
        return letters.ask_replay(tx, number, options.user, _reason(options), time.time_ns())

    before = _decide(options, ask)
    if before.status is LetterStatus.REPLAYED:
        print(f"{options.letter} was taken already")
        return 0
    print(f"{options.letter} will be tried again by {_named(options.letter)[0]}")
    return 0 if options.wait is None else _await(options)


def _discard(options: argparse.Namespace) -> int:
    _decide(
        options,
        lambda letters, tx, number: letters.discard(
            tx, number, options.user, _reason(options), time.time_ns()
        ),
    )
    print(f"{options.letter} is discarded")
    return 0


def _decide(options: argparse.Namespace, what: Callable[[DeadLetters, Any, int], Letter]) -> Letter:
    service, number = _named(options.letter)
    reason = _reason(options)
    recorded = audited(
        settings_of(options), f"dlq.{options.what}", options.letter, user=options.user, reason=reason
    )
    with _store(options, service) as store, recorded, store.begin() as tx:
        return what(DeadLetters(service), tx, number)


def _await(options: argparse.Namespace) -> int:
    service, number = _named(options.letter)
    end = time.monotonic() + options.wait
    with _store(options, service) as store:
        while True:
            with store.read() as tx:
                letter = _found(DeadLetters(service).find(tx, number), options.letter)
            if letter.status is LetterStatus.REPLAYED:
                print(f"{options.letter} was taken")
                return 0
            if letter.status is LetterStatus.DEAD:
                print(f"{options.letter} failed again: {letter.error}")
                return 1
            if time.monotonic() >= end:
                print(f"{options.letter} was not tried within {options.wait:g} s: does {service} run?")
                return 1
            time.sleep(_POLL_S)


def _url(options: argparse.Namespace) -> str:
    return store_url(settings_of(options))


def _store(options: argparse.Namespace, service: str) -> AbstractContextManager[Store]:
    url = _url(options)
    if not stored_services(url, [service]):
        raise ExchangeError(f"{service} has no store there")
    return open_store(url, service)


def _named(letter: str) -> tuple[str, int]:
    service, _, number = letter.rpartition("-")
    if service not in SERVICES or not (number.isascii() and number.isdecimal()):
        raise ConfigError(f"{letter!r} is no dead letter: expected a service and a number: settlement-17")
    return service, int(number)


def _found(letter: Letter | None, name: str) -> Letter:
    if letter is None:
        raise ExchangeError(f"there is no dead letter {name}")
    return letter


def _reason(options: argparse.Namespace) -> str:
    if not options.reason:
        raise ConfigError(f"exchange dlq {options.what} takes a --reason")
    reason: str = options.reason
    return reason


def _when(ns: int) -> str:
    return datetime.fromtimestamp(ns / _NS_A_S, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(letter: Letter) -> str:
    return event_json(event_of(letter.envelope))


def _action(action: Action) -> dict[str, str]:
    return {"what": action.what, "who": action.who, "reason": action.reason, "at": _when(action.at)}


def _as_json(service: str, letter: Letter) -> dict[str, Any]:
    return {
        "letter": f"{service}-{letter.letter}",
        "status": str(letter.status),
        "reason": str(letter.reason),
        "error": letter.error,
        "attempts": letter.attempts,
        "consumerVersion": letter.consumer_version,
        "topic": letter.topic,
        "offset": letter.offset,
        "failedAt": _when(letter.failed_at),
        "event": json.loads(_event(letter)),
    }


_WHATS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "list": _list,
    "show": _show,
    "replay": _replay,
    "discard": _discard,
}
