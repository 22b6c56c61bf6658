"""`exchange keygen NAME`."""

from __future__ import annotations

import argparse
from pathlib import Path

from exchange.bus.curve import KeyPair, make_keys
from exchange.cli.common import add_settings, settings_of
from exchange.config.private import private_directory
from exchange.errors import ConfigError

DESCRIPTION = """Make CURVE keys for an exchange that is reached over TCP. `exchange keygen --server` makes
the keys of the exchange itself; `exchange keygen NAME` those of a client, and lets it in. The secret half
is written to NAME.key, readable by you alone, and never printed. A file that exists is never replaced."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds NAME and the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the client: letters, digits, - and _")
    add_settings(parser)
    parser.add_argument("--server", action="store_true", help="the exchange's own keys")
    parser.add_argument(
        "--keys", type=Path, metavar="DIR", help="where keys lie (default: DATA/keys, or as configured)"
    )
    parser.add_argument("--tenant", metavar="N", help="the tenant that the client speaks for; without: any")
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="what it may do; may be repeated"
    )


def run(options: argparse.Namespace) -> int:
    """Makes the keys; returns 0."""
    if options.server == bool(options.name):
        raise ConfigError("exchange keygen takes the NAME of a client, or --server")
    settings = settings_of(options)
    keys = options.keys or settings.security.keys_directory or settings.data_directory / "keys"
    if options.server:
        pair = KeyPair.generate()
        pair.write(private_directory(keys) / "server.key")
        print(f"public key of the exchange: {pair.public}")
        print(f"clients are let in by `exchange keygen NAME --keys {keys}`")
    else:
        make_keys(keys, options.name, tenant=options.tenant, roles=options.role)
        print(f"{keys / options.name}.key is for the client")
        print(f"{keys / 'clients' / options.name}.toml lets it in")
    return 0
