"""What commands share that speak to a running exchange: who speaks, and to whom."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cmatch.cli.words import UINT32_MAX, place, whole
from exchange.bus.curve import KeyPair
from exchange.cli.common import add_settings, check_runs, settings_of
from exchange.client import Client, Reader, UnknownName
from exchange.client.requests import checked_id
from exchange.errors import ConfigError

OPERATOR = 0
_PATIENCE_MS = 30_000  # whoever waits at a terminal can interrupt


def add_client(parser: argparse.ArgumentParser, *, account: bool = False) -> None:
    """Adds the options of a command that speaks to a running exchange."""
    add_settings(parser)
    parser.add_argument(
        "--orders",
        action="append",
        metavar="ENDPOINT",
        help="where the core is (default: as configured); may be repeated: tried in turn until one leads",
    )
    add_identity(parser)
    if account:
        parser.add_argument("--account", type=whole(), required=True, metavar="N", help="the account")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_identity(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say who speaks."""
    who = parser.add_argument_group("who speaks")
    tenant = "tenant (0, the operator)"
    who.add_argument("--tenant", type=whole(0, UINT32_MAX), default=OPERATOR, metavar="N", help=tenant)
    records = "who, for the records (default: who is logged on)"
    user = os.environ.get("USER", "operator")
    who.add_argument("--user", type=_named, default=user, metavar="NAME", help=records)
    who.add_argument("--key", type=place, metavar="FILE", help="CURVE keys of this client, for TCP")
    who.add_argument("--server-key", metavar="KEY", help="the exchange's public key, for TCP")


def _named(word: str) -> str:
    try:
        return checked_id("a name", word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@contextmanager
def wrong_words(of: str) -> Iterator[None]:
    """Says of what does not fit a request which command it was said to.

    Raises:
        ConfigError: It does not fit.
    """
    try:
        yield
    except UnknownName as error:
        raise ConfigError(f"{of}: there is no {error.kind} {error.which!r}") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{of}: {error}") from None


def reader_of(options: argparse.Namespace) -> Reader:
    """Asks the exchange that the options mean, without a session: the core hears nothing of it."""
    settings = settings_of(options)
    return Reader(
        options.orders or [settings.endpoints.orders],
        tenant=options.tenant,
        name=f"cli-{os.getpid()}",
        user=options.user,
        queries=settings.endpoints.queries,
        history=settings.endpoints.history,
        keys=KeyPair.read(options.key) if options.key else None,
        server_key=options.server_key,
        timeout_ms=_PATIENCE_MS,
    )


def connect(options: argparse.Namespace, *, account: int | None = None) -> Client:
    """A session with the exchange that the options mean; it knows all instruments.

    Raises:
        ServiceUnavailableError: none runs there.
        ExchangeError: it does not let us in.
    """
    settings = settings_of(options)
    endpoints: list[str] = options.orders or [settings.endpoints.orders]
    check_runs(settings, endpoints)
    client = Client.connect(
        endpoints,
        tenant=options.tenant,
        name=f"cli-{os.getpid()}",
        user=options.user,
        account=account,
        queries=settings.endpoints.queries,
        history=settings.endpoints.history,
        marketdata=settings.endpoints.marketdata,
        admin=settings.endpoints.admin,
        settlement=settings.endpoints.settlement,
        keys=KeyPair.read(options.key) if options.key else None,
        server_key=options.server_key,
        timeout_ms=_PATIENCE_MS,
        connect_ms=_PATIENCE_MS,
    )
    try:
        client.load_instruments()
    except BaseException:
        client.close()
        raise
    return client
