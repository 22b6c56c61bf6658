"""`exchange admin`: what the admin service keeps, and who changed it when and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from operator import itemgetter
from typing import Any, Final

from cmatch.cli.words import UINT32_MAX, whole
from cmatch.rejects import RejectCode
from exchange.cli.common import check_runs, may_be_there, settings_of
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.cli.records import Lines, add_span, show, span_of, time_text
from exchange.client import Client
from exchange.client.past import Record
from exchange.domain.contracts.admin import FeeScheduleRecord, FeeTier, ProviderRecord, TenantRecord
from exchange.domain.enums import FeeMode
from exchange.domain.queries import AdminChangeRow
from exchange.errors import ServiceUnavailableError

_Show = Callable[[Client, argparse.Namespace], tuple[list[Record], Lines]]
_CHANGE_NAMES: Final = tuple(AdminChangeRow.__dataclass_fields__)


def add_why(parser: argparse.ArgumentParser) -> None:
    """Adds the option that says why."""
    parser.add_argument("--why", metavar="TEXT", default="", help="the reason, for `exchange admin history`")


def explained(client: Client, options: argparse.Namespace) -> AbstractContextManager[None]:
    """Has the commands within explained, where a reason was given.

    Raises:
        ServiceUnavailableError: There is nobody who could write it down.
    """
    if not options.why:
        return nullcontext()
    _check_there(options)
    return client.admin.because(options.why)


def sentence(help_: str) -> str:
    """What a list of commands says of one, as its own page begins."""
    return f"{help_[0].upper()}{help_[1:]}."


def _parser(chosen: Any, name: str, help_: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = chosen.add_parser(name, help=help_, description=sentence(help_))
    return made


def add_records(chosen: Any) -> None:
    """Adds what is shown and set of the admin service's own records."""
    history = _parser(chosen, "history", "who changed what, when and why; what was refused, too")
    history.add_argument("--type", default="", help="only of such things: Instrument, Limits, Tenant, …")
    history.add_argument("--id", default="", help="only of this one")
    history.add_argument("--who", default="", help="only what this one changed")
    history.add_argument("--correlation-id", default="", help="only what was asked by this")
    history.add_argument("--refused", action="store_true", help="only what was refused")
    history.add_argument("--oldest-first", action="store_true", help="the other way round")
    add_span(history)
    shown = {
        "instruments": "all instruments",
        "accounts": "all accounts",
        "tenants": "all tenants",
        "providers": "all liquidity providers",
        "fee-schedules": "all fee schedules",
    }
    commands = [history, *(_parser(chosen, name, text) for name, text in shown.items())]
    limits = _parser(chosen, "limits", "what is set for an account, or for the venue")
    limits.add_argument(
        "account", nargs="?", type=whole(), default=0, metavar="N", help="without: of the venue"
    )
    for command in (*commands, limits, *_setters(chosen)):
        command.set_defaults(arrow=None)
        add_client(command)


def run_records(options: argparse.Namespace) -> int:
    """Asks or sets, and prints; returns 0."""
    if options.what != "accounts":  # the replica has them
        _check_there(options)
    with connect(options) as client, wrong_words(f"admin {options.what}"):
        if options.what in _SET:
            print(json.dumps(_SET[options.what](client, options), indent=2))
            return 0
        records, lines = _SHOWN[options.what](client, options)
    options.what = {"history": "changes"}.get(options.what, options.what)
    show(options, records, tuple(records[0]) if records else _CHANGE_NAMES, lines, left=len(lines))
    return 0


def _check_there(options: argparse.Namespace) -> None:
    settings = settings_of(options)
    if not may_be_there(settings.endpoints.admin):
        check_runs(settings, options.orders or ())
        raise ServiceUnavailableError(
            f"the exchange on {settings.data_directory} keeps no history of changes:"
            " start it with --set admin.enabled=true (which publishes events, too)"
        )


def _setters(chosen: Any) -> list[argparse.ArgumentParser]:
    tenant = _parser(chosen, "tenant", "make or change a tenant")
    tenant.add_argument("id", metavar="N", help="its number")
    provider = _parser(chosen, "provider", "make or change a liquidity provider")
    provider.add_argument("id", metavar="ID", help="1 to 40 of A-Z a-z 0-9 . _ -")
    provider.add_argument(
        "--symbols", nargs="*", default=[], metavar="S", help="that it quotes; without: all"
    )
    for command, inactive in (
        (tenant, "it trades no more: its orders are cancelled, new ones refused"),
        (provider, "it is kept, and not active"),
    ):
        command.add_argument("--name", default="", help="for people")
        command.add_argument("--inactive", action="store_true", help=inactive)
    schedule = _parser(chosen, "fee-schedule", "make or change a fee schedule")
    schedule.add_argument("id", metavar="ID", help="1 to 40 of A-Z a-z 0-9 . _ -")
    schedule.add_argument("--name", default="", help="for people")
    schedule.add_argument(
        "--tier",
        action="append",
        default=[],
        required=True,
        metavar="VOLUME:MAKER:TAKER",
        help="from this 30-day volume on (minor units of quote), rates in 1e-9; once for each tier",
    )
    fees = _parser(chosen, "fees", "have the core charge otherwise for trades of an instrument")
    fees.add_argument("symbol", help="of the instrument")
    fees.add_argument(
        "--maker-rate", type=int, required=True, metavar="N", help="in 1e-9; negative: a rebate"
    )
    fees.add_argument("--taker-rate", type=int, required=True, metavar="N", help="in 1e-9")
    fees.add_argument(
        "--fee-mode",
        choices=[str(mode) for mode in FeeMode],
        help="in which asset they are taken (default: as before)",
    )
    commands = [tenant, provider, schedule, fees]
    for command in commands:
        command.add_argument(
            "--version",
            type=whole(0, UINT32_MAX),
            default=0,
            metavar="N",
            help="refuse unless it has this version (0: whatever it has)",
        )
        add_why(command)
    return commands


def _history(client: Client, options: argparse.Namespace) -> tuple[list[Record], Lines]:
    rows = client.admin.changes(
        entity_type=options.type,
        entity_id=options.id,
        who=options.who,
        correlation_id=options.correlation_id,
        refused=options.refused,
        oldest_first=options.oldest_first,
        **span_of(options),
    )
    records = [asdict(row) for row in rows]
    if options.json:
        for record in records:
            record |= {name: json.loads(record[name] or "null") for name in ("before", "afterwards")}
    return records, _CHANGE_LINES


def _limits(client: Client, options: argparse.Namespace) -> tuple[list[Record], Lines]:
    record = asdict(client.admin.limits(options.account))
    return [record], _columns(name for name in record if name != "user_id")


def _accounts(client: Client, _: argparse.Namespace) -> tuple[list[Record], Lines]:
    found = [asdict(each) for each in client.query.accounts()]
    return found, _columns(found[0] if found else ())


def _records(method: str) -> _Show:
    def records(client: Client, _: argparse.Namespace) -> tuple[list[Record], Lines]:
        found = [
            {name: _plain(value) for name, value in asdict(each).items()}
            for each in getattr(client.admin, method)()
        ]
        return found, _columns(found[0] if found else ())

    return records


def _instruments(client: Client, options: argparse.Namespace) -> tuple[list[Record], Lines]:
    found, lines = _records("instruments")(client, options)

    def decimal(name: str, each: Record) -> str:
        return client.instruments.instrument(each["instrument_id"]).qty(each[name])

    return found, {**lines, **{name: partial(decimal, name) for name in ("min_qty", "max_qty") if found}}


def _columns(names: Iterable[str]) -> Lines:
    return {name: itemgetter(name) for name in names}


def _plain(value: Any) -> Any:
    """A value as a table or a file can have it."""
    if isinstance(value, tuple | list):
        return " ".join(
            ":".join(map(str, each.values())) if isinstance(each, dict) else str(each) for each in value
        )
    return str(value) if hasattr(value, "name") else value


def _set_tenant(client: Client, options: argparse.Namespace) -> Record:
    record = TenantRecord(
        tenant_id=options.id, name=options.name, active=not options.inactive, version=options.version
    )
    return asdict(client.admin.upsert_tenant(record, why=options.why))


def _set_provider(client: Client, options: argparse.Namespace) -> Record:
    record = ProviderRecord(
        provider_id=options.id,
        name=options.name,
        active=not options.inactive,
        symbols=tuple(options.symbols),
        version=options.version,
    )
    return asdict(client.admin.upsert_provider(record, why=options.why))


def _set_schedule(client: Client, options: argparse.Namespace) -> Record:
    tiers = []
    for text in options.tier:
        numbers = text.split(":")
        if len(numbers) != 3:  # VOLUME:MAKER:TAKER
            raise ValueError(f"--tier {text}: expected VOLUME:MAKER:TAKER")
        volume, maker, taker = map(int, numbers)
        tiers.append(FeeTier(volume_min=volume, maker_rate=maker, taker_rate=taker))
    record = FeeScheduleRecord(
        schedule_id=options.id, name=options.name, tiers=tuple(tiers), version=options.version
    )
    return asdict(client.admin.upsert_fee_schedule(record, why=options.why))


def _set_fees(client: Client, options: argparse.Namespace) -> Record:
    fees = client.admin.set_fees(
        options.symbol,
        maker_rate=options.maker_rate,
        taker_rate=options.taker_rate,
        fee_mode=options.fee_mode,
        version=options.version,
        why=options.why,
    )
    return {name: _plain(value) for name, value in asdict(fees).items()}


def _outcome(record: Record) -> str:
    if not record["reject"]:
        return "done"
    try:
        return str(RejectCode(record["reject"]))  # type: ignore[call-arg]  # a look-up
    except ValueError:
        return f"reject_{record['reject']}"


def _difference(record: Record) -> str:
    """What was said, with what was there before where that was something else."""
    before = json.loads(record["before"] or "{}")
    after = json.loads(record["afterwards"])
    gone = [f"{name}: {before[name]} -> none" for name in before if name not in after]
    said = [
        f"{name}: {before[name]} -> {value}" if name in before else f"{name}: {value}"
        for name, value in after.items()
        if name not in before or before[name] != value
    ]
    return ", ".join(said + gone) or "as before"


_CHANGE_LINES: Final[Lines] = {
    "time": lambda each: time_text(each["changed_at"]),
    "change": lambda each: each["change"],
    "of": lambda each: f"{each['entity_type']} {each['entity_id']}",
    "who": lambda each: each["who"],
    "why": lambda each: each["why"],
    "outcome": _outcome,
    "what": _difference,
}
_SHOWN: Final[dict[str, _Show]] = {
    "history": _history,
    "instruments": _instruments,
    "accounts": _accounts,
    "tenants": _records("tenants"),
    "providers": _records("providers"),
    "fee-schedules": _records("fee_schedules"),
    "limits": _limits,
}
_SET: Final[dict[str, Callable[[Client, argparse.Namespace], Record]]] = {
    "tenant": _set_tenant,
    "provider": _set_provider,
    "fee-schedule": _set_schedule,
    "fees": _set_fees,
}
RECORDS: Final = frozenset(_SHOWN) | frozenset(_SET)
"""What is no command of the core's."""
