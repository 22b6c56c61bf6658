"""`exchange admin WHAT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exchange.cli.admin_records import RECORDS, add_records, add_why, explained, run_records, sentence
from exchange.cli.common import as_json, name_of, name_or_all
from exchange.cli.connecting import add_client, connect, wrong_words
from exchange.client import AdminAnswer, Client
from exchange.domain.enums import FeeMode, Phase, Scope
from exchange.errors import ConfigError

DESCRIPTION = """Commands of operators: each is sequenced and journaled like an order, and answered. Amounts
and prices are decimals, assets and instruments go by symbol or number. `exchange admin WHAT --help` lists
the options.

An exchange whose setting admin.enabled is true keeps who changed what, when, and (--why) why: `history` shows
it. It keeps tenants, liquidity providers and fee schedules, too."""

Call = Callable[[Client, argparse.Namespace], AdminAnswer]


@dataclass(frozen=True)
class Option:
    """One argument of an administrative command: its name and what argparse is told of it."""

    name: str
    help: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class What:
    """One administrative command."""

    name: str
    help: str
    options: tuple[Option, ...]
    call: Call


def _number(name: str, help_: str, **more: Any) -> Option:
    return Option(name, help_, {"type": int, "metavar": "N", **more})


def _text(name: str, help_: str, **more: Any) -> Option:
    return Option(name, help_, {"metavar": name.lstrip("-").upper().replace("-", "_"), **more})


def _choice(name: str, help_: str, words: Any, **more: Any) -> Option:
    choices = [str(word) for word in words]
    return Option(name, help_, {"choices": choices, **more})


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, as keyword arguments."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


_ACCOUNT = _number("account", "the account", metavar="ACCOUNT")
_ASSET = _text("asset", "the asset, by symbol or number")
_INSTRUMENT = _text("instrument", "the instrument, by symbol or number")
_AMOUNT = _text("amount", "how much, as a decimal")
_TRANSFER = _number("--transfer-id", "names this request for ever; the same again gets the first answer")
_VERSION = _number("--expected-version", "refuse unless the balance has this version")
_MONEY = ("transfer_id", "expected_version")
_LIMITS = (
    _text("--max-order-qty", "largest quantity of an order; without --instrument in lots"),
    _number("--max-order-notional", "largest notional of an order, minor units of the quote asset"),
    _number("--max-open-orders", "most live orders"),
    _text("--max-position", "largest position, as a quantity; likewise"),
    _number("--max-gross-notional", "minor units of the quote asset"),
    _number("--max-net-notional", "minor units of the quote asset"),
    _number("--max-daily-loss", "minor units of the quote asset"),
    _text("--price-collar", "farthest from the reference, as a price; without --instrument in ticks"),
    _number("--order-rate", "new orders in the interval"),
    _number("--rate-interval", "ns (default: a second)"),
    _number("--duplicate-window", "ns in which the same order may not come again"),
)
_OF_A_SCALE = ("max_order_qty", "max_position", "price_collar")
_FEE_MODE = (
    "in which asset fees are taken: received, the one that a side gets; quote; base (default: received)"
)
_POLICIES = {"all": 0, "reserve-only": 1, "none": 2}
_PRECISION = 1_000_000_000


def _money(method: str) -> Call:
    def call(client: Client, options: argparse.Namespace) -> AdminAnswer:
        answer: AdminAnswer = getattr(client.admin, method)(
            name_of(options.asset), options.amount, account=options.account, **_given(options, *_MONEY)
        )
        return answer

    return call


def _kill(*, on: bool) -> Call:
    def call(client: Client, options: argparse.Namespace) -> AdminAnswer:
        number = name_or_all(options.number)
        scope = options.scope
        if scope == "venue" and options.number is not None:
            raise ConfigError("kill of venue takes no number: it is of all of it")
        if scope != "venue" and not number:
            raise ConfigError(f"kill of {scope} needs the number of the {scope}")
        if scope in ("tenant", "account") and not isinstance(number, int):
            raise ConfigError(f"{scope} {number!r} is no number")
        more: dict[str, Any] = {} if scope == "venue" else {scope: number}
        return client.admin.kill(scope, on=on, **more)

    return call


def _define_asset(client: Client, options: argparse.Namespace) -> AdminAnswer:
    return client.admin.define_asset(options.number, options.symbol, options.scale)


def _define_instrument(client: Client, options: argparse.Namespace) -> AdminAnswer:
    more = _given(
        options,
        "fee_mode",
        "maker_rate",
        "taker_rate",
        "tick_step",
        "lot_step",
        "min_price",
        "max_price",
        "max_qty",
    )
    more |= _given(options, "collar", "static_band", "dynamic_band", "reference", "phase")
    return client.admin.define_instrument(
        options.number,
        options.symbol,
        base=name_of(options.base),
        quote=name_of(options.quote),
        price_scale=options.price_scale,
        qty_scale=options.qty_scale,
        **more,
    )


def _set_limits(client: Client, options: argparse.Namespace) -> AdminAnswer:
    names = [option.name.lstrip("-").replace("-", "_") for option in _LIMITS]
    instrument = name_or_all(options.instrument)
    given = _given(options, *names)
    if instrument == 0:
        given |= {name: name_of(given[name]) for name in _OF_A_SCALE if name in given}
    return client.admin.set_limits(account=options.account or 0, instrument=instrument, **given)


def _collateral(client: Client, options: argparse.Namespace) -> AdminAnswer:
    return client.admin.set_collateral(
        name_of(options.asset),
        collateral_asset=name_of(options.collateral_asset),
        mark=options.mark,
        haircut=options.haircut,
    )


WHATS: tuple[What, ...] = (
    What(
        "define-asset",
        "make an asset known",
        (
            _number("number", "its number", metavar="NUMBER"),
            _text("symbol", "its symbol"),
            _number("scale", "decimals of a minor unit, 0 to 18", metavar="DECIMALS"),
        ),
        _define_asset,
    ),
    What(
        "define-instrument",
        "define an instrument, or define it anew",
        (
            _number("number", "its number", metavar="NUMBER"),
            _text("symbol", "its symbol"),
            _text("--base", "the asset that is traded", required=True),
            _text("--quote", "the asset that it is paid in", required=True),
            _number("--price-scale", "one tick is 10^-N of quote", required=True),
            _number("--qty-scale", "one lot is 10^-N of base", required=True),
            _choice("--fee-mode", _FEE_MODE, FeeMode),
            _number("--maker-rate", f"fee in 1/{_PRECISION:,} of the notional; negative is a rebate (0)"),
            _number("--taker-rate", f"fee in 1/{_PRECISION:,} of the notional (0)"),
            _text("--tick-step", "prices are multiples of it (one tick)"),
            _text("--min-price", "the lowest price of an order (one tick)"),
            _text(
                "--max-price",
                "the highest; without a collar a market buy reserves as much (1,000,000,000 ticks)",
            ),
            _text("--lot-step", "quantities are multiples of it (one lot)"),
            _text("--max-qty", "the largest quantity of an order (1,000,000,000 lots)"),
            _text("--collar", "how far from the reference a market order may trade, as a price (no bound)"),
            _text("--static-band", "how far from the reference anything may trade, as a price (no bound)"),
            _text("--dynamic-band", "how far from the last price anything may trade, as a price (no bound)"),
            _text("--reference", "the reference price to begin with (none)"),
            _choice("--phase", f"in which it begins: {', '.join(map(str, Phase))} (continuous)", Phase),
        ),
        _define_instrument,
    ),
    What(
        "phase",
        "move an instrument to another phase",
        (_INSTRUMENT, _choice("phase", "the new one", Phase)),
        lambda client, options: client.admin.set_phase(name_of(options.instrument), options.phase),
    ),
    What(
        "shard",
        "say which shard matches an instrument from now on",
        (_INSTRUMENT, _number("shard", "its number; 0: the core itself", metavar="SHARD")),
        lambda client, options: client.admin.assign_shard(name_of(options.instrument), options.shard),
    ),
    What(
        "mark",
        "set the mark price of an instrument",
        (_INSTRUMENT, _text("price", "as a decimal")),
        lambda client, options: client.admin.set_mark(name_of(options.instrument), options.price),
    ),
    What(
        "reference",
        "set the reference price of an instrument",
        (_INSTRUMENT, _text("price", "as a decimal")),
        lambda client, options: client.admin.set_reference(name_of(options.instrument), options.price),
    ),
    What(
        "open-account",
        "open an account of a tenant",
        (
            _ACCOUNT,
            _number("--of", "the tenant", required=True),
            _number("--parent", "of a sub-account", default=0),
        ),
        lambda client, options: client.admin.open_account(
            options.account, tenant=options.of, parent=options.parent
        ),
    ),
    What(
        "deposit", "pay in from outside", (_ACCOUNT, _ASSET, _AMOUNT, _TRANSFER, _VERSION), _money("deposit")
    ),
    What("withdraw", "pay out", (_ACCOUNT, _ASSET, _AMOUNT, _TRANSFER, _VERSION), _money("withdraw")),
    What(
        "transfer",
        "move money to another account of the same tenant",
        (
            _number("account", "the account that pays", metavar="FROM"),
            _ASSET,
            _AMOUNT,
            _number("to", "the account that gets it", metavar="TO"),
            _TRANSFER,
            _VERSION,
        ),
        lambda client, options: client.admin.transfer(
            name_of(options.asset),
            options.amount,
            to=options.to,
            account=options.account,
            **_given(options, *_MONEY),
        ),
    ),
    What(
        "set-limits",
        "replace the limits of a scope; what is not given is lifted there",
        (
            _number("--account", "without: of every account"),
            _text("--instrument", "without: of every one"),
            *_LIMITS,
        ),
        _set_limits,
    ),
    What(
        "kill",
        "block new orders and cancel what rests",
        (_choice("scope", "of what", Scope), _text("number", "which", nargs="?")),
        _kill(on=True),
    ),
    What(
        "unkill",
        "lift a kill switch",
        (_choice("scope", "of what", Scope), _text("number", "which", nargs="?")),
        _kill(on=False),
    ),
    What(
        "collateral",
        "say how an asset counts as collateral",
        (
            _ASSET,
            _text("--collateral-asset", "in which it is valued", required=True),
            _number("--mark", "minor units of that for one whole unit", required=True),
            _number("--haircut", f"what is taken off, in 1/{_PRECISION:,}", default=0),
        ),
        _collateral,
    ),
    What(
        "stage",
        "say that the matching stage is away, or back",
        (Option("where", "away or back", {"choices": ["away", "back"]}),),
        lambda client, options: client.admin.set_stage(away=options.where == "away"),
    ),
    What(
        "policy",
        "say which checks orders meet; all but the first are for benchmarks",
        (Option("policy", "which", {"choices": list(_POLICIES)}),),
        lambda client, options: client.admin.set_policy(_POLICIES[options.policy]),
    ),
    What(
        "settlement",
        "say who posts trades: a settlement service, or the venue as they are made",
        (Option("who", "by-service or at-once", {"choices": ["by-service", "at-once"]}),),
        lambda client, options: client.admin.set_settlement(options.who == "by-service"),
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds WHAT, each with its options."""
    chosen = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for what in WHATS:
        command = chosen.add_parser(what.name, help=what.help, description=sentence(what.help))
        for option in what.options:
            command.add_argument(option.name, help=option.help, **option.more)
        add_why(command)
        add_client(command)
        command.set_defaults(call=what.call)
    add_records(chosen)


def run(options: argparse.Namespace) -> int:
    """Sends the command; returns 0, or 1 where it was refused."""
    if options.what in RECORDS:
        return run_records(options)
    with (
        connect(options) as client,
        explained(client, options),
        wrong_words(f"admin {options.what}"),
    ):
        answer: AdminAnswer = options.call(client, options)
    if options.json:
        print(as_json(answer))
        return int(not answer.ok)
    if answer.reject is not None:
        print(f"exchange: refused: {answer.reject}: {answer.reject.meaning}", file=sys.stderr)
        return 1
    words = f"done, sequence {answer.sequence}" + (", as before" if answer.duplicate else "")
    if answer.balance is not None:
        with_units = f"total {answer.balance.total}, reserved {answer.balance.reserved} minor units"
        words += f": {with_units}, version {answer.balance.version}"
    print(words)
    return 0
